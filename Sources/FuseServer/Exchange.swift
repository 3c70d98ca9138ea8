// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

import Kernel
import Synchronization

/// Has a request answered on the CPU of its reader, where several readers are busy.
///
/// All loop threads take from one queue, the oldest request first, and so take those of each other's CPUs. Who answers one
/// then wakes a reader on another CPU, which costs an interrupt there: a microsecond or two on metal, tens on a virtual
/// machine, more than the answer itself. So a thread that has taken such a request leaves it to the thread that runs on the
/// reader's CPU, if that one is at work: it looks here before it takes another.
///
/// Nothing waits here for a thread that waits for requests: only an open box takes anything, and who opened it closes it only
/// when it is empty. What lies there for long, or while another thread has nothing else to do, any thread takes; where all of
/// them wait for requests, the watch does, which is no loop thread. A box that was not emptied by its own thread is closed.
final class Exchange: Sendable {
    /// What may lie with one thread, and be left by one.
    static let capacity = 4
    /// How long one may lie with another thread before it is taken from there, and how long while there is nothing else to do.
    static let patienceNs: UInt64 = 1_000_000
    static let idlePatienceNs: UInt64 = 30_000

    private struct Box {
        var isOpen = false
        /// Numbers of slots of the `RequestArea`, and since when, the oldest first.
        var left: [(slot: Int, since: UInt64)] = []
    }

    /// ~Copyable mutexes live in a class each; the array itself never changes.
    private final class Desk: Sendable {
        let box = Mutex(Box())
        /// Where its thread runs; -1: not known.
        let cpu = Atomic<Int>(-1)
    }

    private let desks: [Desk]
    private let count = Atomic<Int>(0)
    /// Changes with whatever is left.
    private let left = Atomic<UInt64>(0)
    /// Whether the watch looks from time to time, or waits for the event.
    private let isWatched = Atomic<Bool>(false)
    private let isOver = Atomic<Bool>(false)
    private let event: Fd

    init(threads: Int) throws(Errno) {
        desks = (0..<max(threads, 0)).map { _ in Desk() }
        event = try Fd.event()
    }

    /// Whether nothing lies with any thread.
    var isEmpty: Bool { count.load(ordering: .sequentiallyConsistent) == 0 }

    /// Says that `thread`, which runs on `cpu`, is at work from now on, and looks here when it is done.
    func open(_ thread: Int, on cpu: Int) {
        guard desks.indices.contains(thread) else { return }
        desks[thread].cpu.store(cpu, ordering: .relaxed)
        desks[thread].box.withLock { $0.isOpen = true }
    }

    /// The oldest of what was left to `thread`; nil where there is nothing, and nothing will be until it opens again.
    func next(for thread: Int) -> Int? {
        guard desks.indices.contains(thread) else { return nil }
        return desks[thread].box.withLock { box in
            if box.left.isEmpty {
                box.isOpen = false
                return nil
            }
            count.wrappingSubtract(1, ordering: .relaxed)
            return box.left.removeFirst().slot
        }
    }

    /// Whether a thread on `cpu`, but for `thread`, is at work and may be left something.
    func isOpen(on cpu: Int, besides thread: Int) -> Bool {
        for (number, desk) in desks.enumerated() where number != thread && desk.cpu.load(ordering: .relaxed) == cpu {
            if desk.box.withLock({ $0.isOpen && $0.left.count < Self.capacity }) { return true }
        }
        return false
    }

    /// Leaves it to `thread` itself, the calling one, which has opened its box.
    func leave(_ slot: Int, to thread: Int, at now: UInt64) {
        guard desks.indices.contains(thread) else { return }
        desks[thread].box.withLock { box in
            box.left.append((slot, now))
            count.wrappingAdd(1, ordering: .sequentiallyConsistent)
        }
    }

