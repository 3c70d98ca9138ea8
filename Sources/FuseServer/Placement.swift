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
/// A second reader, a pause, or a CPU that others want ends that; if it was others, for a while, each time longer.
///
/// A SCHED_IDLE thread gets no time at all while others want its CPU, whatever lock it holds. So one thread, the watch, which
/// is never placed itself, places and frees the others, and takes no lock that they hold: when no request has been served
/// for a few milliseconds, whatever the reason, all are ordinary threads again.
package final class Placement: Sendable {
    /// Requests between two looks at where the reader is, each of which costs a third of a read: many once it has stayed.
    private static func lookInterval(after length: UInt32) -> UInt32 { length < 256 ? 16 : 128 }
    private static var leastBackoffNs: UInt64 { 1_000_000_000 }
    private static var greatestBackoffNs: UInt64 { 64_000_000_000 }

    /// Between two looks of the watch, and how long there may be no request.
    private static var watchMilliseconds: Int32 { 4 }

    private let home: Affinity?
    private let isEnabled: Bool
    private let cpuOf: @Sendable (_ thread: Int32) -> Int?
    /// The calling thread's.
    let currentCPU: @Sendable () -> Int
    private let streak = Streak()
    private let places = ReaderPlaces()
    /// The CPU the threads should be on; -1: any.
    private let target = Atomic<Int>(-1)
    /// No move before this moment.
    private let notBeforeNs = Atomic<UInt64>(0)
    /// The loop threads, which take the lock when they start, as ordinary threads.
    private let threads = Mutex<[ThreadSchedule]>([])
    /// Readable: `target` has changed, or the watch is to end.
    private let call: Fd
    private let isOver = Atomic<Bool>(false)

    /// `cpuOf`: the CPU a thread last ran on (/proc/TID/stat, field 39); nil where it is gone.
    package init(
        isEnabled: Bool,
        currentCPU: @escaping @Sendable () -> Int = { CPU.current },
        cpuOf: @escaping @Sendable (_ thread: Int32) -> Int?
    ) throws(Errno) {
        call = try Fd.event()
        let home = try? Affinity.current()
        self.home = home
        self.isEnabled = isEnabled && home != nil
        self.cpuOf = cpuOf
        self.currentCPU = currentCPU
    }

    /// The calling thread is a loop thread from now on.
    func register() {
        guard isEnabled, let schedule = try? ThreadSchedule() else { return }
        threads.withLock { $0.append(schedule) }
    }

    /// Tells that `reader` has asked, `now` by the monotonic clock; 0 is one that is not known.
    ///
    /// Called by the loop threads for each message, before it is answered.
    @discardableResult
    func note(_ reader: UInt32, at now: UInt64) -> Streak.Phase {
        let phase = streak.note(reader, at: now)
        if isEnabled { follow(reader, phase, now) }
        return phase
    }

    /// The CPU of the reader that has asked, where it is busy; worth asking for where several are.
    func place(of reader: UInt32) -> Int? { reader == 0 ? nil : places.cpu(of: reader, cpuOf) }

    /// Whether several readers are busy.
    var isContended: Bool { isEnabled && streak.isContended }

    private func follow(_ reader: UInt32, _ phase: Streak.Phase, _ now: UInt64) {
        switch phase {
        case .broken: if target.exchange(-1, ordering: .relaxed) >= 0 { call.signal() }
        case .long(let length):
            guard length % Self.lookInterval(after: length) == 0, now >= notBeforeNs.load(ordering: .relaxed),
                let cpu = cpuOf(Int32(bitPattern: reader)), home?.contains(cpu: cpu) == true
            else { return }
            if target.exchange(cpu, ordering: .relaxed) != cpu { call.signal() }
        case .short, .unknown: break
        }
    }

    /// The watch; runs until `endWatch`, on a thread of its own.
    func watch() {
        guard isEnabled else { return }
        var placed = -1
        var backoffNs = Self.leastBackoffNs
        while !isOver.load(ordering: .relaxed) {
            _ = try? call.waitReadable(milliseconds: placed < 0 ? -1 : Self.watchMilliseconds)
            call.drain()
            let now = Clock.monotonic
            var wanted = target.load(ordering: .relaxed)
            let silence = now.subtracting(streak.lastNs)
            if placed >= 0, wanted >= 0, silence > UInt64(Self.watchMilliseconds) * 1_000_000 {
                // Asleep, they have nothing to do: the reader paused. Runnable, others have their CPU.
                if threads.withLock({ $0.contains { $0.isRunnable } }) {
                    notBeforeNs.store(now &+ backoffNs, ordering: .relaxed)
                    backoffNs = min(backoffNs * 2, Self.greatestBackoffNs)
                }
                target.store(-1, ordering: .relaxed)
                wanted = -1
            } else if placed >= 0, wanted < 0,
                now > notBeforeNs.load(ordering: .relaxed) &+ Self.leastBackoffNs
            {
                backoffNs = Self.leastBackoffNs
            }
            guard wanted != placed else { continue }
            placed = wanted
            move(to: wanted)
        }
        move(to: -1)
    }

    func endWatch() {
        isOver.store(true, ordering: .relaxed)
        call.signal()
    }

    /// All loop threads to `cpu`, or back to where they were.
    private func move(to cpu: Int) {
        threads.withLock { threads in
            for schedule in threads {
                if cpu >= 0 {
                    try? Affinity(cpu: cpu).apply(to: schedule.thread)
                    try? schedule.setIdle(true)
                } else {
                    try? schedule.setIdle(false)
                    try? home?.apply(to: schedule.thread)
                }
            }
        }
    }
}

extension UInt64 {
    fileprivate func subtracting(_ other: UInt64) -> UInt64 { self > other ? self - other : 0 }
}
