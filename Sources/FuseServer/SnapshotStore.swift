// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

package import Kernel

/// The snapshots of open files in memory that outlives the process, so that a file whose reading began before the process
/// ended goes on in the same content: not a part of that moment and a part of another.
///
/// A place for each that `Snapshots` may keep. Places nobody used take no memory, and those that are free again no more than
/// one's share of what a set may keep.
package final class SnapshotStore: Sendable {
    /// What is written here by one version is read by another.
    private static let layout: UInt64 = 0x556d_7765_6c74_0001
    private static let headerSize = 4096
    /// The handle, then the length with bit 63 where it was read from its start, then from 64 on the content.
    private static let contentOffset = 64
    private static let placeSize = 132 << 10
    private static let freeSize = Snapshots.bytesPerSet / Snapshots.ways
    private static let readFlag: UInt64 = 1 << 63

    package let memory: SharedMemory

    package init() throws(Errno) {
        memory = try SharedMemory(size: Self.headerSize + Snapshots.setCount * Snapshots.ways * Self.placeSize)
        memory.store(Self.layout, at: 0)
    }

    /// What another process made; EINVAL where that one had another layout.
    package init(adopting fd: consuming Fd) throws(Errno) {
        memory = try SharedMemory(adopting: fd)
        guard memory.load(at: 0) == Self.layout else { throw .invalidArgument }
    }

    private func offset(_ place: Int) -> Int { Self.headerSize + place * Self.placeSize }

    /// To be called with the lock of the place's set, as all that changes it.
    ///
    /// The handle comes last: what was written in part is not found.
    func put(_ content: [UInt8], handle: UInt64, place: Int) {
        let offset = offset(place)
        remove(place: place)
        guard content.count <= Self.placeSize - Self.contentOffset else { return }
        memory.write(content, at: offset + Self.contentOffset)
        memory.store(UInt64(content.count), at: offset + 8)
        memory.store(handle, at: offset)
    }

    func markRead(place: Int) {
        let offset = offset(place) + 8
        memory.store(memory.load(at: offset) | Self.readFlag, at: offset)
    }

    /// Whether no process keeps anything there.
    func isFree(place: Int) -> Bool { memory.load(at: offset(place)) == 0 }

    func remove(place: Int) {
        let offset = offset(place)
        memory.store(0, at: offset)
        guard memory.load(at: offset + 8) & ~Self.readFlag > UInt64(Self.freeSize - Self.contentOffset) else { return }
        memory.discard(at: offset + Self.freeSize, count: Self.placeSize - Self.freeSize)
        memory.store(0, at: offset + 8)
    }

    /// What is kept under a handle, by whichever process.
    func content(of handle: UInt64, place: Int) -> (content: [UInt8], isRead: Bool)? {
        let offset = offset(place)
        guard handle != 0, memory.load(at: offset) == handle else { return nil }
        let length = memory.load(at: offset + 8)
        let count = Int(truncatingIfNeeded: length & ~Self.readFlag)
        guard count <= Self.placeSize - Self.contentOffset else { return nil }
        let content = memory.bytes(at: offset + Self.contentOffset, count: count)
        // Another worker may have taken the place meanwhile.
        guard memory.load(at: offset) == handle, content.count == count else { return nil }
        return (content, length & Self.readFlag != 0)
    }
}
