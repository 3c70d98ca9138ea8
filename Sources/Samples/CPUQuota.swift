// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

/// How many CPUs the quota of one cgroup amounts to.
package enum CPUQuota {
    /// cpu.max of cgroup v2 (`50000 100000`, `max 100000`): ceil(quota / period), at least 1; nil: no quota.
    package static func cpus(parsingMax bytes: Span<UInt8>) -> Int? {
        var reader = Reader(bytes)
        guard let quota = reader.blankNumber() else { return nil }
        return cpus(quota: quota, period: reader.blankNumber() ?? 100_000)
    }

    /// cpu.cfs_quota_us (-1: none) and cpu.cfs_period_us of cgroup v1; as above.
    package static func cpus(parsingQuota quota: Span<UInt8>, period: Span<UInt8>) -> Int? {
        var quotaReader = Reader(quota)
        var periodReader = Reader(period)
        // A minus is no digit, so -1 is nil.
        guard let quota = quotaReader.blankNumber() else { return nil }
        return cpus(quota: quota, period: periodReader.blankNumber() ?? 100_000)
    }

    /// Both in microseconds; a quota or period of 0, which the kernel never has, is none.
    package static func cpus(quota: UInt64, period: UInt64) -> Int? {
        guard quota > 0, period > 0 else { return nil }
        let whole = quota / period
        return Int(clamping: max(quota % period == 0 ? whole : whole.adding(orMax: 1), 1))
    }
}
