// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

import Testing

@testable import Samples

@Suite struct ReaderTests {
    @Test func linesEndWithoutNewlineToo() {
        #expect(lines("one\n\nthree") == ["one", "", "three"])
        #expect(lines("one\n") == ["one"])
        #expect(lines("") == [])
    }

    @Test func numbersSaturate() {
        #expect(
            numbers("18446744073709551615 18446744073709551616 99999999999999999999999999 x") == [.max, .max, .max]
        )
    }

    @Test(arguments: [
        ("-9223372036854775808", Int64.min), ("-99999999999999999999", .min), ("9223372036854775808", .max), ("-0", 0),
        ("-", nil), ("-x", nil), ("", nil),
    ])
    func signedNumbersSaturate(_ text: String, _ value: Int64?) {
        #expect(signed(text) == value)
    }

    @Test func skippingStopsAtTheEnd() {
        #expect(positionAfterSkipping([.max], in: "abc") == 3)
        #expect(positionAfterSkipping([1, -1, 1], in: "abc") == 2)
        #expect(positionAfterSkipping([3, 1], in: "abc") == 3)
    }

    @Test func keysLongerThanTheCapacityEqualNoLiteral() {
        #expect(key("abcdefghijklmnopqrstuvwxyz012345 5") == Key("abcdefghijklmnopqrstuvwxyz012345"))
        #expect(key("abcdefghijklmnopqrstuvwxyz0123456 5") != Key("abcdefghijklmnopqrstuvwxyz012345"))
        #expect(key("abcdefghijklmnopqrstuvwxyz0123456") == Key(bytes("something else, longer than thirty-two bytes")))
    }

    @Test func escapesAreTurnedBack() {
        #expect(unescaped("a\\040b\\134\\9\\777\\04") == "a b\\\\9\\777\\04")
    }

    private func lines(_ text: String) -> [String] {
        let text = bytes(text)
        var reader = Reader(text.span)
        var lines: [String] = []
        while let line = reader.line() { lines.append(string(line.array())) }
        return lines
    }

    private func numbers(_ text: String) -> [UInt64] {
        let text = bytes(text)
        var reader = Reader(text.span)
        var numbers: [UInt64] = []
        while let number = reader.blankNumber() { numbers.append(number) }
        return numbers
    }

    private func signed(_ text: String) -> Int64? {
        let text = bytes(text)
        var reader = Reader(text.span)
        return reader.signedNumber()
    }

    private func positionAfterSkipping(_ counts: [Int], in text: String) -> Int {
        let text = bytes(text)
        var reader = Reader(text.span)
        for count in counts { reader.skip(count) }
        return reader.position
    }

    private func key(_ text: String) -> Key {
        let text = bytes(text)
        var reader = Reader(text.span)
        return reader.key()
    }

    private func unescaped(_ text: String) -> String {
        let text = bytes(text)
        let reader = Reader(text.span)
        return string(reader.unescaped())
    }
}
