// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

import Testing

@testable import Samples

@Suite struct TextTests {
    @Test(arguments: [
        (0, 0, "0"), (5, 3, "  5"), (12345, 3, "12345"), (UInt64.max, 0, "18446744073709551615"),
        (UInt64.max, 25, "     18446744073709551615"), (7, 22, "                     7"), (1, -4, "1"),
    ])
    func decimals(_ value: UInt64, _ width: Int, _ expected: String) {
        var text = Text()
        text.append(value, width: width)
        #expect(text.string == expected)
    }

    @Test func fills() {
        var text = Text(capacity: -1)
        text.append(5, width: 2, fill: UInt8(ascii: "0"))
        text.append(UInt8(ascii: "x"), count: 3)
        text.append(UInt8(ascii: "y"), count: -3)
        text.append(hundredths: 12_305)
        #expect(text.string == "05xxx123.05")
    }

    @Test func saturatingArithmetic() {
        #expect(UInt64(3).subtracting(orMin: 5) == 0)
        #expect(UInt64.max.adding(orMax: 1) == .max)
        #expect(UInt64.max.multiplied(orMax: 2) == .max)
        #expect(UInt64.max.scaled(by: 3, over: 2) == .max)
        #expect(UInt64.max.scaled(by: 3, over: 4) == 13_835_058_055_282_163_711)
        #expect(UInt64(7).scaled(by: 1, over: 0) == 0)
    }
}
