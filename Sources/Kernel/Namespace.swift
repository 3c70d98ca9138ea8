// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

import CLinux
import Glibc

/// Namespaces by descriptor (/proc/PID/ns/NAME).
package enum Namespace {
    /// Runs `body` with the calling thread in the cgroup namespace `namespace`, then returns to `home`.
    ///
    /// A thread that could not return would show every later reader the wrong cgroups; it ends the process instead, which
    /// a supervisor restarts. It needs the descriptor and the right that were enough a moment before.
    package static func inside<Result>(
        _ namespace: borrowing Fd,
        home: borrowing Fd,
        _ body: () throws(Errno) -> Result
    ) throws(Errno) -> Result {
        _ = try Errno.check(clinux_setns(namespace.raw, CLONE_NEWCGROUP))
        defer { if clinux_setns(home.raw, CLONE_NEWCGROUP) < 0 { abort() } }
        return try body()
    }

    /// Moves the calling thread, which must be the only one, into a cgroup namespace for good.
    package static func enter(cgroup namespace: borrowing Fd) throws(Errno) {
        _ = try Errno.check(clinux_setns(namespace.raw, CLONE_NEWCGROUP))
    }

    /// The init of a pid namespace, by its number here (NS_GET_PID_FROM_PIDNS, Linux 6.11); nil where the kernel cannot
    /// tell, or there is none.
    package static func initPID(of namespace: borrowing Fd) -> Int32? {
        // _IOR(0xb7, 0x6, int); the argument is the number inside.
        let pid = clinux_ioctl_value(namespace.raw, 0x8004_B706, 1)
        return pid > 0 ? pid : nil
    }

    /// The user who made a user namespace (NS_GET_OWNER_UID).
    package static func owner(of namespace: borrowing Fd) throws(Errno) -> UInt32 {
        var user: UInt32 = 0
        // SAFETY: _IO(0xb7, 0x4) writes one uid_t.
        _ = try unsafe Errno.check(
            withUnsafeMutablePointer(to: &user) { unsafe clinux_ioctl(namespace.raw, 0xB704, $0) }
        )
        return user
    }

    private static var CLONE_NEWCGROUP: Int32 { 0x0200_0000 }
}
