// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

import Testing

@testable import Samples

@Suite struct LimitTests {
    @Test(arguments: [
        ("max\n", Limit(nil)), ("0\n", Limit(0)), ("268435456\n", Limit(268_435_456)), ("-1\n", Limit(nil)),
        ("9223372036854771712\n", Limit(nil)), ("9223372036854710272\n", Limit(nil)),
        ("18446744073709551615", Limit(nil)), ("4611686018427387904", Limit(4_611_686_018_427_387_904)),
        ("", nil), ("\n", nil), ("x", nil), ("-5", nil),
    ])
    func numbers(_ text: String, _ limit: Limit?) {
        let text = bytes(text)
        #expect(Limit(parsing: text.span) == limit)
    }
}
