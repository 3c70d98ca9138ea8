// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

import Glibc

/// What a signal to umwelt means for the command.
///
/// The command is the first process of its pid namespace, and the kernel drops signals to such a process that it has no
/// handler for (kernel/signal.c, sig_task_ignored): without help, Ctrl-C would not end `sleep`.
struct SignalRule: Equatable {
    enum Action: Equatable {
        /// The process handles it or ignores it: the kernel does what is right.
        case send
        /// It is blocked at this moment: for sigwait(3) or a signalfd, or while the process does something else.
        case wait
        /// It would have died of it outside a container.
        case kill
        /// It does nothing by default.
        case drop
    }

    private var blocked: UInt64 = 0
    private var ignored: UInt64 = 0
    private var caught: UInt64 = 0

    /// In sigwait(3), for which the kernel takes away what is waited for from the blocked signals that status shows.
    private var isWaiting = false

    /// From the bytes of /proc/PID/status and /proc/PID/syscall.
    init(status: [UInt8], systemCall: [UInt8] = []) {
        let number = systemCall.prefix { $0 != UInt8(ascii: " ") && $0 != UInt8(ascii: "\n") }
        isWaiting = String(decoding: number, as: UTF8.self) == Self.sigtimedwait
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

    func action(for signal: Int32) -> Action {
        guard (1...64).contains(signal) else { return .drop }
        let bit = UInt64(1) << UInt64(signal - 1)
        if (ignored | caught) & bit != 0 { return .send }
        if blocked & bit != 0 || isWaiting { return .wait }
        return Self.endsByDefault(signal) ? .kill : .drop
    }

    /// What several looks, one after another, amount to; nil while another is needed.
    ///
    /// Shells block all signals for moments, and one that is unblocked without a handler is dropped: only what stays
    /// blocked is waited for.
    static func verdict(_ looks: [Action]) -> Action? {
        guard let last = looks.last else { return nil }
        switch last {
        case .send, .drop: return last
        case .kill: return looks.suffix(2) == [.kill, .kill] ? .kill : looks.count < 8 ? nil : .kill
        case .wait: return looks.suffix(4) == [.wait, .wait, .wait, .wait] ? .send : looks.count < 8 ? nil : .send
        }
    }

    #if arch(x86_64)
    private static let sigtimedwait = "128"
    #else
    private static let sigtimedwait = "137"
    #endif

    /// Whether a process without a handler dies of it.
    static func endsByDefault(_ signal: Int32) -> Bool {
        ![SIGCHLD, SIGCONT, SIGURG, SIGWINCH, SIGSTOP, SIGTSTP, SIGTTIN, SIGTTOU].contains(signal)
    }
}
