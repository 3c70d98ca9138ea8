// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

import Glibc
import Kernel

/// Programs of the system, started and waited for.
enum PeerCommand {
    static let searched = ["/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin"]

    /// Where a program is, as a container with the host's files finds it.
    static func find(_ name: String) -> Path? {
        searched.map { Path("\($0)/\(name)") }.first { FileTree.isExecutable($0) }
    }

    /// The first of `names` that this system lacks.
    static func missing(_ names: [String]) -> String? { names.first { find($0) == nil } }

    static func command(_ program: Path, _ arguments: [String]) -> Command {
        Command(
            path: program,
            arguments: [program.bytes] + arguments.map { Array($0.utf8) },
            environment: [
                Array("PATH=\(searched.joined(separator: ":"))".utf8), Array("LC_ALL=C".utf8), Array("TZ=UTC".utf8),
                Array("SWIFT_BACKTRACE=enable=no".utf8),
            ]
        )
    }

    /// Runs a program to its end; what it printed on both streams.
    ///
    /// Throws where its exit code is not 0.
    @discardableResult
    static func run(_ program: String, _ arguments: [String], milliseconds: Int = 30_000) throws -> String {
        guard let path = find(program) else { throw PeerFailure("no program \(program)") }
        let output = try Fd.inMemory()
        var command = command(path, arguments)
        command.files = [-1, output.raw, output.raw]
        let child = try command.spawn()
        var status = try child.poll()
        let end = Clock.monotonic + UInt64(milliseconds) * 1_000_000
        while status == nil, Clock.monotonic < end {
            usleep(5000)
            status = try child.poll()
        }
        let text = String(decoding: try output.contents(limit: 1 << 20), as: UTF8.self)
        guard let status else {
            Self.end(child, milliseconds: 0)
            throw PeerFailure("\(program) \(arguments) did not end: \(text)")
        }
        guard status == .exited(0) else { throw PeerFailure("\(program) \(arguments): \(status): \(text)") }
        return text
    }

    /// Asks a child to end, waits, and kills it where it does not.
    static func end(_ child: Child, milliseconds: Int) {
        try? child.kill(SIGTERM)
        let end = Clock.monotonic + UInt64(milliseconds) * 1_000_000
        while Clock.monotonic < end {
            do { if try child.poll() != nil { return } } catch { return }
            usleep(5000)
        }
        try? child.kill(SIGKILL)
        _ = try? child.wait()
    }
}
