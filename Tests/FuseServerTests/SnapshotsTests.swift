// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

import FuseWire
import Glibc
import Testing

@testable import FuseServer

/// Files that are opened and not closed: bounded, and nobody else's trouble.
@Suite struct SnapshotsTests {
    @Test(arguments: [false, true]) func openWithoutCloseIsBounded(isStored: Bool) throws {
        let bench = Bench(store: isStored ? try SnapshotStore() : nil)
        bench.files.state.withLock { $0.content[200] = [UInt8](repeating: 7, count: 1500) }
        var last: UInt64 = 0
        for _ in 0..<100_000 { last = bench.open(200).handle }
        let statistics = bench.dispatcher.snapshotStatistics
        #expect((1...32).contains(statistics.count))
        #expect(statistics.bytes <= 512 << 10)
        #expect(statistics.bytes == statistics.count * 1500)
        #expect(statistics.dropped == UInt64(100_000 - statistics.count))
        // The last one is there as it was.
        bench.files.state.withLock { $0.content[200] = [1] }
        #expect(bench.read(200, handle: last).bytes.count == 1500)
    }

    /// All owners together: the sets' bounds, whatever the pids and nodes.
    @Test func allOwnersTogetherAreBounded() {
        let bench = Bench()
        bench.files.state.withLock { $0.content[50] = [UInt8](repeating: 7, count: 20_000) }
        for pid in UInt32(1)...20_000 { _ = bench.open(50, pid: pid) }
        #expect(bench.dispatcher.snapshotStatistics.bytes <= 32 * 512 << 10)
        #expect(bench.dispatcher.snapshotStatistics.count <= 32 * 32)
    }

    /// A flood by one owner drops nothing of another's, in its own set or in others: of small files, or of large ones.
    @Test(arguments: [5, 40_000]) func othersKeepTheirs(size: Int) {
        let bench = Bench()
        var others: [(node: UInt64, handle: UInt64)] = []
        // More than there are sets.
        for owner in UInt64(1)...9 * 8 {
            let node = owner * 100
            bench.files.state.withLock { $0.content[node] = [UInt8(owner)] }
            others.append((node, bench.open(node).handle))
        }
        // Small nodes are their callers'.
        bench.files.state.withLock { $0.content[5] = [UInt8](repeating: 5, count: size) }
        for pid in [777, 778, 779] as [UInt32] { for _ in 0..<500 { _ = bench.open(5, pid: pid) } }
        bench.files.state.withLock { $0.content = [:] }
        let kept = others.count { bench.read($0.node, handle: $0.handle).bytes == [UInt8($0.node / 100)] }
        #expect(kept == others.count)
    }

    /// top, vmstat and all of libproc2 keep /proc/stat and /proc/meminfo open, rewind, and read again.
    @Test func rewoundFileIsProducedAgain() {
        let bench = Bench()
        bench.files.state.withLock { $0.content[200] = Array("first".utf8) }
        let handle = bench.open(200).handle
        bench.files.state.withLock { $0.content[200] = Array("second one".utf8) }
        #expect(bench.read(200, handle: handle, offset: 0).bytes == Array("first".utf8))
        #expect(bench.read(200, handle: handle, offset: 2).bytes == Array("rst".utf8))
        #expect(bench.read(200, handle: handle, offset: 0).bytes == Array("second one".utf8))
        #expect(bench.read(200, handle: handle, offset: 7).bytes == Array("one".utf8))
        #expect(bench.dispatcher.snapshotStatistics.bytes == 10)
        // Larger than all that is kept for an owner: served, and the whole set's bytes still add up.
        bench.files.state.withLock { $0.content[200] = [UInt8](repeating: 3, count: 600_000) }
        #expect(bench.read(200, handle: handle, offset: 0, size: 100).bytes.count == 100)
        #expect(bench.read(200, handle: handle, offset: 599_990).bytes.count == 10)
        #expect(bench.dispatcher.snapshotStatistics.bytes <= 600_000)
        // Gone while it was read.
        bench.files.state.withLock { $0.content[200] = nil }
        #expect(bench.read(200, handle: handle, offset: 0).error == 2)
        #expect(!bench.counters.all.contains { $0.name == "fuse_rerendered_total" && $0.value > 0 })
    }

    @Test func droppedSnapshotIsRenderedAgain() {
        let bench = Bench()
        bench.files.state.withLock { $0.content[200] = Array("old".utf8) }
        let first = bench.open(200).handle
        for _ in 0..<64 { _ = bench.open(200) }
        bench.files.state.withLock { $0.content[200] = Array("new".utf8) }
        #expect(bench.read(200, handle: first).bytes == Array("new".utf8))
        #expect(bench.counters.all.contains { $0.name == "fuse_rerendered_total" && $0.value == 1 })
    }

