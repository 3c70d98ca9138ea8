// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

package import Samples

/// The CPU times of one container as /proc/stat tells them, from its own accounting.
///
/// It keeps what it has told, so that no counter ever goes back: not when CPUs come into sight or go out of it, when the
/// usage jumps back (v1 lets a container write 0 to cpuacct.usage), when a sample is missing, nor when two readers race.
/// Each CPU in sight has passed the same time: busy, withheld by the quota (`steal`), or idle.
package struct CPUAccount: Equatable, Sendable {
    /// Time told of one CPU, in nanoseconds.
    struct Told: Equatable, Sendable {
        var work = CPUWork()
        var steal: UInt64 = 0
        var idle: UInt64 = 0
    }

    /// A drop of the usage by more than this is a reset; by less, what the kernel is inexact by.
    private static let resetNs: UInt64 = 1_000_000_000
    /// Work of more than this for each CPU that found no room in its interval is dropped, not told later.
    private static let greatestDebtNs: UInt64 = 10_000_000_000
    /// The usual period of a quota, for each CPU: time withheld on several CPUs at once, or on one out of sight, never has room.
    private static let greatestStealDebtNs: UInt64 = 100_000_000

    /// The CPUs that have a line.
    package internal(set) var visible = CPUSet()
    /// Every CPU that ever was in sight: one that comes again goes on where it was.
    var told: [Int: Told] = [:]
    var ageNs: UInt64 = 0
    /// The usage up to which work was taken in.
    var taken = CPUWork()
    /// The time withheld that was told as `steal`, or never will be.
    var takenThrottled: UInt64 = 0
    var takenPerCPU: [Int: CPUTimes] = [:]
    /// Work taken in for which the CPUs in sight had no room yet.
    var debt = CPUWork()

    package init() {}

    /// The account of a container that begins in a cgroup that `other` has left: what that one took in is not its own.
    package init(after other: CPUAccount) {
        taken = other.taken
        takenThrottled = other.takenThrottled
        takenPerCPU = other.takenPerCPU
    }

    /// Takes in a sample made when the container was `ageNs` old; an older one than the last changes nothing.
    ///
    /// `sinceNs`: how old it was when the sampling began. One that began before the last had ended changes nothing either, for
    /// nobody knows which is the older: on 256 busy CPUs a second of CPU time passes in 4 ms.
    ///
    /// `usage` nil (or all zero after it was not): the sample is missing, and the time is accounted with the next. The
    /// first sample accounts for the whole life of the container, but for what it cannot have used: more than all of `online`
    /// CPUs (nil: those in sight) could give since it began was used before, in a cgroup that somebody keeps.
    package mutating func advance(
        usage: CPUUsage?,
        visible: CPUSet,
        online: Int? = nil,
        sinceNs: UInt64? = nil,
        ageNs: UInt64
    ) {
        guard !visible.isEmpty, sinceNs ?? ageNs > self.ageNs || self.visible.isEmpty else { return }
        self.visible = visible
        guard let usage, usage.user | usage.system != 0 || taken.total == 0 else { return }
        let elapsed = ageNs.subtracting(orMin: self.ageNs)
        self.ageNs = max(ageNs, self.ageNs)
        if told.isEmpty { passOver(usage, ageNs: ageNs, cpus: online ?? visible.count) }

        let cpus = visible.numbers
        var rooms = [UInt64](repeating: elapsed, count: cpus.count)
        var work = [CPUWork](repeating: CPUWork(), count: cpus.count)
        let isReset = takeIn(usage)
        for (index, cpu) in cpus.enumerated() {
            work[index] = takeOwn(of: cpu, usage: usage, room: elapsed, isReset: isReset)
            rooms[index] = elapsed.subtracting(orMin: work[index].total)
        }
        takenPerCPU.merge(usage.perCPU) { old, new in
            isReset ? new : CPUTimes(user: max(old.user, new.user), system: max(old.system, new.system))
        }
        // What is left was done on CPUs out of sight, or nobody knows where (v2).
        for (index, amount) in Self.spread(debt.total, over: rooms) {
            work[index].add(debt.take(amount))
            rooms[index] = elapsed.subtracting(orMin: work[index].total)
        }
        limitDebt(cpus: cpus.count)

        let throttled = usage.throttled.subtracting(orMin: takenThrottled)
        var steal = [UInt64](repeating: 0, count: cpus.count)
        for (index, amount) in Self.spread(throttled, over: rooms) { steal[index] = amount }
        // The kernel counts time withheld when it is over (unthrottle_cfs_rq()), maybe all of a period in a short interval.
        let rest = min(
            throttled.subtracting(orMin: steal.reduce(0) { $0.adding(orMax: $1) }),
            Self.greatestStealDebtNs.multiplied(orMax: UInt64(cpus.count))
        )
        takenThrottled = isReset ? usage.throttled : max(takenThrottled, usage.throttled.subtracting(orMin: rest))

        for (index, cpu) in cpus.enumerated() {
            var entry = told[cpu] ?? Told()
            entry.work.add(work[index])
            entry.steal = entry.steal.adding(orMax: steal[index])
            entry.idle = entry.idle.adding(orMax: rooms[index].subtracting(orMin: steal[index]))
            told[cpu] = entry
        }
    }

    /// The `cpu` line: the sum of the `cpuN` lines and of what was told of CPUs that have gone out of sight since.
    ///
    /// The kernel does the same with CPUs that go offline (fs/proc/stat.c: for_each_possible_cpu), for the same reason:
    /// without them the sum would go back.
    package var total: CPUTicks {
        var sum = CPUTicks()
        for cpu in told.keys { sum.add(ticks(of: cpu)) }
        return sum
    }

    /// The `cpuN` line.
    package func ticks(of cpu: Int) -> CPUTicks {
        var ticks = CPUTicks()
        guard let entry = told[cpu] else { return ticks }
        ticks.user = entry.work.user.subtracting(orMin: entry.work.nice) / CPUUsage.tickNs
        ticks.nice = entry.work.nice / CPUUsage.tickNs
        ticks.system = entry.work.system / CPUUsage.tickNs
        ticks.idle = entry.idle / CPUUsage.tickNs
        ticks.steal = entry.steal / CPUUsage.tickNs
        return ticks
    }

    /// The CPU time that is the container's own, told or not yet, in nanoseconds.
    package var workNs: UInt64 { told.values.reduce(debt.total) { $0.adding(orMax: $1.work.total) } }

    /// The idle time of the `cpu` line, for /proc/uptime.
    package var idleNs: UInt64 { total.idle.multiplied(orMax: CPUUsage.tickNs) }

    /// Has the container begin with this usage where it is more than so many CPUs could give at its age.
    ///
    /// An eighth of it is let pass: the clock that CPU time is measured by is not the one that the age is.
    private mutating func passOver(_ usage: CPUUsage, ageNs: UInt64, cpus: Int) {
        let possible = ageNs.multiplied(orMax: UInt64(clamping: cpus))
        let limit = possible.adding(orMax: possible / 8)
        let new = CPUWork(usage)
        let isWorkOthers = new.total.subtracting(orMin: taken.total) > limit
        if isWorkOthers || usage.throttled.subtracting(orMin: takenThrottled) > limit {
            takenThrottled = usage.throttled
        }
        guard isWorkOthers else { return }
        taken = new
        takenPerCPU = usage.perCPU
    }

    /// Adds the work since the last sample to the debt; true where the usage began anew.
    private mutating func takeIn(_ usage: CPUUsage) -> Bool {
        let new = CPUWork(usage)
        if taken.total.subtracting(orMin: new.total) > Self.resetNs {
            taken = new
            return true
        }
        var delta = CPUWork()
        delta.user = new.user.subtracting(orMin: taken.user)
        delta.nice = min(new.nice.subtracting(orMin: taken.nice), delta.user)
        delta.system = new.system.subtracting(orMin: taken.system)
        debt.add(delta)
        taken.user = max(taken.user, new.user)
        taken.nice = max(taken.nice, new.nice)
        taken.system = max(taken.system, new.system)
        return false
    }

    /// Of the debt, what `cpu` itself has done since the last sample, where the kernel tells (v1).
    private mutating func takeOwn(of cpu: Int, usage: CPUUsage, room: UInt64, isReset: Bool) -> CPUWork {
        guard !isReset, let new = usage.perCPU[cpu] else { return CPUWork() }
        let old = takenPerCPU[cpu] ?? CPUTimes(user: 0, system: 0)
        var own = CPUWork()
        own.user = min(new.user.subtracting(orMin: old.user), debt.user)
        own.nice = min(own.user.scaled(by: debt.nice, over: debt.user), debt.nice)
        own.system = min(new.system.subtracting(orMin: old.system), debt.system)
        let part = own.take(room)
        debt.user = debt.user.subtracting(orMin: part.user)
        debt.nice = min(debt.nice.subtracting(orMin: part.nice), debt.user)
        debt.system = debt.system.subtracting(orMin: part.system)
        return part
    }

    private mutating func limitDebt(cpus: Int) {
        let limit = Self.greatestDebtNs.multiplied(orMax: UInt64(clamping: cpus))
        if debt.total > limit { debt = debt.take(limit) }
    }

    /// Parts `amount` as evenly as the rooms allow; (index, part) for each room, the parts never more than the room.
    private static func spread(_ amount: UInt64, over rooms: [UInt64]) -> [(Int, UInt64)] {
        guard amount > 0 else { return [] }
        var rest = amount
        var left = UInt64(clamping: rooms.count)
        var parts: [(Int, UInt64)] = []
        parts.reserveCapacity(rooms.count)
        // From the least room up, what does not fit in one is left to those with more.
        for (index, room) in rooms.enumerated().sorted(by: { ($0.element, $0.offset) < ($1.element, $1.offset) }) {
            let part = min(rest / max(left, 1), room)
            parts.append((index, part))
            rest = rest.subtracting(orMin: part)
            left = left.subtracting(orMin: 1)
        }
        return parts
    }
}
