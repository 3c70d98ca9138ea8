// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

import CLinux
import Glibc

/// A process, held by descriptor: its number can be used again, this cannot be mistaken.
package struct PidFd: ~Copyable, Sendable {
    package let fd: Fd

    /// ESRCH where no such process (thread-group leader) is.
    package init(_ pid: Int32) throws(Errno) {
        fd = Fd(adopting: try Errno.check(clinux_pidfd_open(pid, 0)))
    }

    /// Whether the process has ended (a zombie has).
    package var hasExited: Bool { clinux_poll(fd.raw, 0) != 0 }

    package borrowing func send(signal: Int32) throws(Errno) {
        _ = try Errno.check(clinux_pidfd_send_signal(fd.raw, signal))
    }
}

extension Fd {
    /// Whether the other side is gone for good (POLLERR, POLLHUP); of a FUSE device: the connection is over.
    package var isBroken: Bool {
        let ready = clinux_poll(raw, 0)
        return ready < 0 || ready & (0x8 | 0x10) != 0
    }

    /// Of a mountinfo file: whether a mount of the namespace has changed since the last call, or since it was opened
    /// (POLLERR; fs/namespace.c, mounts_poll).
    package var haveMountsChanged: Bool { isBroken }

    /// Whether something can be written without waiting; of a pipe: PIPE_BUF bytes.
    package var isWritable: Bool { clinux_poll_output(raw) > 0 }

    /// Waits until there is something to read, at most so long (-1: for ever).
    ///
    /// False at the end of the time, or where a signal came.
    package borrowing func waitReadable(milliseconds: Int32) throws(Errno) -> Bool {
        try Errno.check(clinux_poll(raw, milliseconds)) != 0
    }
}
