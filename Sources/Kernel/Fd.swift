// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

import CLinux
import Glibc

/// A file descriptor with one owner, closed once, at the end of its life.
///
/// All are made close-on-exec.
package struct Fd: ~Copyable, Sendable {
    package let raw: Int32

    /// Takes over a descriptor that nobody else will close.
    package init(adopting raw: Int32) { self.raw = raw }

    deinit { if raw >= 0 { _ = Glibc.close(raw) } }

    /// Gives the descriptor away; the caller closes it.
    package consuming func release() -> Int32 {
        let result = raw
        discard self
        return result
    }

    /// A duplicate of the process's standard error.
    package static func standardError() throws(Errno) -> Fd {
        Fd(adopting: try Errno.check(clinux_fcntl(2, F_DUPFD_CLOEXEC, 3)))
    }

    /// Whether this process has a descriptor of that number that is open for writing.
    package static func isOpenForWriting(_ raw: Int32) -> Bool {
        do throws(Errno) { return try Errno.check(clinux_fcntl(raw, F_GETFL, 0)) & O_ACCMODE != O_RDONLY } catch {
            return false
        }
    }

    /// Another descriptor of the same open file (close-on-exec).
    package borrowing func duplicate() throws(Errno) -> Fd {
        Fd(adopting: try Errno.check(clinux_fcntl(raw, F_DUPFD_CLOEXEC, 3)))
    }

    /// Whether exec keeps the descriptor open.
    package borrowing func setInherited(_ inherited: Bool) throws(Errno) {
        _ = try Errno.check(clinux_fcntl(raw, F_SETFD, inherited ? 0 : Int(FD_CLOEXEC)))
    }
}

/// How a file is opened: open(2)'s flags.
package struct OpenFlags: OptionSet, Sendable {
    package let rawValue: Int32

    package init(rawValue: Int32) { self.rawValue = rawValue }

    package static var readOnly: OpenFlags { OpenFlags(rawValue: O_RDONLY) }
    package static var writeOnly: OpenFlags { OpenFlags(rawValue: O_WRONLY) }
    package static var readWrite: OpenFlags { OpenFlags(rawValue: O_RDWR) }
    /// For a file that others might have replaced by a link or a pipe.
    package static var readWriteGuarded: OpenFlags { OpenFlags(rawValue: O_RDWR | O_NOFOLLOW | O_NONBLOCK) }
    package static var create: OpenFlags { OpenFlags(rawValue: O_CREAT) }
    package static var exclusive: OpenFlags { OpenFlags(rawValue: O_EXCL) }
    package static var truncate: OpenFlags { OpenFlags(rawValue: O_TRUNC) }
    package static var append: OpenFlags { OpenFlags(rawValue: O_APPEND) }
    package static var directory: OpenFlags { OpenFlags(rawValue: O_DIRECTORY) }
    package static var noFollow: OpenFlags { OpenFlags(rawValue: O_NOFOLLOW) }
    package static var nonBlocking: OpenFlags { OpenFlags(rawValue: O_NONBLOCK) }
    /// O_PATH: names a file without opening it.
    package static var path: OpenFlags { OpenFlags(rawValue: 0o10000000) }
}

extension Fd {
    /// Opens `path` as seen from the working directory.
    package static func open(_ path: Path, _ flags: OpenFlags = .readOnly, mode: UInt32 = 0o600) throws(Errno) -> Fd {
        try open(path, rawDirectory: AT_FDCWD, flags, mode: mode)
    }

    /// Opens `path` as seen from the directory `self`.
    package borrowing func open(
        _ path: Path,
        _ flags: OpenFlags = .readOnly,
        mode: UInt32 = 0o600
    ) throws(Errno) -> Fd {
        try Fd.open(path, rawDirectory: raw, flags, mode: mode)
    }

    private static func open(
        _ path: Path,
        rawDirectory: Int32,
        _ flags: OpenFlags,
        mode: UInt32
    ) throws(Errno) -> Fd {
        // SAFETY: the string lives for the call; the kernel only reads it.
        Fd(
            adopting: try unsafe Errno.check(
                path.withCString { unsafe clinux_openat(rawDirectory, $0, flags.rawValue, mode) }
            )
        )
    }
}
