// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

import CLinux
import Glibc

/// What statx(2) says of a file, without making its file system refresh it.
package struct FileStatus: Equatable, Sendable {
    package var inode: UInt64
    package var device: UInt64
    package var size: UInt64
    /// Type and permissions, as st_mode.
    package var mode: UInt32
    package var links: UInt32
    /// Who owns it.
    package var user: UInt32
    /// The mount the file was reached through (STATX_MNT_ID); 0 where the kernel does not say.
    package var mount: UInt64

    package var isDirectory: Bool { mode & S_IFMT == S_IFDIR }
    package var isRegular: Bool { mode & S_IFMT == S_IFREG }
    package var isSymbolicLink: Bool { mode & S_IFMT == S_IFLNK }
    package var isSocket: Bool { mode & S_IFMT == S_IFSOCK }

    package func isSameFile(as other: FileStatus) -> Bool { device == other.device && inode == other.inode }

    /// Whether both were reached through the same mount; by their devices where the kernel does not say.
    package func isSameMount(as other: FileStatus) -> Bool {
        mount == 0 || other.mount == 0 ? device == other.device : mount == other.mount
    }

    /// `follow`: whether a symbolic link at the end is followed.
    package static func of(_ path: Path, follow: Bool = true) throws(Errno) -> FileStatus {
        try of(path, rawDirectory: AT_FDCWD, flags: follow ? 0 : AT_SYMLINK_NOFOLLOW)
    }

    fileprivate static func of(_ path: Path, rawDirectory: Int32, flags: Int32) throws(Errno) -> FileStatus {
        var status = clinux_stat()
        // SAFETY: both pointers live for the call.
        _ = try unsafe Errno.check(
            path.withCString { name in
                unsafe withUnsafeMutablePointer(to: &status) { unsafe clinux_statat(rawDirectory, name, flags, $0) }
            }
        )
        return FileStatus(
            inode: status.ino,
            device: status.dev,
            size: status.size,
            mode: status.mode,
            links: status.nlink,
            user: status.uid,
            mount: status.mount
        )
    }
}

extension Fd {
    package borrowing func status() throws(Errno) -> FileStatus {
        // AT_EMPTY_PATH
        try FileStatus.of("", rawDirectory: raw, flags: 0x1000)
    }

    package borrowing func status(of path: Path, follow: Bool = true) throws(Errno) -> FileStatus {
        try FileStatus.of(path, rawDirectory: raw, flags: follow ? 0 : AT_SYMLINK_NOFOLLOW)
    }

    /// Where the symbolic link at `path` points, at most 4096 bytes.
    package borrowing func linkTarget(of path: Path) throws(Errno) -> [UInt8] {
        let fd = raw
        // SAFETY: readlinkat writes at most the buffer's size and returns how much.
        return try unsafe [UInt8](unsafeUninitializedCapacityChecked: 4096) { (buffer) throws(Errno) in
            let size = try unsafe Errno.check(
                path.withCString {
                    unsafe clinux_readlinkat(
                        fd,
                        $0,
                        buffer.baseAddress?.assumingMemoryBound(to: CChar.self),
                        buffer.count
                    )
                }
            )
            return size
        }
    }

    /// The names in the directory, without `.` and `..`, in the kernel's order, at most `limit` of them.
    package borrowing func entries(limit: Int) throws(Errno) -> [(name: [UInt8], type: UInt8)] {
        var result: [(name: [UInt8], type: UInt8)] = []
        var buffer = [UInt8](repeating: 0, count: 32768)
        while result.count < limit {
            let size = buffer.count
            // SAFETY: getdents64 writes at most `size` bytes.
            let got = try unsafe buffer.withUnsafeMutableBufferPointer { (bytes) throws(Errno) in
                try unsafe Errno.check(clinux_getdents64(raw, bytes.baseAddress, size))
            }
            if got == 0 { break }
            var offset = 0
            // struct linux_dirent64: u64 ino, s64 off, u16 reclen, u8 type, name, NUL.
            while offset + 19 <= got, result.count < limit {
                let length = Int(buffer[offset + 16]) | Int(buffer[offset + 17]) << 8
                guard length >= 19, offset + length <= got else { break }
                let name = buffer[(offset + 19)..<(offset + length)].prefix { $0 != 0 }
                if !(name.elementsEqual(".".utf8) || name.elementsEqual("..".utf8)) {
                    result.append((Array(name), buffer[offset + 18]))
                }
                offset += length
            }
        }
        return result
    }
}
