// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

extension CPUUsage {
    /// USER_HZ is 100 on every architecture Swift runs on: a tick is 10 ms.
    package static let tickNs: UInt64 = 10_000_000

    /// cpu.stat of cgroup v2 (kernel kernel/cgroup/rstat.c, cgroup_base_stat_cputime_show; kernel/sched/core.c,
    /// cpu_extra_stat_show): microseconds there, nanoseconds here.
    package init(parsingV2 bytes: Span<UInt8>) {
        self.init()
        Self.v2.fill(&self, from: bytes)
    }

    /// cpuacct.usage_all of cgroup v1 (kernel kernel/sched/cpuacct.c, cpuacct_all_seq_show): the times of every CPU, and
    /// their sums.
    ///
    /// The kernel counts them by the tick: who runs when the tick comes has run since the last one. What a quota holds up
    /// is counted with up to a fifth too much that way; see `takeTotals`.
    package init(parsingUsageAll bytes: Span<UInt8>) {
        self.init()
        var reader = Reader(bytes)
        while var line = reader.line() {
            guard let cpu = line.blankNumber(), let user = line.blankNumber(), let system = line.blankNumber() else {
                continue
            }
            add(CPUTimes(user: user, system: system), cpu: cpu)
        }
    }

    /// cpuacct.usage_percpu of cgroup v1, for the times of usage_all: what the scheduler has measured of each possible CPU
    /// in order (the same as usage_all has), parted into user and system as the times are.
    package mutating func takeTotals(parsingUsagePercpu bytes: Span<UInt8>) {
        var reader = Reader(bytes)
        let estimated = perCPU
        user = 0
        system = 0
        for cpu in estimated.keys.sorted() {
            guard let times = estimated[cpu] else { continue }
            let total = reader.blankNumber() ?? times.user.adding(orMax: times.system)
            add(times.scaled(to: total), cpu: UInt64(clamping: cpu))
        }
    }

    /// cpuacct.usage_percpu and cpuacct.stat of cgroup v1, for kernels before 4.7, which have no usage_all.
    ///
    /// The first tells the times of each possible CPU in order, user and system together; they are parted as the
    /// second's totals are.
    package init(parsingUsagePercpu percpu: Span<UInt8>, stat: Span<UInt8>) {
        self.init()
        let usage = CPUUsage(parsingCpuacctStat: stat)
        let totals = CPUTimes(user: usage.user, system: usage.system)
        var reader = Reader(percpu)
        var cpu: UInt64 = 0
        while let time = reader.blankNumber() {
            add(totals.scaled(to: time), cpu: cpu)
            cpu += 1
        }
    }

    /// cpuacct.stat of cgroup v1: ticks there, nanoseconds here.
    package init(parsingCpuacctStat bytes: Span<UInt8>) {
        self.init()
        Self.cpuacctStat.fill(&self, from: bytes)
    }

    /// cpu.stat of cgroup v1 (kernel kernel/sched/core.c, cpu_cfs_stat_show): only `throttled_time`, in nanoseconds.
    package mutating func takeThrottled(parsingV1 bytes: Span<UInt8>) {
        Self.v1.fill(&self, from: bytes)
    }

    private mutating func add(_ times: CPUTimes, cpu: UInt64) {
        guard cpu < UInt64(CPUSet.capacity) else { return }
        perCPU[Int(truncatingIfNeeded: cpu)] = times
        user = user.adding(orMax: times.user)
        system = system.adding(orMax: times.system)
    }

    private static let v2 = KeyTable<CPUUsage>([
        .init("user_usec") { $0.user = $1.multiplied(orMax: 1000) },
        .init("system_usec") { $0.system = $1.multiplied(orMax: 1000) },
        .init("nice_usec") { $0.nice = $1.multiplied(orMax: 1000) },
        .init("throttled_usec") { $0.throttled = $1.multiplied(orMax: 1000) },
    ])

    private static let v1 = KeyTable<CPUUsage>([.init("throttled_time") { $0.throttled = $1 }])

    private static let cpuacctStat = KeyTable<CPUUsage>([
        .init("user") { $0.user = $1.multiplied(orMax: tickNs) },
        .init("system") { $0.system = $1.multiplied(orMax: tickNs) },
    ])
}

extension CPUTimes {
    /// `total`, parted as these are; all of it user time where they are 0.
    fileprivate func scaled(to total: UInt64) -> CPUTimes {
        let sum = user.adding(orMax: system)
        let user = sum == 0 ? total : min(total.scaled(by: user, over: sum), total)
        return CPUTimes(user: user, system: total.subtracting(orMin: user))
    }
}
