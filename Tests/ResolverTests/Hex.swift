// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

/// Bytes from annotated hexadecimal: what follows `#` on a line is a remark.
func hex(_ text: String) -> [UInt8] {
    var bytes: [UInt8] = []
    for line in text.split(separator: "\n") {
        let digits = line.prefix { $0 != "#" }.filter { !$0.isWhitespace }
        var index = digits.startIndex
        while index < digits.endIndex {
            let next = digits.index(index, offsetBy: 2)
            bytes.append(UInt8(digits[index..<next], radix: 16) ?? 0)
            index = next
        }
    }
    return bytes
}

/// A generator that counts: the same in every run.
struct CountingGenerator: RandomNumberGenerator {
    var state: UInt64 = 0x1234_5678_9abc_def0

    mutating func next() -> UInt64 {
        state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        return state ^ state >> 29
    }
}
