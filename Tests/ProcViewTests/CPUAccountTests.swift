// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

import Testing

@testable import ProcView
@testable import Samples

@Suite struct CPUAccountTests {
    static let second: UInt64 = 1_000_000_000

    private func usage(user: UInt64, system: UInt64 = 0, nice: UInt64 = 0, throttled: UInt64 = 0) -> CPUUsage {
        var usage = CPUUsage()
        usage.user = user
        usage.system = system
        usage.nice = nice
        usage.throttled = throttled
        return usage
    }

    private func perCPU(_ times: [Int: (UInt64, UInt64)]) -> CPUUsage {
        var usage = CPUUsage()
        for (cpu, time) in times {
            usage.perCPU[cpu] = CPUTimes(user: time.0, system: time.1)
            usage.user += time.0
            usage.system += time.1
        }
        return usage
    }

    private func columns(_ ticks: CPUTicks) -> [UInt64] {
        [ticks.user, ticks.nice, ticks.system, ticks.idle, ticks.steal]
    }

    /// LXCFS on v2 shows the host's times: an idle container saw another's 5 s of work (#593, #628).
    @Test func lxcfsHostTimesOnV2628() {
        var account = CPUAccount()
        account.advance(
            usage: usage(user: 4 * Self.second, system: 2 * Self.second),
            visible: CPUSet([0, 1]),
            ageNs: 10 * Self.second
        )
        #expect(columns(account.ticks(of: 0)) == [200, 0, 100, 700, 0])
        #expect(columns(account.ticks(of: 1)) == [200, 0, 100, 700, 0])
        #expect(columns(account.total) == [400, 0, 200, 1400, 0])
    }

    /// On v2 LXCFS's second column of /proc/uptime is the first again.
    @Test func lxcfsIdleIsUptime() {
        var account = CPUAccount()
        account.advance(usage: usage(user: 4 * Self.second), visible: CPUSet([0]), ageNs: 10 * Self.second)
        #expect(account.idleNs == 6 * Self.second)
    }

    @Test func niceIsPartOfUser() {
        var account = CPUAccount()
        account.advance(
            usage: usage(user: 4 * Self.second, nice: Self.second),
            visible: CPUSet([0]),
            ageNs: 10 * Self.second
        )
        #expect(columns(account.total) == [300, 100, 0, 600, 0])
    }

    @Test func throttledTimeIsStolen() {
        var account = CPUAccount()
        let sample = usage(user: 5 * Self.second, throttled: 4 * Self.second)
        account.advance(usage: sample, visible: CPUSet([1]), ageNs: 10 * Self.second)
        #expect(columns(account.total) == [500, 0, 0, 100, 400])
        // Four CPUs throttled at once make more of it than there is time.
        let more = usage(user: 10 * Self.second, throttled: 44 * Self.second)
        account.advance(usage: more, visible: CPUSet([1]), ageNs: 20 * Self.second)
        #expect(columns(account.total) == [1000, 0, 0, 100, 900])
    }

    @Test func v1EachCPUHasItsOwn() {
        var account = CPUAccount()
        let sample = perCPU([0: (Self.second, 0), 1: (2 * Self.second, Self.second)])
        account.advance(usage: sample, visible: CPUSet([0, 1]), ageNs: 10 * Self.second)
        #expect(columns(account.ticks(of: 0)) == [100, 0, 0, 900, 0])
        #expect(columns(account.ticks(of: 1)) == [200, 0, 100, 700, 0])
    }

    /// Under a quota threads run on CPUs that are not shown; LXCFS showed over 100 % for it (#288, #298).
    @Test func lxcfsHiddenCPUsSpread298() {
        var account = CPUAccount()
        let sample = perCPU([
            0: (Self.second, 0), 1: (Self.second, 0), 2: (3 * Self.second, 0), 3: (5 * Self.second, 0),
        ])
        account.advance(usage: sample, visible: CPUSet([0, 1]), ageNs: 10 * Self.second)
        #expect(columns(account.ticks(of: 0)) == [500, 0, 0, 500, 0])
        #expect(columns(account.ticks(of: 1)) == [500, 0, 0, 500, 0])
    }

    @Test func aFullCPULeavesTheRestToTheOthers() {
        var account = CPUAccount()
        let sample = perCPU([0: (10 * Self.second, 0), 1: (0, 0), 2: (6 * Self.second, 0)])
        account.advance(usage: sample, visible: CPUSet([0, 1]), ageNs: 10 * Self.second)
        #expect(account.ticks(of: 0).user == 1000)
        #expect(account.ticks(of: 1).user == 600)
    }