    /// A container's processes have a file open each: more than one set holds.
    @Test func manyThreadsOfOneOwnerKeepTheirs() {
        let bench = Bench()
        bench.files.state.withLock { $0.content[200] = Array("old".utf8) }
        let handles = (UInt32(1)...200).map { bench.open(200, pid: $0).handle }
        bench.files.state.withLock { $0.content[200] = Array("new".utf8) }
        #expect(handles.allSatisfy { bench.read(200, handle: $0).bytes == Array("old".utf8) })
    }

    /// A file that stays open is whole again, once what crowded it out is gone.
    @Test func droppedSnapshotIsKeptAgain() {
        let bench = Bench()
        bench.files.state.withLock { $0.content[200] = Array("first".utf8) }
        let top = bench.open(200).handle
        let crowd = (0..<64).map { _ in bench.open(200).handle }
        for handle in crowd { bench.release(200, handle: handle) }
        bench.files.state.withLock { $0.content[200] = Array("second".utf8) }
        #expect(bench.read(200, handle: top, size: 3).bytes == Array("sec".utf8))
        bench.files.state.withLock { $0.content[200] = Array("3".utf8) }
        #expect(bench.read(200, handle: top, offset: 3).bytes == Array("ond".utf8))
        #expect(bench.read(200, handle: top).bytes == Array("3".utf8))
        bench.release(200, handle: top)
        #expect(bench.dispatcher.snapshotStatistics.count == 0)
    }

    @Test func closeGivesBack() {
        let bench = Bench()
        bench.files.state.withLock { $0.content[200] = [UInt8](repeating: 7, count: 999) }
        for _ in 0..<1000 {
            let handle = bench.open(200).handle
            bench.release(200, handle: handle)
            // Twice, and a neighbour's: no harm.
            bench.release(200, handle: handle)
            bench.release(200, handle: handle &+ 1)
        }
        #expect(bench.dispatcher.snapshotStatistics == (0, 0, 0))
    }

    /// One content larger than a set may keep is kept alone.
    @Test(arguments: [false, true]) func largeContentIsKeptAlone(isStored: Bool) throws {
        let bench = Bench(maxPages: 256, store: isStored ? try SnapshotStore() : nil)
        bench.files.state.withLock { $0.content[200] = [UInt8](repeating: 7, count: 600_000) }
        let first = bench.open(200).handle
        let second = bench.open(200).handle
        #expect(bench.dispatcher.snapshotStatistics == (1, 600_000, 1))
        bench.files.state.withLock { $0.content[200] = [] }
        #expect(bench.read(200, handle: second, size: .max).bytes.count == 600_000)
        #expect(bench.read(200, handle: first).bytes.isEmpty)
    }

