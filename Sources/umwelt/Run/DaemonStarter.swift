// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

import Glibc
import Kernel

/// Finds the daemon that runs, or starts one for as long as somebody holds it.
struct DaemonStarter {
    let state: StateDirectory
    /// The caller's PATH.
    let searchPath: String

    /// A daemon that is just ending has its lock while somebody has a file open; each attempt waits for it.
    private static let attempts = 6
    private static let pauseMilliseconds: Int32 = 150
    private static let startMilliseconds: Int32 = 15_000

    /// A connection that holds the daemon.
    func hold(_ interrupts: borrowing Interrupts) throws -> DaemonClient {
        if let client = try connect() { return client }
        // One at a time looks and starts: two would start two, and one of them fail.
        let lock = try state.lockFile(state.daemonLock)
        try interrupts.lock(lock, state.daemonLock)
        var lastWords = ""
        for attempt in 0..<Self.attempts {
            if attempt > 0 { try interrupts.check(milliseconds: Self.pauseMilliseconds) }
            if let client = try connect() { return client }
            guard FileTree.isThere("/dev/fuse") else {
                throw Failure.failed(
                    "there is no /dev/fuse; load the module with 'modprobe fuse', or give this container the device"
                )
            }
            switch try start(interrupts) {
            case .ready: if let client = try connect() { return client }
            case .failed(let words):
                lastWords = words
                // A key on the terminal may have ended it before it had a session of its own.
                try interrupts.check(milliseconds: 20)
            }
            // What will not change by waiting.
            if !lastWords.isEmpty, !lastWords.contains("already"), !lastWords.contains("busy") { break }
        }
        throw Failure.failed(
            lastWords.isEmpty
                ? "umweltd ends as soon as it has started; see \(state.daemonLog)"
                : "umweltd does not start: \(lastWords)"
        )
    }

    private func connect() throws -> DaemonClient? {
        do { return try DaemonClient(socket: state.socket, hold: true) } catch is DaemonClient.Absent { return nil }
    }

    private enum Outcome {
        case ready
        /// The daemon's own last line.
        case failed(String)
    }

    /// Starts `umweltd --embedded` in a session of its own, and waits until it serves or has ended.
    private func start(_ interrupts: borrowing Interrupts) throws(Failure) -> Outcome {
        let program = try Programs.daemon(path: searchPath)
        do {
            let log = try makeLog()
            var ready = try Fd.pipe()
            var command = Command(
                path: Path(program),
                arguments: [
                    "umweltd", "--embedded", "--socket", state.socket, "--ready-fd", "3", state.mountPoint,
                ].map { Array($0.utf8) },
                environment: [Array("PATH=/usr/sbin:/usr/bin:/sbin:/bin".utf8)]
            )
            command.files = [-1, log.raw, log.raw, ready.writing.raw]
            command.group = .session
            let child = try command.spawn()
            ready.closeWriting()
            return try outcome(of: child, ready: ready.reading, log: log, interrupts)
        } catch let failure as Failure {
            throw failure
        } catch {
            throw .failed("cannot start \(program): \(error)")
        }
    }

    /// With room for a few lines: where the disk is full, why the daemon does not start is said there.
    private func makeLog() throws(Failure) -> Fd {
        do throws(Errno) {
            let log = try Fd.open(Path(state.daemonLog), [.readWrite, .create, .truncate])
            do throws(Errno) { try log.reserve(bytes: 4096) } catch .notSupported {}
            return log
        } catch {
            throw .failed("cannot write \(state.daemonLog): \(error)")
        }
    }

    private func outcome(
        of child: Child,
        ready: borrowing Fd,
        log: borrowing Fd,
        _ interrupts: borrowing Interrupts
    ) throws -> Outcome {
        var left = Self.startMilliseconds
        while left > 0 {
            if try ready.waitReadable(milliseconds: 50) {
                var buffer = [UInt8](repeating: 0, count: 256)
                if try ready.read(into: &buffer) > 0 { return .ready }
                break
            }
            left -= 50
            do throws(Failure) { try interrupts.check() } catch {
                // Who does not serve yet has no other client.
                try? child.kill(SIGTERM)
                throw error
            }
        }
        // It has closed the pipe without a word, or hangs.
        if left <= 0 { try? child.kill(9) }
        let status = try child.wait()
        let words = String(decoding: (try? log.contents(limit: 65536)) ?? [], as: UTF8.self)
        let line = words.split(whereSeparator: \.isNewline).last.map(String.init)
        return .failed(Self.clean(line ?? "it ended with status \(status.code) and said nothing"))
    }

    /// Without the program's name, which the message has already.
    private static func clean(_ line: String) -> String {
        line.hasPrefix("umweltd: ") ? String(line.dropFirst("umweltd: ".count)) : line
    }
}
