// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

import Glibc
package import Kernel
import Synchronization

/// Where the loop threads run: behind their reader while there is one busy reader, wherever the scheduler likes otherwise.
///
/// A FUSE round trip is two wake-ups. On one CPU each costs about a microsecond; across CPUs, where the other one is idle, an
/// interrupt and the way out of idle (30 us and more on a virtual machine, a tenth of that on metal). The scheduler, which
/// does not know that reader and server take turns, spreads them: it sends the woken one to the idle CPU. So while requests
/// come in quick succession from one thread, the loop threads
/// - move to that thread's CPU, and
/// - run there with SCHED_IDLE: a CPU that runs nothing else counts as idle when the kernel looks where to wake the reader
///   (sched_idle_cpu() in select_idle_sibling(), kernel/sched/fair.c), so it stays where it is and goes on at once.
///
/// A second reader, a pause, or a CPU that others want ends that at the next request; if it was others, for a while, each
/// time longer. Where others leave a SCHED_IDLE thread no time at all, a next request would wait for long: so a thread of
/// its own watches for as long as others are placed, and frees them when none has been served for a few milliseconds.
package final class Placement: Sendable {
    /// Requests from one thread in a row before the threads move, and between two looks at where it is.
    private static var streakLength: UInt32 { 16 }
    /// A pause that ends a streak.
    private static var pauseNs: UInt64 { 1_000_000 }
    private static var leastBackoffNs: UInt64 { 1_000_000_000 }
    private static var greatestBackoffNs: UInt64 { 64_000_000_000 }

    /// Between two looks of the watch, and how long there may be no request.
    private static var watchMilliseconds: Int32 { 4 }

    private struct Streak {
        var reader: UInt32 = 0
        var length: UInt32 = 0
        var lastNs: UInt64 = 0
        var backoffNs = Placement.leastBackoffNs
        /// No move before this moment.
        var notBeforeNs: UInt64 = 0

        mutating func backOff(from now: UInt64) {
            notBeforeNs = now &+ backoffNs
            backoffNs = min(backoffNs * 2, Placement.greatestBackoffNs)
        }
    }

    fileprivate let home: Affinity?
    private let isEnabled: Bool
    private let cpuOf: @Sendable (_ thread: Int32) -> Int?
    private let streak = Mutex(Streak())
    /// The CPU the threads should be on; -1: any.
    private let target = Atomic<Int>(-1)

    /// The threads that are placed now.
    private let placed = Mutex<[ThreadSchedule]>([])
    /// How often the watch has freed them: what a thread knows of its own place is worth nothing after that.
    fileprivate let freed = Atomic<Int>(0)
    /// Readable once a thread was placed, or the watch is to end.
    private let call: Fd
    private let isOver = Atomic<Bool>(false)

    /// `cpuOf`: the CPU a thread last ran on (/proc/TID/stat, field 39); nil where it is gone.
    package init(isEnabled: Bool, cpuOf: @escaping @Sendable (_ thread: Int32) -> Int?) throws(Errno) {
        call = try Fd.event()
        let home = try? Affinity.current()
        self.home = home
        self.isEnabled = isEnabled && home != nil
        self.cpuOf = cpuOf
    }

    /// For the loop thread that calls it.
    func makeThread() -> ThreadPlace { ThreadPlace(placement: isEnabled ? self : nil) }

    /// Puts the calling thread on `cpu`; false where the watch freed all since the thread knew `round`.
    fileprivate func place(_ schedule: ThreadSchedule, on cpu: Int, round: Int) -> Bool {
        placed.withLock { placed in
            guard freed.load(ordering: .relaxed) == round else { return false }
            try? Affinity(cpu: cpu).apply()
            try? schedule.setIdle(true)
            if !placed.contains(where: { $0 === schedule }) { placed.append(schedule) }
            call.signal()
            return true
        }
    }

    /// Gives the calling thread back to the scheduler.
    fileprivate func free(_ schedule: ThreadSchedule) {
        placed.withLock { placed in
            free(one: schedule)
            placed.removeAll { $0 === schedule }
        }
    }

    private func free(one schedule: ThreadSchedule) {
        try? schedule.setIdle(false)
        try? home?.apply(to: schedule.thread)
    }

    /// The watch; runs until `endWatch`, on a thread of its own.
    func watch() {
        guard isEnabled else { return }
        var count = [UInt8](repeating: 0, count: 8)
        while !isOver.load(ordering: .relaxed) {
            guard (try? call.waitReadable(milliseconds: -1)) == true else { continue }
            _ = try? call.read(into: &count)
            while placed.withLock({ !$0.isEmpty }), !isOver.load(ordering: .relaxed) {
                // A new call is no reason to look earlier.
                usleep(UInt32(Self.watchMilliseconds) * 1000)
                if Clock.monotonic.subtracting(streak.withLock { $0.lastNs }) > UInt64(Self.watchMilliseconds)
                    * 1_000_000
                {
                    freeAll()
                }
            }
        }
    }

    func endWatch() {
        isOver.store(true, ordering: .relaxed)
        call.signal()
    }

    private func freeAll() {
        let now = Clock.monotonic
        let isCrowded = placed.withLock { placed in
            freed.wrappingAdd(1, ordering: .relaxed)
            target.store(-1, ordering: .relaxed)
            // Asleep, it has nothing to do: the reader paused. Runnable, others have its CPU.
            let isCrowded = placed.contains { $0.isRunnable }
            for schedule in placed { free(one: schedule) }
            placed = []
            return isCrowded
        }
        streak.withLock { streak in
            streak.length = 0
            if isCrowded { streak.backOff(from: now) }
        }
    }

    private enum Step { case stay, look, leave }

    /// Where the calling thread should be, `now` that `reader` asks.
    fileprivate func note(_ reader: UInt32, at now: UInt64) -> Int {
        let step = streak.withLock { streak -> Step in
            let pause = now.subtracting(streak.lastNs)
            streak.lastNs = now
            guard streak.reader == reader, pause < Self.pauseNs else {
                streak.reader = reader
                streak.length = 0
                return .leave
            }
            streak.length &+= 1
            guard streak.length % Self.streakLength == 0, now >= streak.notBeforeNs else { return .stay }
            return .look
        }
        switch step {
        case .stay: break
        case .look:
            if let cpu = cpuOf(Int32(bitPattern: reader)), home?.contains(cpu: cpu) == true {
                target.store(cpu, ordering: .relaxed)
            }
        case .leave:
            guard target.exchange(-1, ordering: .relaxed) >= 0 else { break }
            streak.withLock { streak in
                if now > streak.notBeforeNs &+ Self.leastBackoffNs { streak.backoffNs = Self.leastBackoffNs }
            }
        }
        return target.load(ordering: .relaxed)
    }
}

/// One loop thread's own place.
struct ThreadPlace {
    private let placement: Placement?
    private let schedule: ThreadSchedule?
    private var current = -1
    private var round = 0

    fileprivate init(placement: Placement?) {
        self.placement = placement
        schedule = placement == nil ? nil : try? ThreadSchedule()
    }

    /// Called by the thread itself for each message, before it is answered.
    ///
    /// `reader` is the thread that asks, 0 where it is not known; `now` the monotonic clock.
    mutating func serve(_ reader: UInt32, at now: UInt64) {
        guard let placement, let schedule, reader != 0 else { return }
        let wanted = placement.note(reader, at: now)
        let freed = placement.freed.load(ordering: .relaxed)
        if freed != round {
            round = freed
            current = -1
        }
        guard wanted != current else { return }
        if wanted >= 0 {
            if placement.place(schedule, on: wanted, round: round) { current = wanted }
        } else {
            placement.free(schedule)
            current = -1
        }
    }
}

extension UInt64 {
    fileprivate func subtracting(_ other: UInt64) -> UInt64 { self > other ? self - other : 0 }
}
