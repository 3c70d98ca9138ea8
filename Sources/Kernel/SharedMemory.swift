// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

import CLinux
import Glibc

/// Memory that processes share, by descriptor: it outlives each of them for as long as one holds it.
///
/// Pages that nobody touched take no memory.
package final class SharedMemory: Sendable {
    package let fd: Fd
    package let size: Int
    private let start: UInt

    /// Makes new memory, all zero.
    package convenience init(size: Int) throws(Errno) {
        // SAFETY: the name is a constant; the kernel only reads it.
        try self.init(adopting: Fd(adopting: Errno.check(unsafe clinux_memfd_sized("umwelt", size))))
    }

    /// Maps what another process made.
    package init(adopting fd: consuming Fd) throws(Errno) {
        let size = Int(try Errno.check(clinux_file_size(fd.raw)))
        guard size > 0 else { throw .invalidArgument }
        var error: Int32 = 0
        // SAFETY: a fresh mapping of the whole file, which only this object unmaps.
        guard let start = unsafe clinux_map_shared(fd.raw, size, &error) else { throw Errno(rawValue: error) }
        self.start = UInt(bitPattern: start)
        self.size = size
        self.fd = fd
    }

    // SAFETY: mapped by init; nobody has a pointer any more.
    deinit { unsafe clinux_unmap(UnsafeMutableRawPointer(bitPattern: start), size) }

    /// A number that others may be writing; `offset` is a multiple of 8 within the memory, else 0 comes back.
    package func load(at offset: Int) -> UInt64 {
        guard let place = unsafe place(offset, 8) else { return 0 }
        // SAFETY: aligned and within the mapping.
        return unsafe clinux_load64(place.baseAddress)
    }

    /// Sets a number; outside of the memory nothing happens.
    package func store(_ value: UInt64, at offset: Int) {
        guard let place = unsafe place(offset, 8) else { return }
        // SAFETY: aligned and within the mapping.
        unsafe clinux_store64(place.baseAddress, value)
    }

    /// Reads once from `file` to this place, and hands a copy to `buffer`, which is as long as what may be read.
    package func read(from file: borrowing Fd, at offset: Int, copyingTo buffer: inout [UInt8]) throws(Errno) -> Int {
        guard let place = unsafe place(offset, buffer.count) else { throw .invalidArgument }
        // SAFETY: the kernel writes at most the place's size, which is the buffer's.
        let size = try unsafe Errno.check(clinux_read(file.raw, place.baseAddress, place.count))
        unsafe buffer.withUnsafeMutableBytes { buffer in
            // SAFETY: `size` is at most the place's and the buffer's.
            unsafe buffer.copyMemory(from: UnsafeRawBufferPointer(rebasing: place[..<min(size, place.count)]))
        }
        return size
    }

    /// Writes `bytes` there; nothing where they do not all lie within the memory.
    package func write(_ bytes: [UInt8], at offset: Int) {
        guard let place = unsafe place(offset, bytes.count) else { return }
        // SAFETY: the place is as long as the bytes; a reader at the same time can only read wrong ones.
        unsafe bytes.withUnsafeBytes { unsafe place.copyMemory(from: $0) }
    }

    /// A copy of `count` bytes; empty where they are not all within the memory.
    package func bytes(at offset: Int, count: Int) -> [UInt8] {
        guard let place = unsafe place(offset, count) else { return [] }
        // SAFETY: within the mapping; a writer at the same time can only make the bytes wrong.
        return unsafe Array(place)
    }

    /// Gives the memory of whole pages back; they are zero from then on.
    ///
    /// Both numbers are multiples of the page's size, else nothing happens.
    package func discard(at offset: Int, count: Int) {
        // The kernel would round the count up, to what is another's.
        let page = max(1, sysconf(Int32(_SC_PAGESIZE)))
        guard count > 0, offset % page == 0, count % page == 0, let place = unsafe place(offset, count) else { return }
        // SAFETY: within the mapping; no content is promised to a reader at the same time.
        _ = unsafe madvise(place.baseAddress, place.count, MADV_REMOVE)
    }

    private func place(_ offset: Int, _ count: Int) -> UnsafeMutableRawBufferPointer? {
        guard offset >= 0, offset % 8 == 0, count >= 0, count <= size, offset <= size - count else { return nil }
        // SAFETY: within the mapping, which lives as long as this object.
        return unsafe UnsafeMutableRawBufferPointer(
            start: UnsafeMutableRawPointer(bitPattern: start + UInt(offset)),
            count: count
        )
    }
}
