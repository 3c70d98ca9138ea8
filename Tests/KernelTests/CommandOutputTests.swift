// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

import Testing

@testable import Kernel

struct CommandOutputTests {
    private func shell(_ text: String) -> Command {
        Command(path: "/bin/sh", arguments: ["sh", "-c", text].map { Array($0.utf8) }, environment: [])
    }

    @Test func allThatItWritesAndHowItEnds() throws {
        let (bytes, status) = try shell("cat; echo a; echo b >&2; exit 3").output(limit: 10)
        #expect(bytes == Array("a\n".utf8) && status == .exited(3))
    }

    /// It would wait for ever for somebody to read what is too much.
    @Test func tooMuchIsAnError() {
        #expect(throws: Errno.self) { try shell("while :; do echo aaaaaaaaaaaaaaaa; done").output(limit: 1000) }
    }
}
