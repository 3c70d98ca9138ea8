// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

import CLinux
import Glibc

extension FileTree {
    /// Puts a file of this content at `path`, whole or not at all: a reader sees the one before or this one.
    ///
    /// It is on disk when this returns. The directory must exist.
    package static func replace(_ path: Path, with bytes: [UInt8], mode: UInt32 = 0o644) throws(Errno) {
        let stage = Path(path.bytes + Array(".\(ProcessID.own).new".utf8))
        do throws(Errno) {
            let file = try Fd.open(stage, [.writeOnly, .create, .truncate, .noFollow], mode: mode)
            try file.write(bytes)
            _ = try Errno.check(clinux_fsync(file.raw))
            try Directories.rename(stage, to: path)
        } catch {
            try? Directories.unlink(stage)
            throw error
        }
    }
}

extension Fd {
    /// Writes all of `bytes` at `offset`; ENOSPC where less was taken.
    package borrowing func write(_ bytes: [UInt8], at offset: Int64) throws(Errno) {
        let fd = raw
        // SAFETY: the pointer is used within the call only.
        let count = try unsafe bytes.withUnsafeBufferPointer { (buffer) throws(Errno) in
            try unsafe Errno.check(clinux_pwrite(fd, buffer.baseAddress, buffer.count, offset))
        }
        guard count == bytes.count else { throw .noSpace }
    }

    /// `count` bytes at `offset`; fewer where the file ends before.
    package borrowing func read(count: Int, at offset: Int64) throws(Errno) -> [UInt8] {
        let fd = raw
        // SAFETY: the closure writes what it says into memory the array reserved for it.
        return try unsafe [UInt8](unsafeUninitializedCapacityChecked: count) { (buffer) throws(Errno) in
            try unsafe Errno.check(clinux_pread(fd, buffer.baseAddress, buffer.count, offset))
        }
    }

    /// Makes the file so long, with zeros.
    package borrowing func resize(to size: Int64) throws(Errno) { _ = try Errno.check(clinux_ftruncate(raw, size)) }

    /// Takes the lock of one byte for this open file (it need not exist); waits for who has it.
    ///
    /// The lock goes with the descriptor, so also when its process is killed.
    package borrowing func lockByte(at offset: Int64) throws(Errno) {
        _ = try Errno.check(clinux_lock_range(raw, offset, 1))
    }

    /// As above, but EAGAIN where somebody has it.
    package borrowing func tryLockByte(at offset: Int64) throws(Errno) {
        _ = try Errno.check(clinux_try_lock_range(raw, offset, 1))
    }

    package borrowing func unlockByte(at offset: Int64) throws(Errno) {
        _ = try Errno.check(clinux_unlock_range(raw, offset, 1))
    }
}
