// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

package import ArgumentParser
internal import Glibc

/// Runs a root command the way all of Umwelt's programs end: 0, 1 after a failure, 2 for a wrong command line.
package enum Program {
    /// Parses `arguments` and runs the command; returns the exit code.
    package static func run(_ root: any ParsableCommand.Type, _ arguments: [String]) async -> Int32 {
        // A reader that goes away shows as an error of write(2), not as a death without a word.
        _ = signal(SIGPIPE, SIG_IGN)
        do {
            var command: any ParsableCommand
            do { command = try root.parseAsRoot(arguments) } catch {
                guard root.exitCode(for: error) == .success else {
                    throw Failure.usage(line(root.message(for: error), root))
                }
                try Standard.output(root.fullMessage(for: error) + "\n")
                return 0
            }
            do {
                if var asynchronous = command as? any AsyncParsableCommand {
                    try await asynchronous.run()
                } else {
                    try command.run()
                }
                return 0
            } catch let failure as Failure {
                throw failure
            } catch let error as ExitCode {
                return error.rawValue
            } catch {
                guard root.exitCode(for: error) == .success else {
                    if error is ValidationError { throw Failure.usage(line(root.message(for: error), root)) }
                    throw Failure.failed("\(error)")
                }
                try Standard.output(root.fullMessage(for: error) + "\n")
                return 0
            }
        } catch let failure as Failure {
            if let message = failure.message { Standard.complain(message) }
            return failure.code
        } catch {
            Standard.complain("\(error)")
            return 1
        }
    }

    /// The parser's words as one line of ours.
    private static func line(_ message: String, _ root: any ParsableCommand.Type) -> String {
        var text = message.split(whereSeparator: \.isNewline).map(String.init).joined(separator: " ")
        if text.hasPrefix("Error: ") { text.removeFirst("Error: ".count) }
        if let first = text.first { text = first.lowercased() + text.dropFirst() }
        while text.last == "." { text.removeLast() }
        let name = root.configuration.commandName ?? "umwelt"
        return text + " (see '\(name) --help')"
    }
}
