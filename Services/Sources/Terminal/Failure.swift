// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

/// Why a command ends without success: one line for people, and the exit code.
package struct Failure: Error, Equatable, Sendable, CustomStringConvertible {
    package var code: Int32
    /// nil: nothing to say, as after Ctrl-C.
    package var message: String?

    package init(code: Int32, _ message: String?) {
        self.code = code
        self.message = message
    }

    package var description: String { message ?? "exit code \(code)" }

    /// The command line is wrong: nothing was tried.
    package static func usage(_ message: String) -> Failure { Failure(code: 2, message) }

    /// What was asked for cannot be had.
    package static func failed(_ message: String) -> Failure { Failure(code: 1, message) }
}
