// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

import CLinux
import Glibc

/// Changes of the mount namespace the caller is in.
package enum Mount {
    /// mount(2)'s flags.
    package struct Flags: OptionSet, Sendable {
        package let rawValue: UInt

        package init(rawValue: UInt) { self.rawValue = rawValue }

        package static let readOnly = Flags(rawValue: 1)
        package static let noSetuid = Flags(rawValue: 2)
        package static let noDevices = Flags(rawValue: 4)
        package static let noExecute = Flags(rawValue: 8)
        package static let remount = Flags(rawValue: 32)
        package static let bind = Flags(rawValue: 4096)
        package static let recursive = Flags(rawValue: 16384)
        package static let isPrivate = Flags(rawValue: 1 << 18)
        package static let isSlave = Flags(rawValue: 1 << 19)
        package static let noAccessTime = Flags(rawValue: 1024)
    }

    /// Mounts a file system of `type`; `data` are its own options.
    package static func mount(
        _ source: Path,
        on target: Path,
        type: Path,
        flags: Flags = [],
        data: Path = ""
    ) throws(Errno) {
        // SAFETY: all four strings live for the call; so in all of this file.
        _ = try unsafe Errno.check(
            source.withCString { source in
                unsafe target.withCString { target in
                    unsafe type.withCString { type in
                        unsafe data.withCString { data in
                            unsafe clinux_mount(source, target, type, flags.rawValue, data)
                        }
                    }
                }
            }
        )
    }

    /// Makes `source` (a file or a directory) appear at `target` also; with `readOnly` it cannot be written there.
    package static func bind(
        _ source: Path,
        on target: Path,
        recursive: Bool = false,
        readOnly: Bool = false
    ) throws(Errno) {
        try mount(source, on: target, type: "", flags: recursive ? [.bind, .recursive] : [.bind])
        guard readOnly else { return }
        do throws(Errno) {
            try setAttributes(of: target, set: attributeReadOnly, recursive: recursive)
        } catch {
            do throws(Errno) {
                // Kernels before 5.12 have no mount_setattr(2); filters for system calls may not know it.
                guard error == .notImplemented || error == .notPermitted else { throw error }
                try mount("", on: target, type: "", flags: [.bind, .remount, .readOnly])
            } catch {
                // Writable it is not to be there.
                try? unmount(target, lazily: true)
                throw error
            }
        }
    }

    /// Nothing mounted here from now on shows elsewhere; what others mount and unmount shows here, so that nothing that they have
    /// unmounted stays in use by being mounted here.
    package static func makeAllSlaves() throws(Errno) {
        try mount("", on: "/", type: "", flags: [.recursive, .isSlave])
    }

    /// Unmounts what is mounted at `target`; `lazily`: at once from the tree, at its last use for good.
    package static func unmount(_ target: Path, lazily: Bool = false) throws(Errno) {
        // SAFETY: the string lives for the call; the kernel only reads it.
        _ = try unsafe Errno.check(target.withCString { unsafe clinux_umount2($0, lazily ? Int32(MNT_DETACH) : 0) })
    }

    /// MOUNT_ATTR_RDONLY.
    package static var attributeReadOnly: UInt64 { 1 }

    /// Whether this kernel has mount_setattr(2).
    package static var hasAttributes: Bool {
        do throws(Errno) { try setAttributes(of: "", set: 0) } catch { return error != .notImplemented }
        return true
    }

    /// mount_setattr(2) on the mount at `target`.
    package static func setAttributes(
        of target: Path,
        set: UInt64,
        clear: UInt64 = 0,
        recursive: Bool = false
    ) throws(Errno) {
        // AT_RECURSIVE
        let flags: UInt32 = recursive ? 0x8000 : 0
        // SAFETY: the string lives for the call; the kernel only reads it.
        _ = try unsafe Errno.check(
            target.withCString { unsafe clinux_mount_setattr(AT_FDCWD, $0, flags, set, clear, 0) }
        )
    }

    /// A detached copy of the mount (or of a directory or file as a mount) at `path`: open_tree(OPEN_TREE_CLONE).
    package static func clone(_ path: Path, recursive: Bool = false) throws(Errno) -> Fd {
        // OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC, AT_RECURSIVE
        let flags: UInt32 = 1 | 0o2000000 | (recursive ? 0x8000 : 0)
        // SAFETY: the string lives for the call; the kernel only reads it.
        return Fd(
            adopting: try unsafe Errno.check(path.withCString { unsafe clinux_open_tree(AT_FDCWD, $0, flags) })
        )
    }

    /// The same of the mount that `tree` is: one in the tree, of this process's mount namespace.
    package static func clone(_ tree: borrowing Fd) throws(Errno) -> Fd {
        // OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC, AT_EMPTY_PATH
        // SAFETY: the string is a constant.
        Fd(adopting: try Errno.check(unsafe clinux_open_tree(tree.raw, "", 1 | 0o2000000 | 0x1000)))
    }

    /// Puts a detached mount at `target`, under what is mounted there with `beneath` (Linux 6.5).
    ///
    /// It is private: a copy of a shared mount is its peer, and what somebody mounts on one shows on the other. With
    /// `readOnly` nothing can be written, executed or opened as a device there.
    package static func attach(
        _ tree: borrowing Fd,
        on target: Path,
        beneath: Bool = false,
        readOnly: Bool = false
    ) throws(Errno) {
        let fd = tree.raw
        // AT_EMPTY_PATH, AT_RECURSIVE
        // SAFETY: the string is a constant.
        let isSet =
            unsafe clinux_mount_setattr(
                fd,
                "",
                0x1000 | 0x8000,
                readOnly ? attributesReadOnly : 0,
                0,
                UInt64(Flags.isPrivate.rawValue)
            ) == 0
        // MOVE_MOUNT_F_EMPTY_PATH, MOVE_MOUNT_BENEATH
        let flags: UInt32 = 0x4 | (beneath ? 0x200 : 0)
        // SAFETY: the string lives for the call; the kernel only reads it.
        _ = try unsafe Errno.check(
            target.withCString { unsafe clinux_move_mount(fd, "", AT_FDCWD, $0, flags) }
        )
        // Kernels before 5.12 have no mount_setattr(2), nor do they put anything beneath.
        guard !isSet else { return }
        try mount("", on: target, type: "", flags: [.recursive, .isPrivate])
        guard readOnly else { return }
        let only: Flags = [.bind, .remount, .readOnly, .noSetuid, .noDevices, .noExecute]
        try mount("", on: target, type: "", flags: only)
    }

    /// MOUNT_ATTR_RDONLY, _NOSUID, _NODEV, _NOEXEC.
    private static var attributesReadOnly: UInt64 { 1 | 2 | 4 | 8 }
}

/// Namespaces of the calling thread.
package struct Namespaces: OptionSet, Sendable {
    package let rawValue: Int32

    package init(rawValue: Int32) { self.rawValue = rawValue }

    package static let mount = Namespaces(rawValue: 0x0002_0000)
    package static let cgroup = Namespaces(rawValue: 0x0200_0000)
    package static let uts = Namespaces(rawValue: 0x0400_0000)
    package static let ipc = Namespaces(rawValue: 0x0800_0000)
    package static let user = Namespaces(rawValue: 0x1000_0000)
    package static let pid = Namespaces(rawValue: 0x2000_0000)
    package static let network = Namespaces(rawValue: 0x4000_0000)
    /// For the children made from now on; the caller stays in its own.
    package static let time = Namespaces(rawValue: 0x0000_0080)

    /// Gives the caller new ones; before any other thread exists.
    package func unshare() throws(Errno) { _ = try Errno.check(clinux_unshare(rawValue)) }

    /// Enters the namespaces that `fd` (a pidfd, or a file of /proc/PID/ns) names.
    package func enter(_ fd: borrowing Fd) throws(Errno) { _ = try Errno.check(clinux_setns(fd.raw, rawValue)) }
}
