// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

/// Why a command ends without success: one line for people, and the exit code.
struct Failure: Error, Equatable {
    var code: Int32
    /// nil: nothing to say, as after Ctrl-C.
    var message: String?

    init(code: Int32, _ message: String?) {
        self.code = code
        self.message = message
    }

    /// The command line is wrong: nothing was tried.
    static func usage(_ message: String) -> Failure { Failure(code: 2, message) }

    /// What was asked for cannot be had.
    static func failed(_ message: String) -> Failure { Failure(code: 1, message) }

    /// The same, where the disk that holds `directory` turns out to be full.
    func withoutSpace(in directory: String) -> Failure {
        guard let message else { return Failure(code: code, "no space left in \(directory)") }
        let isSaid = message.contains("o space left") || message.contains("uota exceeded")
        return isSaid ? self : Failure(code: code, message + "; no space is left in \(directory)")
    }

    /// A signal came before the command had started.
    static func interrupted(by signal: Int32) -> Failure { Failure(code: 128 + signal, nil) }
}
