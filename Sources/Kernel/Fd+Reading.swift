// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

import CLinux
import Glibc

extension Fd {
    /// Reads once at the file's own offset; 0 at the end.
    package borrowing func read(into buffer: UnsafeMutableRawBufferPointer) throws(Errno) -> Int {
        // SAFETY: the kernel writes at most `count` bytes into a buffer the caller owns for the call.
        try unsafe Errno.check(clinux_read(raw, buffer.baseAddress, buffer.count))
    }

    /// Reads once at `offset`; 0 at the end.
    ///
    /// On a kept cgroup file: ENODEV once the cgroup is gone.
    package borrowing func read(at offset: Int64, into buffer: UnsafeMutableRawBufferPointer) throws(Errno) -> Int {
        // SAFETY: as above.
        try unsafe Errno.check(clinux_pread(raw, buffer.baseAddress, buffer.count, offset))
    }

    /// The file's content from its start, at most `limit` bytes of it.
    ///
    /// A short read is not the end: a file that the kernel makes of many records (cpuinfo, mountinfo, slabinfo,
    /// cgroup.procs) ends each read at a record's end, some bytes before what was asked for (seq_read_iter(),
    /// fs/seq_file.c). Only a read of nothing is.
    package borrowing func contents(limit: Int) throws(Errno) -> [UInt8] {
        var result: [UInt8] = []
        var capacity = min(4096, limit)
        while result.count < limit {
            let offset = result.count
            let wanted = capacity
            let fd = raw
            // SAFETY: the closure writes `got` bytes into memory the array reserved for it, and says so.
            let piece = try unsafe [UInt8](unsafeUninitializedCapacityChecked: wanted) { (buffer) throws(Errno) in
                try unsafe Errno.check(clinux_pread(fd, buffer.baseAddress, buffer.count, Int64(offset)))
            }
            if piece.isEmpty { break }
            if result.isEmpty { result = piece } else { result.append(contentsOf: piece) }
            capacity = min(offset == 0 ? 4096 : 65536, limit - result.count)
        }
        return result
    }

    /// What one read from the file's start gives, at most `limit` bytes.
    package borrowing func readOnce(atMost limit: Int) throws(Errno) -> [UInt8] {
        let fd = raw
        // SAFETY: the closure writes as many bytes as it says into memory the array reserved for it.
        return try unsafe [UInt8](unsafeUninitializedCapacityChecked: limit) { (buffer) throws(Errno) in
            try unsafe Errno.check(clinux_pread(fd, buffer.baseAddress, buffer.count, 0))
        }
    }

    /// Takes the disk space for the file's first `bytes` now, so that writing them later does not fail for want of it.
    ///
    /// Errors: ENOSPC; EOPNOTSUPP where the file system cannot.
    package borrowing func reserve(bytes: Int64) throws(Errno) { _ = try Errno.check(clinux_reserve(raw, bytes)) }

    /// Writes all of `bytes`.
    package borrowing func write(_ bytes: [UInt8]) throws(Errno) {
        var done = 0
        let fd = raw
        while done < bytes.count {
            // SAFETY: the pointer is used within the call only; `done` is within the buffer.
            done += try unsafe bytes.withUnsafeBufferPointer { (buffer) throws(Errno) in
                let rest = unsafe UnsafeBufferPointer(rebasing: buffer[done...])
                return try unsafe Errno.check(clinux_write(fd, rest.baseAddress, rest.count))
            }
        }
    }

    /// The content of the file at `path`, at most `limit` bytes of it.
    package static func contents(of path: Path, limit: Int) throws(Errno) -> [UInt8] {
        try Fd.open(path).contents(limit: limit)
    }

    /// The content of the file at `path` below the directory `self`.
    package borrowing func contents(of path: Path, limit: Int) throws(Errno) -> [UInt8] {
        try open(path).contents(limit: limit)
    }
}

extension Array where Element == UInt8 {
    /// `init(unsafeUninitializedCapacity:)` with typed throws: `fill` returns how many bytes it wrote.
    init(
        unsafeUninitializedCapacityChecked capacity: Int,
        _ fill: (UnsafeMutableRawBufferPointer) throws(Errno) -> Int
    ) throws(Errno) {
        var failure: Errno?
        // SAFETY: `count` is what the kernel said it wrote, bounded by the buffer's size.
        unsafe self.init(unsafeUninitializedCapacity: capacity) { buffer, count in
            do throws(Errno) {
                count = Swift.min(try unsafe fill(UnsafeMutableRawBufferPointer(buffer)), buffer.count)
            } catch {
                failure = error
                count = 0
            }
        }
        if let failure { throw failure }
    }
}

extension Fd {
    /// Reads once into an array that is already as long as what may be read.
    package borrowing func read(into buffer: inout [UInt8]) throws(Errno) -> Int {
        let fd = raw
        // SAFETY: the kernel writes at most `count` bytes into the array's own memory.
        return try unsafe buffer.withUnsafeMutableBufferPointer { (buffer) throws(Errno) in
            try unsafe Errno.check(clinux_read(fd, buffer.baseAddress, buffer.count))
        }
    }
}