    @Test func workWithoutRoomIsToldLater() {
        var account = CPUAccount()
        account.advance(usage: usage(user: 3 * Self.second), visible: CPUSet([0]), online: 3, ageNs: Self.second)
        #expect(columns(account.total) == [100, 0, 0, 0, 0])
        account.advance(usage: usage(user: 3 * Self.second), visible: CPUSet([0]), ageNs: 5 * Self.second)
        #expect(columns(account.total) == [300, 0, 0, 200, 0])
    }

    @Test func anOlderSampleChangesNothing() {
        var account = CPUAccount()
        account.advance(usage: usage(user: 3 * Self.second), visible: CPUSet([0]), ageNs: 5 * Self.second)
        let before = account
        account.advance(usage: usage(user: 9 * Self.second), visible: CPUSet([0, 1]), ageNs: 5 * Self.second)
        account.advance(usage: usage(user: 1), visible: CPUSet([1]), ageNs: 4 * Self.second)
        #expect(account == before)
    }

    /// 256 busy CPUs, and a reader that was kept from its time between its two samples: theirs is not a reset.
    @Test func aReaderThatWasOvertakenIsNoReset() {
        var account = CPUAccount()
        let cpus = CPUSet(0..<256)
        account.advance(usage: usage(user: 2500 * Self.second), visible: cpus, ageNs: 10 * Self.second)
        account.advance(
            usage: usage(user: 2560 * Self.second),
            visible: cpus,
            sinceNs: 10 * Self.second + 190_000_000,
            ageNs: 10 * Self.second + 200_000_000
        )
        account.advance(
            usage: usage(user: 2530 * Self.second),
            visible: cpus,
            sinceNs: 10 * Self.second + 100_000_000,
            ageNs: 10 * Self.second + 210_000_000
        )
        account.advance(usage: usage(user: 2600 * Self.second), visible: cpus, ageNs: 11 * Self.second)
        let work = account.told.values.reduce(account.debt.total) { $0 + $1.work.total }
        #expect(work == 2600 * Self.second)
    }

    @Test func aMissingSampleIsMadeUpFor() {
        var account = CPUAccount()
        account.advance(usage: usage(user: Self.second), visible: CPUSet([0]), ageNs: 10 * Self.second)
        account.advance(usage: nil, visible: CPUSet([0]), ageNs: 11 * Self.second)
        account.advance(usage: CPUUsage(), visible: CPUSet([0]), ageNs: 12 * Self.second)
        #expect(columns(account.total) == [100, 0, 0, 900, 0])
        account.advance(usage: usage(user: 9 * Self.second), visible: CPUSet([0]), ageNs: 20 * Self.second)
        #expect(columns(account.total) == [900, 0, 0, 1100, 0])
    }

    @Test func aResetBeginsAnew() {
        var account = CPUAccount()
        account.advance(usage: usage(user: 50 * Self.second), visible: CPUSet([0]), ageNs: 100 * Self.second)
        account.advance(usage: usage(user: Self.second), visible: CPUSet([0]), ageNs: 101 * Self.second)
        #expect(columns(account.total) == [5000, 0, 0, 5100, 0])
        account.advance(usage: usage(user: 2 * Self.second), visible: CPUSet([0]), ageNs: 111 * Self.second)
        #expect(columns(account.total) == [5100, 0, 0, 6000, 0])
    }

    /// CPUs that leave keep their share of the `cpu` line, as an offlined one does in the kernel; they come back to it.
    @Test func aCPUThatLeavesTakesNothingBack() {
        var account = CPUAccount()
        account.advance(usage: usage(user: 4 * Self.second), visible: CPUSet([0, 1]), ageNs: 10 * Self.second)
        account.advance(usage: usage(user: 5 * Self.second), visible: CPUSet([0]), ageNs: 12 * Self.second)
        #expect(columns(account.ticks(of: 0)) == [300, 0, 0, 900, 0])
        #expect(columns(account.total) == [500, 0, 0, 1700, 0])
        account.advance(usage: usage(user: 5 * Self.second), visible: CPUSet([0, 1]), ageNs: 13 * Self.second)
        #expect(columns(account.ticks(of: 1)) == [200, 0, 0, 900, 0])
    }
}

extension CPUAccountTests {
    /// Half a CPU, busy: the kernel counts the 50 ms withheld of each period at its end, and somebody reads each 5 ms.
    @Test func timeWithheldIsToldToWhoReadsOften() {
        var account = CPUAccount()
        let ms: UInt64 = 1_000_000
        for now in stride(from: 5, through: 3000, by: 5) as StrideThrough<UInt64> {
            let (periods, into) = now.quotientAndRemainder(dividingBy: 100)
            var sample = usage(user: (periods * 50 + min(into, 50)) * ms)
            sample.throttled = periods * 50 * ms
            account.advance(usage: sample, visible: CPUSet([0]), ageNs: now * ms)
        }
        let total = columns(account.total)
        #expect(total[0] == 150 && total[4] >= 145 && (149...150).contains(total[3] + total[4]), "\(total)")
        // On two CPUs at once, of which one is in sight: it is no debt for ever.
        var wide = CPUAccount()
        for second in 1...100 as ClosedRange<UInt64> {
            var sample = usage(user: second * 500 * ms)
            sample.throttled = second * 1000 * ms
            wide.advance(usage: sample, visible: CPUSet([0]), ageNs: second * 1000 * ms)
        }
        var sample = usage(user: 50_000 * ms)
        sample.throttled = 100_000 * ms
        wide.advance(usage: sample, visible: CPUSet([0]), ageNs: 110_000 * ms)
        #expect(columns(wide.total) == [5000, 0, 0, 990, 5010])
    }
}

