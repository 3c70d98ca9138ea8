// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

import Samples

/// The load average of one container, in the kernel's fixed point (kernel/sched/loadavg.c, include/linux/sched/loadavg.h).
///
/// It is kept only for containers that somebody reads. One first read late starts from the CPU time it has used since
/// its start, as if that had been its load all along.
package struct LoadHistory: Equatable, Sendable {
    /// FIXED_1: 1.0 with FSHIFT = 11 bits of fraction.
    package static let one: UInt64 = 1 << 11
    /// The kernel recomputes the averages every LOAD_FREQ, 5 s.
    package static let periodNs: UInt64 = 5_000_000_000
    /// EXP_1, EXP_5, EXP_15: one / e^(5 s / 1 min) and so on.
    private static let decay1: UInt64 = 1884
    private static let decay5: UInt64 = 2014
    private static let decay15: UInt64 = 2037
    /// No load is shown above this many threads; it keeps products far from overflow.
    private static let greatestLoad: UInt64 = 1 << 32

    package private(set) var load1: UInt64
    package private(set) var load5: UInt64
    package private(set) var load15: UInt64
    /// Moment of the last tick that was taken in, and the container's CPU time then, in nanoseconds.
    private var lastTickNs: UInt64
    private var lastCPUTimeNs: UInt64

    /// The history of a container that is first read at `nowNs` (any steady clock), `ageNs` after its start, having used
    /// `cpuTimeNs` of CPU.
    ///
    /// load_k = use * (1 - exp(-age / k)), which is what the kernel's formula makes of a steady load from 0.
    package init(nowNs: UInt64, ageNs: UInt64, cpuTimeNs: UInt64) {
        let use = min(cpuTimeNs.scaled(by: Self.one, over: max(ageNs, 1)), Self.greatestLoad * Self.one)
        let ticks = ageNs / Self.periodNs
        load1 = Self.next(0, decay: Self.decay1, active: use, ticks: ticks)
        load5 = Self.next(0, decay: Self.decay5, active: use, ticks: ticks)
        load15 = Self.next(0, decay: Self.decay15, active: use, ticks: ticks)
        lastTickNs = nowNs
        lastCPUTimeNs = cpuTimeNs
    }

    /// Takes in the ticks that have passed up to `nowNs`; does nothing within a tick, or where `nowNs` is older.
    ///
    /// `active` threads are running, runnable or in uninterruptible sleep now; `cpuTimeNs` of CPU have been used since the
    /// container began; it sees `cpus` CPUs.
    package mutating func advance(nowNs: UInt64, active: UInt64, cpuTimeNs: UInt64, cpus: Int) {
        let elapsed = nowNs.subtracting(orMin: lastTickNs)
        let ticks = elapsed / Self.periodNs
        guard ticks > 0 else { return }
        let active = min(active, Self.greatestLoad)
        if ticks > 1 {
            // Of the ticks that nobody took only the CPU time is known. Threads that outnumber the CPUs now are
            // taken to have done so all along.
            let use = min(
                cpuTimeNs.subtracting(orMin: lastCPUTimeNs).scaled(by: Self.one, over: elapsed),
                Self.greatestLoad * Self.one
            )
            let cpus = UInt64(clamping: max(cpus, 1))
            step(active: active > cpus ? use.scaled(by: active, over: cpus) : use, ticks: ticks - 1)
        }
        step(active: active * Self.one, ticks: 1)
        lastTickNs = lastTickNs.adding(orMax: ticks.multiplied(orMax: Self.periodNs))
        lastCPUTimeNs = cpuTimeNs
    }

    /// A load as /proc/loadavg prints it, in hundredths (LOAD_INT and LOAD_FRAC of load + FIXED_1 / 200).
    package static func hundredths(_ load: UInt64) -> UInt64 {
        let rounded = load.adding(orMax: one / 200)
        return (rounded / one) * 100 + (rounded % one) * 100 / one
    }

    private mutating func step(active: UInt64, ticks: UInt64) {
        load1 = Self.next(load1, decay: Self.decay1, active: active, ticks: ticks)
        load5 = Self.next(load5, decay: Self.decay5, active: active, ticks: ticks)
        load15 = Self.next(load15, decay: Self.decay15, active: active, ticks: ticks)
    }

    /// calc_load_n(): the load after `ticks` ticks with `active` (fixed point) threads at each.
    private static func next(_ load: UInt64, decay: UInt64, active: UInt64, ticks: UInt64) -> UInt64 {
        let active = min(active, greatestLoad * one)
        let kept = power(decay, ticks)
        let sum = load.multiplied(orMax: kept).adding(orMax: active.multiplied(orMax: one - kept))
        return (active >= load ? sum.adding(orMax: one - 1) : sum) / one
    }

    /// fixed_power_int(): base^n in fixed point, rounded at each step; base is at most `one`.
    private static func power(_ base: UInt64, _ n: UInt64) -> UInt64 {
        var result = one
        var factor = base
        var rest = n
        while rest != 0 {
            if rest & 1 != 0 { result = (result * factor + one / 2) / one }
            rest >>= 1
            factor = (factor * factor + one / 2) / one
        }
        return result
    }
}
