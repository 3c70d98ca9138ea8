// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

import FuseWire
package import Kernel

/// The requests that the loop threads are answering, in memory that outlives them.
///
/// Each thread has a slot, and some more for those that it leaves to others (`Exchange`). The kernel itself writes the request there, within read(2): so whatever ends the process, and
/// whenever, what it had taken from the device and not answered is found in here, by the process that follows and by the
/// one that watches.
package final class RequestArea: Sendable {
    /// A slot's first word counts: odd while a request is being answered.
    ///
    /// The request is behind it.
    private static let requestOffset = 64
    private static let slotSize = 12288
    package static let threadLimit = 64

    package let memory: SharedMemory

    /// Of each thread.
    static let slotsPerThread = 1 + Exchange.capacity

    /// New memory, for so many threads, and a place for the pulse.
    package init(threads: Int) throws(Errno) {
        let slots = max(1, min(threads, Self.threadLimit)) * Self.slotsPerThread
        memory = try SharedMemory(size: (slots + 1) * Self.slotSize)
    }

    /// What another process made.
    package init(adopting fd: consuming Fd) throws(Errno) { memory = try SharedMemory(adopting: fd) }

    package var slots: Int { max(0, memory.size / Self.slotSize - 1) }

    /// How many threads it is for.
    var threads: Int { slots / Self.slotsPerThread }

    /// Changes whenever `beat` is called.
    package var pulse: UInt64 { memory.load(at: slots * Self.slotSize) }

    /// Says that the thread which calls it goes on.
    package func beat() { memory.store(pulse &+ 1, at: slots * Self.slotSize) }

    /// Of each slot: changes with every request, odd while one is being answered.
    package var progress: [UInt64] { (0..<slots).map { memory.load(at: $0 * Self.slotSize) } }

    /// The requests that were taken and not answered.
    package var unanswered: [[UInt8]] { (0..<slots).compactMap(request) }

    private func request(in slot: Int) -> [UInt8]? {
        let offset = slot * Self.slotSize + Self.requestOffset
        let length = Int(truncatingIfNeeded: memory.load(at: offset) & 0xFFFF_FFFF)
        guard length >= RequestHeader.size, length <= RequestBuffer.size else { return nil }
        return memory.bytes(at: offset, count: length)
    }

    /// Takes the next request into the slot, and a copy of it into `buffer`, which has `RequestBuffer.size` bytes.
    ///
    /// Blocks until there is one.
    func take(slot: Int, from device: borrowing Fd, into buffer: inout [UInt8]) throws(Errno) -> Int {
        let offset = slot * Self.slotSize
        memory.store(0, at: offset + Self.requestOffset)
        let size = try memory.read(from: device, at: offset + Self.requestOffset, copyingTo: &buffer)
        memory.store(memory.load(at: offset) | 1, at: offset)
        return size
    }

    /// Whether a request was taken into the slot, and is not answered.
    func isBeingAnswered(slot: Int) -> Bool { memory.load(at: slot * Self.slotSize) & 1 == 1 }

    /// A copy of the request in the slot, which another thread has taken; its size.
    func copy(slot: Int, into buffer: inout [UInt8]) -> Int {
        guard let request = request(in: slot), request.count <= buffer.count else { return 0 }
        buffer.replaceSubrange(..<request.count, with: request)
        return request.count
    }

    /// Takes into the slot, and into `buffer` as above, what a process that has ended had taken and not answered; nil where
    /// there is nothing left of that.
    ///
    /// Whatever ends this process meanwhile: the request is in one of the two areas, whole. For a moment it is in both.
    func takeOver(slot: Int, from predecessor: RequestArea, into buffer: inout [UInt8]) -> Int? {
        for left in 0..<predecessor.slots {
            guard let request = predecessor.request(in: left) else { continue }
            let place = slot * Self.slotSize + Self.requestOffset
            let origin = left * Self.slotSize + Self.requestOffset
            memory.store(0, at: place)
            memory.write(Array(request.dropFirst(8)), at: place + 8)
            // Last, for its length is in here, without which there is no request.
            memory.store(predecessor.memory.load(at: origin), at: place)
            memory.store(memory.load(at: slot * Self.slotSize) | 1, at: slot * Self.slotSize)
            predecessor.memory.store(0, at: origin)
            buffer.replaceSubrange(..<request.count, with: request)
            return request.count
        }
        return nil
    }

    /// The request of the slot is answered.
    func done(slot: Int) {
        let offset = slot * Self.slotSize
        memory.store(0, at: offset + Self.requestOffset)
        memory.store((memory.load(at: offset) | 1) &+ 1, at: offset)
    }
}
