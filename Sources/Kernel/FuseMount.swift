// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

import CLinux
import Glibc

/// A mount of a FUSE file system, made without a helper.
package enum FuseMount {
    /// The type that mountinfo shows.
    package static let type = "fuse.umwelt"

    /// Opens the device and mounts it at `target`, read-only from the start: on a writable mount the kernel would ask
    /// for the access time after every read.
    ///
    /// The kernel checks permissions (default_permissions) and every user may look (allow_other).
    ///
    /// mountinfo shows `target` as the source, in every namespace where something of it is mounted, so that it can be found
    /// again when nobody serves it any more.
    ///
    /// Errors: ENOENT without /dev/fuse, EPERM without CAP_SYS_ADMIN, and mount(2)'s.
    package static func make(at target: Path) throws(Errno) -> Fd {
        let device = try Fd.open("/dev/fuse", .readWrite)
        try mount(device, at: target)
        return device
    }

    /// Mounts the file system of a device at `target`, as `make` does.
    ///
    /// Of one that is mounted elsewhere it is another mount of the same (Linux 5.15; EINVAL before, and where it is gone).
    package static func mount(_ device: borrowing Fd, at target: Path) throws(Errno) {
        let options = Path("fd=\(device.raw),rootmode=40000,user_id=0,group_id=0,allow_other,default_permissions")
        let flags = UInt(MS_RDONLY) | UInt(MS_NOSUID) | UInt(MS_NODEV) | UInt(MS_NOEXEC)
        // SAFETY: all strings live for the call; the kernel copies them.
        let result = unsafe target.withCString { target in
            unsafe options.withCString { options in unsafe clinux_mount(target, target, type, flags, options) }
        }
        _ = try Errno.check(result)
    }

    /// Takes the mount away from the tree; readers that are in it finish.
    ///
    /// ENOENT, EINVAL where there is none.
    package static func remove(at target: Path) throws(Errno) {
        // MNT_DETACH
        // SAFETY: the string lives for the call; the kernel only reads it.
        _ = try unsafe Errno.check(target.withCString { unsafe clinux_umount2($0, 2) })
    }

    /// Ends the connection of the file system with this minor device number: whoever waits for an answer gets ECONNABORTED,
    /// and its mounts are dead.
    ///
    /// Through fusectl, whether or not it is mounted in the tree. Errors: ENOENT where there is no such connection.
    package static func abort(minor: UInt32) throws(Errno) {
        try connections().open(Path("\(minor)/abort"), .writeOnly).write(Array("1\n".utf8))
    }

    /// Fusectl: a directory for each connection, by its minor device number, which belongs to who mounted it.
    package static func connections() throws(Errno) -> Fd {
        // SAFETY: the name is a constant; the kernel only reads it.
        Fd(adopting: try Errno.check(unsafe clinux_mount_detached("fusectl")))
    }
}
