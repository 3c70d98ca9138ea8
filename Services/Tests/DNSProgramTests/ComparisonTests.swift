// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

import Testing
import umwelt_dns

struct ComparisonTests {
    @Test func differencesAreLines() {
        let lines = Comparison.difference(Array("a\nb\n".utf8), Array("a\nc\n".utf8))
        #expect(lines.sorted() == ["+ c", "- b"])
    }
}
