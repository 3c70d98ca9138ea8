// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

import Testing

@testable import umwelt

@Suite struct FailureTests {
    @Test(
        arguments: [
            (nil, "no space left in /s"), ("it does not start", "it does not start; no space is left in /s"),
            ("cannot write /s/log: No space left on device", "cannot write /s/log: No space left on device"),
            ("cannot write /s/log: Disk quota exceeded", "cannot write /s/log: Disk quota exceeded"),
        ] as [(String?, String)]
    )
    func aFullDiskIsSaidOnce(_ message: String?, _ words: String) {
        #expect(Failure(code: 1, message).withoutSpace(in: "/s") == Failure(code: 1, words))
    }
}
