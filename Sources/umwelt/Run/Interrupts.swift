// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

import Glibc
import Kernel

/// The signals that come to `umwelt run`, from the moment on when there is something to take back.
struct Interrupts: ~Copyable {
    /// Those that go to the command.
    static let forwarded: [Int32] = [
        SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2, SIGALRM, SIGWINCH, SIGCONT, SIGTSTP,
    ]

    private let queue: SignalQueue

    init() throws(Failure) {
        // What the caller ignores (nohup, a shell's background job) stays ignored.
        let status = (try? Fd.contents(of: "/proc/self/status", limit: 16384)) ?? []
        let inherited = SignalRule(status: status, systemCall: [])
        // Ignored, it would take away how the runtime ended.
        signal(SIGCHLD, SIG_DFL)
        do throws(Errno) {
            queue = try SignalQueue(Self.forwarded.filter { !inherited.isIgnored($0) } + [SIGCHLD])
        } catch {
            throw .failed("cannot wait for signals: \(error)")
        }
    }

    /// The next signal, SIGCHLD included; nil after `milliseconds` without one.
    borrowing func next(milliseconds: Int32) -> SignalQueue.Event? {
        // What can go wrong with a signalfd of our own is nothing that waiting again would not mend.
        try? queue.next(milliseconds: milliseconds)
    }

    /// Ctrl-Z: stops umwelt as if it did not wait for signals, and returns when it is to go on.
    borrowing func stop() { queue.stop(by: SIGTSTP) }

    /// Before the command has started, what would end it ends the whole.
    ///
    /// Waits for as long, and then returns.
    borrowing func check(milliseconds: Int32 = 0) throws(Failure) {
        let end = Clock.monotonic + UInt64(max(milliseconds, 0)) * 1_000_000
        while true {
            // Other events, such as the end of a child, do not shorten the wait.
            let left = end.subtractingReportingOverflow(Clock.monotonic)
            let wait = left.overflow ? 0 : Int32(clamping: (left.partialValue + 999_999) / 1_000_000)
            guard let event = next(milliseconds: wait) else { return }
            if event.signal == SIGTSTP { stop() }
            if SignalRule.endsByDefault(event.signal) { throw .interrupted(by: event.signal) }
        }
    }

    /// Takes a lock file's lock, for as long as it is open; waits for others, and what would end umwelt ends that.
    borrowing func lock(_ file: borrowing Fd, _ path: String) throws(Failure) {
        while try !Self.tryLock(file, path) { try check(milliseconds: 20) }
    }

    private static func tryLock(_ file: borrowing Fd, _ path: String) throws(Failure) -> Bool {
        do throws(Errno) { return try file.tryLock() } catch { throw .failed("cannot lock \(path): \(error)") }
    }
}
