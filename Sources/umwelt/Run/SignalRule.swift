// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

import Glibc

/// What a signal to umwelt means for the command.
///
/// The command is the first process of its pid namespace, and the kernel drops signals to such a process that it has no
/// handler for (kernel/signal.c, sig_task_ignored): without help, Ctrl-C would not end `sleep`.
struct SignalRule: Equatable {
    enum Action: Equatable {
        /// The process handles it, ignores it or waits for it: the kernel does what is right.
        case send
        /// It would have died of it outside a container.
        case kill
        /// It does nothing by default, to this process.
        case drop
        /// Blocked at this moment: for a signalfd or another thread's sigwait(3), or while the process does something else.
        case blocked
        /// Not blocked, in a process that runs at this moment: it may be on its way into sigwait(3).
        case unclear
        /// As `unclear`, in a process that has not had a CPU since the last look.
        case stalled
    }

    private var blocked: UInt64 = 0
    private var ignored: UInt64 = 0
    private var caught: UInt64 = 0

    /// The number of the system call the process is in; nil while it runs.
    private var systemCall: Int?

    /// From the bytes of /proc/PID/status and /proc/PID/syscall.
    init(status: [UInt8], systemCall bytes: [UInt8]) {
        let number = bytes.prefix { $0 != UInt8(ascii: " ") && $0 != UInt8(ascii: "\n") }
        systemCall = Int(String(decoding: number, as: UTF8.self))
        for line in status.split(separator: UInt8(ascii: "\n")) {
            let parts = line.split(separator: UInt8(ascii: ":"), maxSplits: 1)
            guard parts.count == 2 else { continue }
            let text = String(decoding: parts[1], as: UTF8.self).trimmingSpaces()
            guard let mask = UInt64(text, radix: 16) else { continue }
            switch String(decoding: parts[0], as: UTF8.self) {
            case "SigBlk": blocked = mask
            case "SigIgn": ignored = mask
            case "SigCgt": caught = mask
            default: continue
            }
        }
    }

    func isIgnored(_ signal: Int32) -> Bool { ignored & Self.bit(of: signal) != 0 }

    /// 0 for what is no signal.
    private static func bit(of signal: Int32) -> UInt64 {
        (1...64).contains(signal) ? UInt64(1) << UInt64(signal - 1) : 0
    }

    func action(for signal: Int32) -> Action {
        let bit = Self.bit(of: signal)
        guard bit != 0 else { return .drop }
        if (ignored | caught) & bit != 0 { return .send }
        if blocked & bit != 0 { return .blocked }
        guard Self.endsByDefault(signal) else { return .drop }
        // In there the kernel takes what is waited for from the blocked signals that status shows.
        if systemCall == Self.sigtimedwait { return .send }
        return systemCall == nil ? .unclear : .kill
    }

    /// What the looks at a process since a signal was sent to it amount to.
    ///
    /// Shells block all signals for the moment in which they fork, and the kernel drops what comes then as soon as they
    /// unblock it. Such a process is seen unblocked soon; one that waits for the signal is not.
    static func verdict(_ looks: [Action]) -> Verdict {
        guard let last = looks.last else { return .lookAgain }
        switch last {
        case .send, .drop: return .leave
        case .kill: return .kill
        case .blocked: return looks.count < lookLimit ? .lookAgain : .leave
        case .unclear, .stalled:
            let running = looks.reversed().prefix { $0 == .unclear || $0 == .stalled }
            if running.count(where: { $0 == .unclear }) >= unclearLimit { return .kill }
            return looks.count < lookLimit ? .lookAgain : .kill
        }
    }

    enum Verdict: Equatable {
        /// The signal has reached who wants it, or does nothing.
        case leave
        case kill, lookAgain
    }

    static let lookLimit = 100
    /// A process that computes has gone on computing at every look.
    static let unclearLimit = 5

    #if arch(x86_64)
    private static let sigtimedwait = 128
    #else
    private static let sigtimedwait = 137
    #endif

    /// Whether a process without a handler dies of it.
    static func endsByDefault(_ signal: Int32) -> Bool {
        ![SIGCHLD, SIGCONT, SIGURG, SIGWINCH, SIGSTOP, SIGTSTP, SIGTTIN, SIGTTOU].contains(signal)
    }
}
