// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

import CLinux
import Glibc

/// Stream sockets of AF_UNIX, blocking, with bounded waits.
package enum UnixSocket {
    /// A socket bound to `path` (mode 0600 by the umask the caller set) that listens.
    ///
    /// EADDRINUSE where the file exists.
    package static func listen(at path: Path, backlog: Int32 = 64) throws(Errno) -> Fd {
        let fd = Fd(adopting: try Errno.check(clinux_unix_socket()))
        // SAFETY: the C side copies the path.
        _ = try unsafe Errno.check(path.withCString { unsafe clinux_unix_bind(fd.raw, $0) })
        _ = try Errno.check(clinux_listen(fd.raw, backlog))
        return fd
    }

    /// Blocks until the peer's backlog takes the connection.
    package static func connect(to path: Path) throws(Errno) -> Fd {
        let fd = Fd(adopting: try Errno.check(clinux_unix_socket()))
        // SAFETY: the C side copies the path.
        _ = try unsafe Errno.check(path.withCString { unsafe clinux_unix_connect(fd.raw, $0) })
        return fd
    }

    /// Blocks until a client comes.
    package static func accept(_ listener: borrowing Fd) throws(Errno) -> Fd {
        Fd(adopting: try Errno.check(clinux_accept(listener.raw)))
    }
}

extension Fd {
    /// Writes all of `bytes` to this socket; EPIPE, and no signal, where the peer is gone.
    package borrowing func send(_ bytes: [UInt8]) throws(Errno) {
        var done = 0
        let fd = raw
        while done < bytes.count {
            // SAFETY: the pointer is used within the call only; `done` is within the buffer.
            done += try unsafe bytes.withUnsafeBufferPointer { (buffer) throws(Errno) in
                let rest = unsafe UnsafeBufferPointer(rebasing: buffer[done...])
                return try unsafe Errno.check(clinux_send(fd, rest.baseAddress, rest.count))
            }
        }
    }

    /// Reads and writes on this socket end with EAGAIN after so long.
    package borrowing func setTimeouts(milliseconds: Int32) throws(Errno) {
        _ = try Errno.check(clinux_set_timeouts(raw, milliseconds))
    }

    /// Calls on it that would wait end with EAGAIN instead.
    package borrowing func setNonBlocking() throws(Errno) {
        let flags = try Errno.check(clinux_fcntl(raw, F_GETFL, 0))
        _ = try Errno.check(clinux_fcntl(raw, F_SETFL, Int(flags | O_NONBLOCK)))
    }

    /// Who connected (SO_PEERCRED).
    package borrowing func peer() throws(Errno) -> (pid: Int32, uid: UInt32) {
        var pid: Int32 = 0
        var uid: UInt32 = 0
        // SAFETY: both out-pointers live for the call.
        _ = try unsafe Errno.check(clinux_peercred(raw, &pid, &uid))
        return (pid, uid)
    }
}