    /// Leaves the request in `slot` to a thread that is at work on `cpu`; false where there is none, or it has enough to do.
    ///
    /// `now`: of the monotonic clock.
    func leave(_ slot: Int, toWhoRunsOn cpu: Int, from thread: Int, at now: UInt64) -> Bool {
        for (number, desk) in desks.enumerated() where number != thread && desk.cpu.load(ordering: .relaxed) == cpu {
            let isLeft = desk.box.withLock { box in
                guard box.isOpen, box.left.count < Self.capacity else { return false }
                box.left.append((slot, now))
                count.wrappingAdd(1, ordering: .sequentiallyConsistent)
                return true
            }
            guard isLeft else { continue }
            left.wrappingAdd(1, ordering: .relaxed)
            if !isWatched.load(ordering: .sequentiallyConsistent) { event.signal() }
            return true
        }
        return false
    }

    /// Takes what lies with any thread since `moment` or longer; nil where there is nothing.
    func take(leftUntil moment: UInt64) -> Int? {
        if isEmpty { return nil }
        for desk in desks {
            let slot: Int? = desk.box.withLock { box in
                guard let oldest = box.left.first, oldest.since <= moment else { return nil }
                // Its thread does not come to it: nothing more is to be left there until it opens again.
                box.isOpen = false
                count.wrappingSubtract(1, ordering: .relaxed)
                return box.left.removeFirst().slot
            }
            if let slot { return slot }
        }
        return nil
    }

    /// Calls `answer` with what lies with a thread for too long; to be called on a thread of its own, until `endWatch`.
    ///
    /// While requests are left it looks each 4 ms, and else not at all.
    func watch(_ answer: (_ slot: Int) -> Void) {
        var seen: UInt64 = 0
        var quiet = 0
        while !isOver.load(ordering: .relaxed) {
            _ = try? event.waitReadable(milliseconds: isWatched.load(ordering: .relaxed) ? 4 : -1)
            event.drain()
            isWatched.store(true, ordering: .sequentiallyConsistent)
            while let slot = take(leftUntil: Clock.monotonic &- Self.patienceNs) { answer(slot) }
            let now = left.load(ordering: .relaxed)
            quiet = now == seen ? quiet + 1 : 0
            seen = now
            guard quiet >= 25 else { continue }
            // Before the look: what is left after it signals.
            isWatched.store(false, ordering: .sequentiallyConsistent)
            if !isEmpty { isWatched.store(true, ordering: .sequentiallyConsistent) }
        }
    }

    func endWatch() {
        isOver.store(true, ordering: .relaxed)
        event.signal()
    }
}

/// On which CPUs busy readers were last, by asking now and then.
///
/// A cache: readers that share a place forget each other.
final class ReaderPlaces: Sendable {
    private static let size = 256
    /// Requests before a reader is worth asking for, and between two times.
    static let interval: UInt16 = 32

    /// Thread in the upper half, then CPU and the number of requests since it was asked for.
    private final class Place: Sendable { let word = Atomic<UInt64>(0) }

    private let places = (0..<ReaderPlaces.size).map { _ in Place() }
    private static var unknown: UInt16 { .max }

    /// Counts a request of `reader`; returns its CPU as it is known.
    ///
    /// `cpuOf` is asked seldom.
    func cpu(of reader: UInt32, _ cpuOf: (Int32) -> Int?) -> Int? {
        let place = places[Int(reader % UInt32(Self.size))]
        let word = place.word.load(ordering: .relaxed)
        var cpu = Self.unknown
        var count: UInt16 = 0
        if UInt32(truncatingIfNeeded: word >> 32) == reader {
            cpu = UInt16(truncatingIfNeeded: word >> 16)
            count = UInt16(truncatingIfNeeded: word) &+ 1
            if count >= Self.interval {
                cpu = cpuOf(Int32(bitPattern: reader)).flatMap { UInt16(exactly: $0) } ?? Self.unknown
                count = 0
            }
        }
        place.word.store(UInt64(reader) << 32 | UInt64(cpu) << 16 | UInt64(count), ordering: .relaxed)
        return cpu == Self.unknown ? nil : Int(cpu)
    }
}
