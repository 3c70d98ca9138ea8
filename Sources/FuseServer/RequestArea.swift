// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

import FuseWire
package import Kernel

/// The requests that the loop threads are answering, in memory that outlives them.
///
/// Each thread has a slot. The kernel itself writes the request there, within read(2): so whatever ends the process, and
/// whenever, what it had taken from the device and not answered is found in here, by the process that follows and by the
/// one that watches. A request that the thread leaves to another (`Exchange`) moves to one of its smaller slots before it
/// takes the next.
///
/// Each thread's part: eight words, of which the first five count, one for each slot, odd while a request is being answered
/// there; then the slot; in the last page, which only who leaves something touches, the four smaller ones.
package final class RequestArea: Sendable {
    private static let partSize = 12288
    private static let requestOffset = 64
    private static let lesserOffset = 8320
    /// Of a smaller slot; a longer request is not left to others.
    private static let lesserSize = 960
    package static let threadLimit = 64

    /// Of each thread, of which the first is its own, and the others are for what it leaves.
    static let slotsPerThread = 1 + Exchange.capacity

    package let memory: SharedMemory

    /// New memory, for so many threads, and a place for the pulse.
    package init(threads: Int) throws(Errno) {
        memory = try SharedMemory(size: (max(1, min(threads, Self.threadLimit)) + 1) * Self.partSize)
    }

    /// What another process made.
    package init(adopting fd: consuming Fd) throws(Errno) { memory = try SharedMemory(adopting: fd) }

    /// How many threads it is for.
    package var threads: Int { max(0, memory.size / Self.partSize - 1) }

    private var slots: Range<Int> { 0..<threads * Self.slotsPerThread }

    /// The thread's own slot.
    static func slot(of thread: Int) -> Int { thread * slotsPerThread }

    private static func progressOffset(_ slot: Int) -> Int {
        slot / slotsPerThread * partSize + slot % slotsPerThread * 8
    }

    private static func requestOffset(_ slot: Int) -> Int {
        let (part, number) = (slot / slotsPerThread * partSize, slot % slotsPerThread)
        return number == 0 ? part + requestOffset : part + lesserOffset + (number - 1) * lesserSize
    }

    private static func capacity(_ slot: Int) -> Int {
        slot % slotsPerThread == 0 ? RequestBuffer.size : lesserSize
    }

    /// Changes whenever `beat` is called.
    package var pulse: UInt64 { memory.load(at: threads * Self.partSize) }

    /// Says that the thread which calls it goes on.
    package func beat() { memory.store(pulse &+ 1, at: threads * Self.partSize) }

    /// Of each slot: changes with every request, odd while one is being answered.
    package var progress: [UInt64] { slots.map { memory.load(at: Self.progressOffset($0)) } }

    /// The requests that were taken and not answered.
    package var unanswered: [[UInt8]] { slots.compactMap(request) }

    private func request(in slot: Int) -> [UInt8]? {
        // The last page is touched only where there is something in it.
        if slot % Self.slotsPerThread != 0, memory.load(at: Self.progressOffset(slot)) == 0 { return nil }
        let offset = Self.requestOffset(slot)
        let length = Int(truncatingIfNeeded: memory.load(at: offset) & 0xFFFF_FFFF)
        guard length >= RequestHeader.size, length <= Self.capacity(slot) else { return nil }
        return memory.bytes(at: offset, count: length)
    }

    /// Takes the next request into the thread's own slot, and a copy of it into `buffer`, which has `RequestBuffer.size`
    /// bytes.
    ///
    /// Blocks until there is one.
    func take(thread: Int, from device: borrowing Fd, into buffer: inout [UInt8]) throws(Errno) -> Int {
        let slot = Self.slot(of: thread)
        memory.store(0, at: Self.requestOffset(slot))
        let size = try memory.read(from: device, at: Self.requestOffset(slot), copyingTo: &buffer)
        begin(slot)
        return size
    }

    private func begin(_ slot: Int) {
        memory.store(memory.load(at: Self.progressOffset(slot)) | 1, at: Self.progressOffset(slot))
    }

    /// Writes a request to a slot: its first word last, for its length is in there, without which there is no request.
    private func put(_ request: [UInt8], in slot: Int) {
        let offset = Self.requestOffset(slot)
        memory.store(0, at: offset)
        memory.write(Array(request.dropFirst(8)), at: offset + 8)
        memory.store((0..<8).reduce(0) { $0 | UInt64(request[$1]) << UInt64(8 * $1) }, at: offset)
        begin(slot)
    }

    /// Moves the request in the thread's own slot, which `request` is a copy of, to one of its smaller ones, and says which;
    /// nil where it is too long, or none is free.
    ///
    /// Whatever ends the process meanwhile: the request is in one of them, whole. For a moment it is in both.
    func setAside(_ request: ArraySlice<UInt8>, of thread: Int) -> Int? {
        guard request.count >= RequestHeader.size, request.count <= Self.lesserSize else { return nil }
        let own = Self.slot(of: thread)
        guard let free = (own + 1..<own + Self.slotsPerThread).first(where: { !isBeingAnswered(slot: $0) }) else {
            return nil
        }
        put(Array(request), in: free)
        done(slot: own)
        return free
    }

    /// Whether a request was taken into the slot, and is not answered.
    func isBeingAnswered(slot: Int) -> Bool { memory.load(at: Self.progressOffset(slot)) & 1 == 1 }

    /// A copy of the request in the slot, which another thread has taken; its size.
    func copy(slot: Int, into buffer: inout [UInt8]) -> Int {
        guard let request = request(in: slot), request.count <= buffer.count else { return 0 }
        buffer.replaceSubrange(..<request.count, with: request)
        return request.count
    }

    /// Takes into the thread's slot, and into `buffer` as above, what a process that has ended had taken and not answered; nil
    /// where there is nothing left of that.
    ///
    /// Whatever ends this process meanwhile: the request is in one of the two areas, whole. For a moment it is in both.
    func takeOver(thread: Int, from predecessor: RequestArea, into buffer: inout [UInt8]) -> Int? {
        for left in predecessor.slots {
            guard let request = predecessor.request(in: left) else { continue }
            put(request, in: Self.slot(of: thread))
            predecessor.memory.store(0, at: Self.requestOffset(left))
            buffer.replaceSubrange(..<request.count, with: request)
            return request.count
        }
        return nil
    }

    /// The request of the slot is answered.
    func done(slot: Int) {
        let offset = Self.progressOffset(slot)
        memory.store(0, at: Self.requestOffset(slot))
        memory.store((memory.load(at: offset) | 1) &+ 1, at: offset)
    }
}