/// Somebody keeps the cgroup, and starts one container after the other in it.
extension CPUAccountTests {
    /// 160 s in a life of 5.6 s are another's; LXCFS shows them as this one's.
    @Test(arguments: [true, false]) func whatItCannotHaveUsedIsAnothers(isV1: Bool) {
        func sample(_ each: UInt64, throttled: UInt64) -> CPUUsage {
            var sample = isV1 ? perCPU([0: (each, 0), 1: (each, 0)]) : usage(user: 2 * each)
            sample.throttled = throttled
            return sample
        }
        let cpus = CPUSet([0, 1])
        var account = CPUAccount()
        account.advance(usage: sample(80 * Self.second, throttled: Self.second), visible: cpus, ageNs: 5_600_000_000)
        #expect(columns(account.total) == [0, 0, 0, 1120, 0])
        #expect(account.workNs == 0)
        account.advance(
            usage: sample(82 * Self.second, throttled: 2 * Self.second),
            visible: cpus,
            ageNs: 10_600_000_000
        )
        #expect(columns(account.total) == [400, 0, 0, 1620, 100])
        // Throttled for longer than it lives.
        var throttled = CPUAccount()
        let withheld = sample(Self.second, throttled: 90 * Self.second)
        throttled.advance(usage: withheld, visible: cpus, ageNs: 5 * Self.second)
        #expect(columns(throttled.total) == [200, 0, 0, 800, 0])
    }

    /// Busy on all CPUs of the machine from its start, those out of sight too, by a clock that is a little fast.
    @Test func whatItCanHaveUsedIsItsOwn() {
        var account = CPUAccount()
        let hour = 3600 * Self.second
        let sample = usage(user: 4 * hour + hour / 100)
        account.advance(usage: sample, visible: CPUSet([0, 1, 2, 3]), ageNs: hour)
        #expect(columns(account.total) == [4 * 360_000, 0, 0, 0, 0])
        var young = CPUAccount()
        young.advance(usage: usage(user: 8 * Self.second), visible: CPUSet([0]), online: 4, ageNs: 2 * Self.second)
        #expect(columns(young.total) == [200, 0, 0, 0, 0])
        #expect(young.workNs == 8 * Self.second)
    }

    @Test func whatTheOneBeforeTookInIsNotTheNexts() {
        var before = CPUAccount()
        let sample = perCPU([0: (4 * Self.second, 0), 1: (Self.second, 0)])
        before.advance(usage: sample, visible: CPUSet([0, 1]), ageNs: 10 * Self.second)
        var account = CPUAccount(after: before)
        #expect(columns(account.total) == [0, 0, 0, 0, 0])
        let next = perCPU([0: (5 * Self.second, 0), 1: (Self.second, 0)])
        account.advance(usage: next, visible: CPUSet([0, 1]), ageNs: 3600 * Self.second)
        #expect(columns(account.ticks(of: 0)) == [100, 0, 0, 359_900, 0])
        #expect(columns(account.ticks(of: 1)) == [0, 0, 0, 360_000, 0])
        #expect(CPUAccount(words: account.words) == account)
    }
}

extension CPUAccountTests {
    /// Another process goes on with the account as it is.
    @Test func wordsMakeTheSameAccount() {
        var account = CPUAccount()
        #expect(CPUAccount(words: account.words) == account)
        var random = SplitMix(seed: 7)
        for step in 1..<50 as Range<UInt64> {
            var usage = CPUUsage()
            usage.user = step * 37_000_001
            usage.system = step * 11_000_003
            usage.throttled = step * 5_000_000
            let cpus = CPUSet((0..<4).filter { _ in random.next() % 3 > 0 } + [Int(step % 3)])
            account.advance(usage: usage, visible: cpus, ageNs: step * 100_000_000)
            let copy = CPUAccount(words: account.words)
            #expect(copy == account)
            #expect(account.words.count <= CPUAccount.wordLimit(cpus: 4))
        }
        let words = account.words
        for count in 0..<words.count { #expect(CPUAccount(words: Array(words.prefix(count))) == nil) }
        for index in words.indices {
            var wrong = words
            wrong[index] = .max
            _ = CPUAccount(words: wrong)
        }
    }
}
