// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

import CLinux
import Glibc

/// Waits for input on many descriptors (epoll).
package struct Poller: ~Copyable, Sendable {
    private let epoll: Fd

    package init() throws(Errno) { epoll = Fd(adopting: try Errno.check(clinux_epoll())) }

    /// `fd` must be removed, or closed, before its number means something else.
    package func add(_ fd: borrowing Fd) throws(Errno) { _ = try Errno.check(clinux_epoll_add(epoll.raw, fd.raw)) }

    /// Watches another poller: ready when something it watches is.
    package func add(_ other: borrowing Poller) throws(Errno) { try add(other.epoll) }

    package func remove(_ fd: borrowing Fd) throws(Errno) {
        _ = try Errno.check(clinux_epoll_remove(epoll.raw, fd.raw))
    }

    /// The numbers of descriptors that are ready, at most 64; none at the end of the time (-1: no end) or where a signal
    /// came.
    package func wait(milliseconds: Int32) throws(Errno) -> [Int32] {
        var ready = [Int32](repeating: -1, count: 64)
        let epoll = epoll.raw
        // SAFETY: the C side writes at most `count` numbers.
        let count = try unsafe ready.withUnsafeMutableBufferPointer { (buffer) throws(Errno) in
            try unsafe Errno.check(clinux_epoll_wait(epoll, buffer.baseAddress, buffer.count, milliseconds))
        }
        return Array(ready.prefix(Int(count)))
    }
}

extension Fd {
    /// An event counter (eventfd): readable once `signal` was called.
    package static func event() throws(Errno) -> Fd { Fd(adopting: try Errno.check(clinux_eventfd())) }

    /// Makes an event descriptor readable.
    package borrowing func signal() { try? write([1, 0, 0, 0, 0, 0, 0, 0]) }

    /// Makes an event descriptor unreadable again.
    package borrowing func drain() {
        guard (try? waitReadable(milliseconds: 0)) == true else { return }
        var count = [UInt8](repeating: 0, count: 8)
        _ = try? read(into: &count)
    }

    /// A descriptor that becomes readable when one of `signals` comes; the signals are blocked in the calling thread and
    /// those it makes from now on.
    package static func signals(_ signals: [Int32]) throws(Errno) -> Fd {
        // SAFETY: the C side reads `count` numbers.
        Fd(
            adopting: try unsafe signals.withUnsafeBufferPointer { (buffer) throws(Errno) in
                try unsafe Errno.check(clinux_signalfd(buffer.baseAddress, buffer.count))
            }
        )
    }

    /// The number of the next signal on a `signals` descriptor.
    ///
    /// Blocks until one comes.
    package borrowing func nextSignal() throws(Errno) -> Int32 {
        // struct signalfd_siginfo is 128 bytes and starts with the number.
        var info = [UInt8](repeating: 0, count: 128)
        guard try read(into: &info) >= 4 else { throw .io }
        return Int32(info[0]) | Int32(info[1]) << 8
    }

    /// Takes the file's lock (flock) for as long as the descriptor is open; false where another process has it.
    package borrowing func tryLock() throws(Errno) -> Bool {
        let result = clinux_flock(raw, LOCK_EX | LOCK_NB)
        if result == 0 &- EWOULDBLOCK { return false }
        _ = try Errno.check(result)
        return true
    }

    /// As `tryLock`, but waits for the other process.
    package borrowing func lock() throws(Errno) { _ = try Errno.check(clinux_flock(raw, LOCK_EX)) }
}
