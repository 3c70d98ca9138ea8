// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

import CLinux
import Glibc

/// Names in directories.
package enum Directories {
    /// Makes the directory and those above it that are missing.
    ///
    /// No error where it is there already.
    package static func make(_ path: Path, mode: UInt32 = 0o755) throws(Errno) {
        var partial: [UInt8] = []
        for component in path.bytes.split(separator: UInt8(ascii: "/")) {
            if path.bytes.first == UInt8(ascii: "/") || !partial.isEmpty { partial.append(UInt8(ascii: "/")) }
            partial.append(contentsOf: component)
            // SAFETY: the C side only reads the path.
            let result = unsafe Path(partial).withCString { unsafe clinux_mkdir($0, mode) }
            if result < 0, result != 0 &- EEXIST { throw Errno(rawValue: 0 &- result) }
        }
    }

    /// Makes `directory` the calling process's root and working directory.
    package static func changeRoot(to directory: borrowing Fd) throws(Errno) {
        _ = try Errno.check(clinux_fchdir(directory.raw))
        // SAFETY: a constant, which the kernel only reads.
        _ = try Errno.check(unsafe clinux_chroot("."))
    }

    /// Removes an empty directory.
    package static func remove(_ path: Path) throws(Errno) {
        // SAFETY: the C side only reads the path.
        _ = try unsafe Errno.check(path.withCString { unsafe clinux_rmdir($0) })
    }

    /// rename(2): replaces what is at `target`, or is EEXIST with `replacing` false.
    package static func rename(_ path: Path, to target: Path, replacing: Bool = true) throws(Errno) {
        // SAFETY: both strings live for the call; the kernel only reads them.
        _ = try unsafe Errno.check(
            path.withCString { path in
                unsafe target.withCString { target in
                    unsafe replacing ? clinux_rename(path, target) : clinux_rename_new(path, target)
                }
            }
        )
    }

    /// Removes a file's name.
    package static func unlink(_ path: Path) throws(Errno) {
        // SAFETY: the C side only reads the path.
        _ = try unsafe Errno.check(path.withCString { unsafe clinux_unlink($0) })
    }
}
