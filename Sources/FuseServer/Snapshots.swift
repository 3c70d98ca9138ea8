// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

import Synchronization

/// What open files will read: each open gets its own copy of the content, whole and consistent however it is read.
///
/// A cache, not a registry: bounded in number and bytes, set-associative by owner and thread, and a handle that is not here
/// (dropped, or given out by an earlier process) is answered by producing the content again. Of a full set, the owner that
/// has the most loses its oldest. So a container that opens 100,000 files and closes none costs others nothing, and never
/// gets an error; one of many processes has more than one set.
final class Snapshots: Sendable {
    static let ways = 32
    /// A power of two.
    static let setCount = 32
    /// Bytes that one set may keep; a single content larger than that is kept alone.
    static let bytesPerSet = 512 << 10

    private struct Slot {
        /// 0: free.
        var handle: UInt64 = 0
        var content: [UInt8] = []
        /// 0: not known, for it is a predecessor's.
        var owner: UInt64 = 0
        /// Whether it was read from its start.
        var isRead = false
    }

    private struct Set {
        var slots = [Slot](repeating: Slot(), count: Snapshots.ways)
        var bytes = 0
        var sequence: UInt64
        var dropped: UInt64 = 0
    }

    /// ~Copyable mutexes live in a class each; the array itself never changes.
    private final class LockedSet: Sendable {
        let value: Mutex<Set>

        init(firstSequence: UInt64) { value = Mutex(Set(sequence: firstSequence)) }
    }

    private let sets: [LockedSet]
    /// Where they outlive the process.
    private let store: SnapshotStore?

    /// `firstSequence`: where handles start, so that a successor's are not its predecessor's (microseconds since boot do).
    init(firstSequence: UInt64, store: SnapshotStore? = nil) {
        sets = (0..<Self.setCount).map { _ in LockedSet(firstSequence: firstSequence) }
        self.store = store
    }

    /// Keeps a snapshot; returns its handle: 48 bits of sequence, 8 of set, 8 of way.
    ///
    /// `thread`: the opener's, of those of the owner.
    func insert(_ content: [UInt8], owner: UInt64, thread: Int32) -> UInt64 {
        let place = owner &+ UInt64(UInt32(bitPattern: thread)) << 32
        let index = Int(truncatingIfNeeded: (place &* 0x9E37_79B9_7F4A_7C15) >> 59) & (Self.setCount - 1)
        return sets[index].value.withLock { set in
            makeRoom(for: content, in: &set, index)
            if !set.slots.contains(where: { $0.handle == 0 }) { drop(from: &set, index) { _ in 1 } }
            // What a predecessor kept for a file that is still open is not known here before it is read.
            let unused = set.slots.indices.first {
                set.slots[$0].handle == 0 && store?.isFree(place: index * Self.ways + $0) != false
            }
            guard let way = unused ?? set.slots.firstIndex(where: { $0.handle == 0 }) else { return 0 }
            set.sequence &+= 1
            let handle = set.sequence << 16 | UInt64(index) << 8 | UInt64(way)
            set.bytes += content.count
            set.slots[way] = Slot(handle: handle, content: content, owner: owner)
            store?.put(content, handle: handle, place: index * Self.ways + way)
            return handle
        }
    }

    /// What a read finds under a handle.
    enum Finding: Equatable {
        case content([UInt8])
        /// Read from its start before, and now again: to be produced again.
        case stale
        /// There is none (any more).
        case nothing
    }

    /// The content for a read at `offset`.
    ///
    /// A file that is read from its start again says what is so then, as the kernel's own do (fs/seq_file.c, position 0):
    /// top, vmstat and all of libproc2 keep their files open and rewind them.
    func content(of handle: UInt64, readAt offset: UInt64) -> Finding {
        withSlot(of: handle) { set, way, place in
            guard offset == 0 else { return .content(set.slots[way].content) }
            if set.slots[way].isRead { return .stale }
            set.slots[way].isRead = true
            store?.markRead(place: place)
            return .content(set.slots[way].content)
        } ?? .nothing
    }

    /// Bytes of what a handle reads; nil where that is not here (any more).
    func size(of handle: UInt64) -> Int? { withSlot(of: handle) { set, way, _ in set.slots[way].content.count } }

