// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

import Testing
import umwelt_dns

struct ComparisonTests {
    private func difference(_ one: String, _ other: String) -> [String] {
        Comparison.difference(Array(one.utf8), Array(other.utf8))
    }

    /// In the order that they have: of nameservers it matters.
    @Test func differencesAreLinesInTheirOrder() {
        #expect(difference("a\nb\n", "a\nc\n") == ["- b", "+ c"])
        #expect(difference("a\nb\nc\n", "x\ny\n") == ["- a", "- b", "- c", "+ x", "+ y"])
        #expect(difference("1\nx\n2\ny\n", "x\n3\n4\ny\n5\n") == ["- 1", "- 2", "+ 3", "+ 4", "+ 5"])
        #expect(difference("", "a\nb\n") == ["+ a", "+ b"])
        #expect(difference("a\n", "a\n") == [])
    }

    /// A container's file does not reach the terminal as orders to it, and what is other than it should be is shown.
    @Test func ordersToATerminalAreNotPassedOn() {
        #expect(difference("a\u{1B}[2J\tb\n", "a\u{7}[2J\tb\u{9B}\n") == ["- a?[2J\tb", "+ a?[2J\tb?"])
    }

    @Test func filesWithoutEndAreNotCompared() {
        let long = (0..<100_000).map { "\($0)\n" }.joined()
        #expect(difference("a\n", long) == ["one has 1 lines, the other 100000: too many to compare"])
    }
}
