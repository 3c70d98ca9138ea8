// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

import ArgumentParser
import Glibc
import Kernel

/// The command line.
struct Umwelt: ParsableCommand {
    static let version = "0.1.0"

    static let configuration = CommandConfiguration(
        commandName: "umwelt",
        abstract: "Give each container its own machine to see: memory, CPUs, load, disks and pressure.",
        discussion: """
            A container with limits reads the host's numbers in /proc/meminfo, /proc/cpuinfo, /proc/stat and their like. \
            Umwelt puts files there that tell of the container's own machine.

            EXAMPLES
              umwelt run --memory 256M -- free -m
              umwelt run --memory 1G --cpus 0.5 --tty -- bash
              umwelt view meminfo --pid 4711
              umwelt attach web
              umwelt ps
              umwelt dns explain pod.yaml
              umwelt pod run -f pod.yaml
              umwelt help run

            The daemon behind it is umweltd; without one running, `umwelt run` starts its own for as long as it is needed.

            EXIT STATUS
              That of the command it ran; 1 after a failure, 2 for a wrong command line.
            """,
        version: "umwelt \(version)",
        subcommands: [
            RunCommand.self, ViewCommand.self, AttachCommand.self, DetachCommand.self, PsCommand.self,
            UpgradeCommand.self, StopCommand.self, KeyDNSCommand.self, DNSCommand.self, PodCommand.self,
            HookCommand.self,
        ],
        helpNames: [.short, .long]
    )
}

@main
enum Main {
    static func main() {
        // A reader that goes away shows as an error of write(2), not as a death without a word.
        _ = signal(SIGPIPE, SIG_IGN)
        try? StandardDescriptors.fill()
        exit(code { try perform() })
    }

    private static func perform() throws {
        let arguments = try readArguments()
        if let (verb, rest) = ServiceProgram.arguments(arguments) {
            try ServiceProgram.become(verb, rest)
        }
        // The parser's own help takes any word, and tells what it has.
        if arguments.dropFirst().first == "help", let verb = arguments.dropFirst(2).first, !verb.hasPrefix("-"),
            verb != "help", !Umwelt.configuration.subcommands.contains(where: { $0.configuration.commandName == verb })
        {
            throw Failure.usage("there is no command \(verb) (see 'umwelt --help')")
        }
        var command: any ParsableCommand
        do {
            command = try RunCommand.parsingCommandApart(arguments) ?? Umwelt.parseAsRoot(Array(arguments.dropFirst()))
        } catch {
            guard Umwelt.exitCode(for: error) != .success else {
                throw CleanEnd(text: Umwelt.fullMessage(for: error))
            }
            throw Failure.usage(Usage.line(Umwelt.message(for: error), arguments))
        }
        do {
            try command.run()
        } catch let error as Failure {
            throw error
        } catch {
            // Help, asked for or because no verb was given.
            guard Umwelt.exitCode(for: error) == .success else {
                throw Failure.usage(Usage.line(Umwelt.message(for: error), arguments))
            }
            throw CleanEnd(text: Umwelt.fullMessage(for: error))
        }
    }

    /// Swift would change what is no UTF-8, and the command would get other words, or another file.
    private static func readArguments() throws(Failure) -> [String] {
        var arguments: [String] = []
        for index in 0..<Int(CommandLine.argc) {
            // SAFETY: argc strings that live as long as the process.
            guard let bytes = unsafe CommandLine.unsafeArgv[index] else { break }
            guard let argument = unsafe String(validatingCString: bytes) else {
                throw .usage("argument \(index) is not UTF-8: \(unsafe String(cString: bytes))")
            }
            arguments.append(argument)
        }
        return arguments
    }

    /// Text that was asked for, to standard output.
    private struct CleanEnd: Error {
        var text: String
    }

    /// Runs `body`, says what went wrong, and returns the exit code.
    private static func code(_ body: () throws -> Void) -> Int32 {
        do {
            do {
                try body()
                return 0
            } catch let end as CleanEnd {
                try Standard.output(Array((end.text + "\n").utf8))
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
}

/// Words of the parser, made one line of ours.
enum Usage {
    static func line(_ message: String, _ arguments: [String]) -> String {
        var text = message.split(whereSeparator: \.isNewline).map { $0.trimmingSpaces() }.joined(separator: " ")
        if text.hasPrefix("Error: ") { text.removeFirst("Error: ".count) }
        if let first = text.first, !text.hasPrefix("PATH") {
            text = first.lowercased() + text.dropFirst()
        }
        while text.last == "." { text.removeLast() }
        text = namingNegative(text, arguments)
        let verb = arguments.dropFirst().first {
            ["run", "view", "attach", "detach", "ps", "upgrade", "stop", "keydns"].contains($0)
        }
        if verb == "run", !arguments.contains("--"), text.contains("option") || text.contains("argument") {
            text += "; the command stands after '--'"
        }
        return text + " (see 'umwelt \(verb.map { "help " + $0 } ?? "--help")')"
    }

    /// The parser takes a negative number for an option, and misses the value.
    private static func namingNegative(_ text: String, _ arguments: [String]) -> String {
        let start = "missing value for '"
        guard text.hasPrefix(start) else { return text }
        for (option, value) in zip(arguments, arguments.dropFirst()) where text.hasPrefix(start + option + " ") {
            guard value.hasPrefix("-"), value.dropFirst().first?.isNumber == true else { continue }
            return "the value '\(value)' is invalid for '\(text.dropFirst(start.count)): it is negative"
        }
        return text
    }
}

extension StringProtocol {
    /// Without blanks at both ends.
    func trimmingSpaces() -> String {
        var text = self[...]
        while let first = text.first, first.isWhitespace { text.removeFirst() }
        while let last = text.last, last.isWhitespace { text.removeLast() }
        return String(text)
    }
}