    @Test func handlesAreNeverZeroNorUsedAgain() {
        let bench = Bench()
        bench.files.state.withLock { $0.content[200] = [1] }
        var seen: Set<UInt64> = []
        for _ in 0..<5000 {
            let handle = bench.open(200).handle
            #expect(handle != 0)
            #expect(seen.insert(handle).inserted)
            bench.release(200, handle: handle)
        }
        // A later process starts elsewhere, so that it does not take its predecessor's handles for its own.
        let later = Bench(firstSequence: 1_000_000)
        later.files.state.withLock { $0.content[200] = [1] }
        for _ in 0..<5000 { #expect(!seen.contains(later.open(200).handle)) }
    }

    /// A file that is open goes on in the same content when another process serves it.
    @Test func anotherProcessGoesOnWhereThisOneWas() throws {
        let store = try SnapshotStore()
        let bench = Bench(store: store)
        bench.files.state.withLock { $0.content[200] = Array(0..<200) }
        let (first, second, closed) = (bench.open(200).handle, bench.open(200).handle, bench.open(200).handle)
        #expect(bench.read(200, handle: first, size: 100).bytes == Array(0..<100))
        bench.release(200, handle: closed)

        let later = Bench(firstSequence: 1_000_000, store: store)
        later.files.state.withLock { $0.content[200] = [7, 7, 7] }
        #expect(later.read(200, handle: first, offset: 100, size: 100).bytes == Array(100..<200))
        #expect(later.read(200, handle: second).bytes == Array(0..<200))
        // Rewound, it is read anew, as ever.
        #expect(later.read(200, handle: first).bytes == [7, 7, 7])
        #expect(later.read(200, handle: closed).bytes == [7, 7, 7])
        // And the next one goes on with that.
        let last = Bench(firstSequence: 2_000_000, store: store)
        last.files.state.withLock { $0.content[200] = [9] }
        #expect(last.read(200, handle: first, offset: 1).bytes == [7, 7])
        later.release(200, handle: second)
        #expect(last.read(200, handle: second).bytes == [9])
    }

    /// What is too large for its place is made anew, and never cut.
    @Test func storeKeepsWholeContentsOrNone() throws {
        let store = try SnapshotStore()
        let bench = Bench(store: store)
        bench.files.state.withLock { $0.content[200] = [UInt8](repeating: 1, count: 600_000) }
        let handle = bench.open(200).handle
        let later = Bench(firstSequence: 1_000_000, store: store)
        later.files.state.withLock { $0.content[200] = [UInt8](repeating: 2, count: 5) }
        #expect(later.read(200, handle: handle).bytes == [2, 2, 2, 2, 2])
    }

    /// What a predecessor keeps for a file that is open stays, though the next one opens others before that is read on.
    @Test func nextProcessTakesNoOpenFilesPlace() throws {
        let store = try SnapshotStore()
        let before = Snapshots(firstSequence: 1, store: store).insert([1, 2], owner: 7, thread: 7)
        let later = Snapshots(firstSequence: 1_000_000, store: store)
        let after = later.insert([3], owner: 7, thread: 7)
        #expect(before != after)
        #expect(later.content(of: before, readAt: 1) == .content([1, 2]))
        #expect(later.content(of: after, readAt: 1) == .content([3]))
    }

    /// What was dropped is nowhere kept, and what a predecessor kept counts: cpuinfo of 64 CPUs, opened without end.
    @Test func storeIsBoundedToo() throws {
        let store = try SnapshotStore()
        let content = [UInt8](repeating: 7, count: 92_000)
        let snapshots = Snapshots(firstSequence: 1, store: store)
        let handles = (0..<64).map { _ in snapshots.insert(content, owner: 7, thread: 7) }
        for handle in handles { _ = snapshots.content(of: handle, readAt: 1) }
        #expect(snapshots.statistics.count == 5)
        #expect(snapshots.statistics.bytes == 5 * 92_000)
        let next = Snapshots(firstSequence: 1_000_000, store: store)
        for _ in 0..<3 { _ = next.insert(content, owner: 7, thread: 7) }
        for handle in handles.suffix(5) { #expect(next.content(of: handle, readAt: 1) == .content(content)) }
        #expect(next.statistics.count == 5)
        #expect(next.statistics.bytes == 5 * 92_000)
    }

    /// However places are used one after the other, they keep no memory of large contents that are closed.
    @Test func storeGivesMemoryBack() throws {
        let store = try SnapshotStore()
        let snapshots = Snapshots(firstSequence: 1, store: store)
        for small in 0..<Snapshots.ways {
            var handles = (0..<small).map { _ in snapshots.insert([1], owner: 7, thread: 7) }
            handles.append(snapshots.insert([UInt8](repeating: 7, count: 92_000), owner: 7, thread: 7))
            for handle in handles { snapshots.remove(handle) }
        }
        var status = stat()
        #expect(fstat(store.memory.fd.raw, &status) == 0)
        // A page for the header.
        #expect(Int(status.st_blocks) * 512 <= 4096 + Snapshots.bytesPerSet)
    }

    /// Eight threads at once: bounds and contents hold.
    @Test func manyThreads() async {
        let bench = Bench()
        bench.files.state.withLock { state in
            for node in UInt64(0)..<8 { state.content[node * 100 + 7] = [UInt8](repeating: UInt8(node), count: 100) }
        }
        await withTaskGroup(of: Int.self) { group in
            for node in UInt64(0)..<8 {
                group.addTask {
                    var wrong = 0
                    for round in 0..<500 {
                        let handle = bench.open(node * 100 + 7, pid: UInt32(round % 5 + 1)).handle
                        let bytes = bench.read(node * 100 + 7, handle: handle).bytes
                        if bytes != [UInt8](repeating: UInt8(node), count: 100) { wrong += 1 }
                        if round % 3 == 0 { bench.release(node * 100 + 7, handle: handle) }
                    }
                    return wrong
                }
            }
            for await wrong in group { #expect(wrong == 0) }
        }
        #expect(bench.dispatcher.snapshotStatistics.bytes <= 32 * 512 << 10)
    }
}
