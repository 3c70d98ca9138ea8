// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

import CLinux
import Glibc

/// The beginning of a file as memory that all processes share: counters and the numbers of those at work.
///
/// Never unmapped: a process has one for its life.
// SAFETY: the mapping lives as long as the process, and is read and written by atomic operations alone.
@safe package struct SharedPage: @unchecked Sendable {
    private let address: UnsafeMutableRawPointer
    private let size: Int

    /// EINVAL where the file is shorter than `size`: an access behind its end would be a SIGBUS.
    package init(_ file: borrowing Fd, size: Int) throws(Errno) {
        guard try file.status().size >= UInt64(size) else { throw .invalidArgument }
        var address: UnsafeMutableRawPointer?
        // SAFETY: the C side writes one pointer.
        _ = try Errno.check(unsafe clinux_shared_map(file.raw, size, &address))
        guard let address = unsafe address else { throw .invalidArgument }
        // SAFETY: a mapping of `size` bytes.
        unsafe self.address = address
        self.size = size
    }

    private func contains(_ offset: Int, _ count: Int) -> Bool {
        offset >= 0 && offset % 8 == 0 && count >= 0 && count <= size && offset <= size - count
    }

    /// The 64-bit number at `offset`; 0 outside.
    package func load(_ offset: Int) -> UInt64 {
        // SAFETY: within the mapping, and aligned.
        contains(offset, 8) ? unsafe clinux_shared_load(address, offset) : 0
    }

    /// Adds to the 64-bit number at `offset`.
    package func add(_ value: UInt64, at offset: Int) {
        // SAFETY: within the mapping, and aligned.
        if contains(offset, 8) { unsafe clinux_shared_add(address, offset, value) }
    }

    /// Writes this process's number into a free one of `count` 32-bit words at `offset`.
    ///
    /// Words of processes that are gone are cleared, all of them; `gone` says how many. nil where none is free.
    package func enter(at offset: Int, count: Int) -> (index: Int?, gone: Int) {
        guard contains(offset, count * 4) else { return (nil, 0) }
        var gone: UInt32 = 0
        // SAFETY: all words are within the mapping.
        let index = unsafe clinux_shared_enter(address, offset, count, &gone)
        return (index >= 0 ? Int(index) : nil, Int(gone))
    }

    package func leave(at offset: Int, index: Int) {
        guard contains(offset, (index + 1) * 4) else { return }
        // SAFETY: within the mapping.
        unsafe clinux_shared_leave(address, offset, index)
    }

    /// Tells the last word (`LastWord`) what to count, and which word to clear.
    package func lastWordCounts(late: Int, killed: Int, broken: Int, workers: Int, index: Int?) {
        guard contains(late, 8), contains(killed, 8), contains(broken, 8), contains(workers, ((index ?? 0) + 1) * 4)
        else { return }
        // SAFETY: within the mapping, which is never unmapped.
        unsafe clinux_last_word_counts(
            address.advanced(by: late).assumingMemoryBound(to: UInt64.self),
            address.advanced(by: killed).assumingMemoryBound(to: UInt64.self),
            address.advanced(by: broken).assumingMemoryBound(to: UInt64.self),
            index.map { unsafe clinux_shared_word(address, workers, $0) } ?? nil
        )
    }
}
