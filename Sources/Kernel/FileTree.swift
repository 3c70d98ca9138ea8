// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

import CLinux
import Glibc

/// Changes of the file tree, by absolute path.
package enum FileTree {
    package static func makeDirectory(_ path: Path, mode: UInt32 = 0o755) throws(Errno) {
        // SAFETY: the path lives for the call; so in all of this file.
        _ = try unsafe Errno.check(path.withCString { unsafe clinux_mkdirat(AT_FDCWD, $0, mode) })
    }

    /// Removes the file or the directory with all below it, without following a link.
    ///
    /// EBUSY for what is a mount point, or has one below it: what is mounted there is not touched. Before Linux 5.8 the kernel
    /// does not tell a directory that is mounted from one of the same file system.
    package static func removeAll(_ path: Path, depth: Int = 32) throws(Errno) {
        let status: FileStatus
        do throws(Errno) { status = try FileStatus.of(path, follow: false) } catch .noEntry { return }
        guard status.isDirectory else { return try Directories.unlink(path) }
        // A bind mount has its file system's device number: the mount's own id tells.
        guard try FileStatus.of(path.appending(".."), follow: false).isSameMount(as: status) else { throw .busy }
        guard depth > 0 else { throw .nameTooLong }
        for entry in try Fd.open(path, [.directory, .noFollow]).entries(limit: 100_000) {
            try removeAll(path.appending(Path(entry.name)), depth: depth - 1)
        }
        try Directories.remove(path)
    }

    /// Makes an empty regular file; no error where one is there.
    package static func makeFile(_ path: Path, mode: UInt32 = 0o644) throws(Errno) {
        _ = try Fd.open(path, [.writeOnly, .create], mode: mode)
    }

    package static func write(_ bytes: [UInt8], to path: Path, mode: UInt32 = 0o600) throws(Errno) {
        try Fd.open(path, [.writeOnly, .create, .truncate], mode: mode).write(bytes)
    }

    package static func isThere(_ path: Path) -> Bool { (try? FileStatus.of(path)) != nil }

    /// Whether the caller may execute the file (access(2), X_OK, by effective ids).
    package static func isExecutable(_ path: Path) -> Bool {
        // SAFETY: the string lives for the call; the kernel only reads it.
        unsafe path.withCString { unsafe clinux_access(AT_FDCWD, $0, X_OK) } == 0
    }

    /// Where the symbolic link points.
    package static func linkTarget(_ path: Path) throws(Errno) -> Path {
        Path(try Fd.open("/", [.path, .directory]).linkTarget(of: path))
    }

    /// The path without symbolic links, as realpath(3); the file must exist.
    package static func resolved(_ path: Path) throws(Errno) -> Path {
        let fd = try Fd.open(path, .path)
        return try linkTarget(Path("/proc/self/fd/\(fd.raw)"))
    }

    package static func workingDirectory() throws(Errno) -> Path {
        // SAFETY: getcwd writes at most the buffer's size, and returns how much with the NUL, which Path drops.
        Path(
            try unsafe [UInt8](unsafeUninitializedCapacityChecked: 4096) { (buffer) throws(Errno) in
                try unsafe Errno.check(
                    clinux_getcwd(buffer.baseAddress?.assumingMemoryBound(to: CChar.self), buffer.count)
                )
            }
        )
    }
}

extension Path {
    /// Every path from the top to this one: `/a/b` gives `/a`, `/a/b`.
    package var prefixes: [Path] {
        var result: [Path] = []
        for (index, byte) in bytes.enumerated() where byte == UInt8(ascii: "/") && index > 0 {
            if bytes[index - 1] != UInt8(ascii: "/") { result.append(Path(bytes[..<index])) }
        }
        if let last = bytes.last, last != UInt8(ascii: "/") { result.append(self) }
        return result
    }
}

extension Fd {
    /// Opens `path` as if the directory `self` were the root, links and `..` included (openat2, RESOLVE_IN_ROOT).
    package borrowing func openInRoot(_ path: Path, _ flags: OpenFlags = .readOnly) throws(Errno) -> Fd {
        let directory = raw
        // SAFETY: the string lives for the call; the kernel only reads it.
        return Fd(
            adopting: try unsafe Errno.check(
                path.withCString {
                    unsafe clinux_openat2(directory, $0, UInt64(UInt32(bitPattern: flags.rawValue)), 0x10)
                }
            )
        )
    }

    /// mkdirat and unlinkat(AT_REMOVEDIR) below the directory `self`.
    package borrowing func makeDirectory(_ path: Path, mode: UInt32 = 0o755) throws(Errno) {
        let directory = raw
        // SAFETY: the string lives for the call; the kernel only reads it.
        _ = try unsafe Errno.check(path.withCString { unsafe clinux_mkdirat(directory, $0, mode) })
    }

    package borrowing func removeDirectory(_ path: Path) throws(Errno) {
        let directory = raw
        // SAFETY: the string lives for the call; the kernel only reads it.
        _ = try unsafe Errno.check(path.withCString { unsafe clinux_unlinkat(directory, $0, AT_REMOVEDIR) })
    }

    /// Another descriptor of what the process was given as 0, 1 or 2.
    package static func standard(_ number: Int32) throws(Errno) -> Fd {
        Fd(adopting: try Errno.check(clinux_fcntl(number, F_DUPFD_CLOEXEC, 3)))
    }

    /// A file without a name, in memory, that ends with its last descriptor.
    package static func inMemory() throws(Errno) -> Fd {
        // SAFETY: the string lives for the call; the kernel only reads it.
        Fd(adopting: try Errno.check(unsafe clinux_memfd("umwelt")))
    }

    /// A pipe's two ends.
    package static func pipe() throws(Errno) -> Pipe {
        // SAFETY: the C side writes two numbers.
        try unsafe ends { unsafe clinux_pipe($0) }
    }

    /// The same for a program that tells a terminal alone; the reader's end is EIO.
    package static func terminal() throws(Errno) -> Pipe {
        // SAFETY: as above.
        try unsafe ends { unsafe clinux_terminal($0) }
    }

    private static func ends(_ make: (UnsafeMutablePointer<Int32>?) -> Int32) throws(Errno) -> Pipe {
        var ends: [Int32] = [-1, -1]
        // SAFETY: two numbers, as `make` writes.
        _ = try unsafe ends.withUnsafeMutableBufferPointer { (buffer) throws(Errno) in
            try unsafe Errno.check(make(buffer.baseAddress))
        }
        return Pipe(reading: Fd(adopting: ends[0]), writing: Fd(adopting: ends[1]))
    }

    /// Puts a copy at `number`, 0 to 2, for a program that this process becomes.
    package borrowing func stand(for number: Int32) throws(Errno) { _ = try Errno.check(clinux_dup_to(raw, number)) }

    package borrowing func isTerminal() -> Bool { clinux_isatty(raw) == 1 }
}

/// The two ends of a pipe.
package struct Pipe: ~Copyable {
    package let reading: Fd
    package private(set) var writing: Fd

    init(reading: consuming Fd, writing: consuming Fd) {
        self.reading = reading
        self.writing = writing
    }

    /// From here on the reader sees the end when the last other writer has gone.
    package mutating func closeWriting() { writing = Fd(adopting: -1) }
}