    /// Puts newer content under a handle that was read.
    func replace(_ content: [UInt8], of handle: UInt64) {
        _ = withSlot(of: handle) { set, way, place in
            set.bytes -= set.slots[way].content.count
            set.slots[way].content = []
            // This one may be dropped itself.
            makeRoom(for: content, in: &set, place / Self.ways)
            guard set.slots[way].handle == handle else { return }
            set.bytes += content.count
            set.slots[way].content = content
            store?.put(content, handle: handle, place: place)
            store?.markRead(place: place)
        }
    }

    /// Keeps again what was produced for a handle that was dropped, where its place is free: a file that stays open (top's)
    /// is whole again once those that crowded it out are gone.
    func restore(_ content: [UInt8], of handle: UInt64, owner: UInt64) {
        guard let (index, way) = Self.position(of: handle) else { return }
        sets[index].value.withLock { set in
            guard set.slots[way].handle == 0, set.bytes + content.count <= Self.bytesPerSet else { return }
            let place = index * Self.ways + way
            set.slots[way] = Slot(handle: handle, content: content, owner: owner, isRead: true)
            set.bytes += content.count
            store?.put(content, handle: handle, place: place)
            store?.markRead(place: place)
        }
    }

    func remove(_ handle: UInt64) {
        _ = withSlot(of: handle) { set, way, place in
            set.bytes -= set.slots[way].content.count
            set.slots[way] = Slot()
            store?.remove(place: place)
        }
    }

    /// How many snapshots are kept, their bytes, and how many were dropped while open.
    var statistics: (count: Int, bytes: Int, dropped: UInt64) {
        var result = (count: 0, bytes: 0, dropped: UInt64(0))
        for set in sets {
            set.value.withLock { set in
                result.count += set.slots.count { $0.handle != 0 }
                result.bytes += set.bytes
                result.dropped &+= set.dropped
            }
        }
        return result
    }

    /// `handle` comes from the kernel, which had it from us or from a predecessor: every value of it is possible.
    private static func position(of handle: UInt64) -> (index: Int, way: Int)? {
        let position = (index: Int(handle >> 8 & 0xFF), way: Int(handle & 0xFF))
        return handle != 0 && position.index < setCount && position.way < ways ? position : nil
    }

    private func withSlot<Result>(of handle: UInt64, _ body: (inout Set, Int, Int) -> Result) -> Result? {
        guard let (index, way) = Self.position(of: handle) else { return nil }
        return sets[index].value.withLock { set in
            let place = index * Self.ways + way
            if set.slots[way].handle != handle {
                guard set.slots[way].handle == 0, let kept = store?.content(of: handle, place: place) else {
                    return nil
                }
                // A predecessor's, which goes on here.
                makeRoom(for: kept.content, in: &set, index)
                set.slots[way] = Slot(handle: handle, content: kept.content, isRead: kept.isRead)
                set.bytes += kept.content.count
            }
            return body(&set, way, place)
        }
    }

    private func makeRoom(for content: [UInt8], in set: inout Set, _ index: Int) {
        while set.bytes > 0, set.bytes + content.count > Self.bytesPerSet {
            drop(from: &set, index) { $0.content.count }
        }
    }

    /// Drops the oldest of the owner that has the most, as `weight` has it; what outlives the process, too, or it would be
    /// taken for a predecessor's.
    private func drop(from set: inout Set, _ index: Int, weight: (Slot) -> Int) {
        var weights: [UInt64: Int] = [:]
        for slot in set.slots where slot.handle != 0 { weights[slot.owner, default: 0] += weight(slot) }
        let most = weights.max { $0.value < $1.value }?.key
        let theirs = set.slots.indices.filter { set.slots[$0].handle != 0 && set.slots[$0].owner == most }
        guard let way = theirs.min(by: { set.slots[$0].handle < set.slots[$1].handle }) else {
            set.bytes = 0
            return
        }
        set.bytes -= set.slots[way].content.count
        set.slots[way] = Slot()
        store?.remove(place: index * Self.ways + way)
        set.dropped &+= 1
    }
}
