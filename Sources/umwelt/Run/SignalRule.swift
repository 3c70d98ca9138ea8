// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

import Glibc

/// What a signal to umwelt means for the command.
///
/// The command is the first process of its pid namespace, and the kernel drops signals to such a process that it has no
/// handler for (kernel/signal.c, sig_task_ignored): without help, Ctrl-C would not end `sleep`.
struct SignalRule: Equatable {
    enum Action: Equatable {
        /// The process handles it, waits for it or ignores it: the kernel does what is right.
        case send
        /// It would have died of it outside a container.
        case kill
        /// It does nothing by default.
        case drop
    }

    private var blocked: UInt64 = 0
    private var ignored: UInt64 = 0
    private var caught: UInt64 = 0

    /// From the bytes of /proc/PID/status.
    init(status: [UInt8]) {
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
        // A blocked signal waits for sigwait(3) or a signalfd, in the first process of a namespace too.
        if (blocked | ignored | caught) & bit != 0 { return .send }
        return Self.endsByDefault(signal) ? .kill : .drop
    }

    /// Whether a process without a handler dies of it.
    static func endsByDefault(_ signal: Int32) -> Bool {
        ![SIGCHLD, SIGCONT, SIGURG, SIGWINCH, SIGSTOP, SIGTSTP, SIGTTIN, SIGTTOU].contains(signal)
    }
}
