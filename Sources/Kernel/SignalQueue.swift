// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

import CLinux
import Glibc

/// Signals that are read as events instead of interrupting (signalfd).
///
/// Make it before any other thread exists.
package struct SignalQueue: ~Copyable {
    private let fd: Fd

    /// Blocks `signals` in the calling thread and takes them from now on.
    package init(_ signals: [Int32]) throws(Errno) {
        // SAFETY: the C side reads `count` numbers within the call.
        fd = Fd(
            adopting: try unsafe signals.withUnsafeBufferPointer { (buffer) throws(Errno) in
                try unsafe Errno.check(clinux_signalfd(buffer.baseAddress, buffer.count))
            }
        )
    }

    /// A signal and who sent it.
    package struct Event: Equatable, Sendable {
        package var signal: Int32
        /// Sent by the kernel, as the terminal's Ctrl-C is, and not by a process.
        package var fromKernel: Bool
    }

    /// Has `signal` do to this process what it does by default, in the thread that made the queue.
    ///
    /// For the signals of job control: returns when the process is continued, and at once where the kernel stops no
    /// process of its group, since nobody could continue it.
    package borrowing func stop(by signal: Int32) { clinux_default_signal(signal) }

    /// The next signal; nil after `milliseconds` without one (negative: waits for ever).
    package borrowing func next(milliseconds: Int32) throws(Errno) -> Event? {
        guard try Errno.check(clinux_poll(fd.raw, milliseconds)) != 0 else { return nil }
        var code: Int32 = 0
        // SAFETY: the C side writes one number.
        let signal = try Errno.check(unsafe clinux_read_signal(fd.raw, &code))
        return Event(signal: signal, fromKernel: code == 0x80)
    }
}
