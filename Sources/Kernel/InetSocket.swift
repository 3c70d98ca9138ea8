// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

import CLinux
import Glibc

/// Sockets to one address of IPv4 or IPv6, never blocking.
package enum InetSocket {
    /// A socket that sends to, and hears from, this address and port alone.
    ///
    /// A stream may still be connecting: it is writable once it is done.
    package static func connect(to address: [UInt8], port: UInt16, isStream: Bool) throws(Errno) -> Fd {
        // SAFETY: the C side reads the given count.
        Fd(
            adopting: try unsafe address.withUnsafeBufferPointer { (buffer) throws(Errno) in
                try unsafe Errno.check(clinux_inet_connect(buffer.baseAddress, buffer.count, port, isStream ? 1 : 0))
            }
        )
    }

    /// A datagram to the socket file at `path`, at once or not at all.
    package static func datagram(_ bytes: [UInt8], to path: Path) throws(Errno) {
        // SAFETY: both live for the call.
        _ = try unsafe bytes.withUnsafeBufferPointer { (buffer) throws(Errno) in
            try unsafe Errno.check(
                path.withCString { unsafe clinux_unix_datagram($0, buffer.baseAddress, buffer.count) }
            )
        }
    }
}

/// What is waited for on a descriptor.
package struct Readiness: Equatable, Sendable {
    package let rawValue: Int16

    package init(rawValue: Int16) { self.rawValue = rawValue }

    package static var readable: Readiness { Readiness(rawValue: Int16(POLLIN)) }
    package static var writable: Readiness { Readiness(rawValue: Int16(POLLOUT)) }
    /// Nothing has happened.
    package var isEmpty: Bool { rawValue == 0 }

    /// Waits on at most 64 descriptors, at most so long (-1: for ever); what happened on each, nothing at the end of the
    /// time or where a signal came.
    package static func wait(_ watched: [(fd: Int32, for: Readiness)], milliseconds: Int32) throws(Errno) -> [Readiness]
    {
        let fds = watched.map(\.fd)
        let events = watched.map(\.for.rawValue)
        var ready = [Int16](repeating: 0, count: watched.count)
        let count = watched.count
        // SAFETY: three arrays of `count` numbers, used within the call.
        _ = try unsafe ready.withUnsafeMutableBufferPointer { (ready) throws(Errno) in
            try unsafe fds.withUnsafeBufferPointer { (fds) throws(Errno) in
                try unsafe events.withUnsafeBufferPointer { (events) throws(Errno) in
                    try unsafe Errno.check(
                        clinux_poll_events(fds.baseAddress, events.baseAddress, ready.baseAddress, count, milliseconds)
                    )
                }
            }
        }
        return ready.map { Readiness(rawValue: $0) }
    }
}
