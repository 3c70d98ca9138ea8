// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

import Kernel
package import Samples

extension Cgroup {
    /// Quota, cpuset and the time used.
    ///
    /// The usage is 0 where the container has no cgroup that accounts for it alone (`isConfined(.cpuacct)`).
    package func cpu() throws(CgroupError) -> CPUSample {
        var sample = try cpuLimits()
        sample.usage = try usage()
        return sample
    }

    /// Quota and cpuset alone, which decide what CPUs a container sees; never throws `unconfined`.
    package func cpuLimits() throws(CgroupError) -> CPUSample {
        var sample = CPUSample()
        if let leaf = try? node(.cpu) { sample.quotaCPUs = try quota(leaf) }
        if let leaf = try? anyNode(.cpuset) {
            sample.cpuset = try effective(.cpusetCPUs, leaf)
            sample.memoryNodes = try effective(.cpusetNodes, leaf)
        }
        return sample
    }

    /// The least number of CPUs that a quota on the way up amounts to; nil: there is none.
    private func quota(_ leaf: Node) throws(CgroupError) -> Int? {
        var least: Int?
        for level in leaf.levels {
            let cpus: Int?
            if level.version == .v2 {
                cpus = try level.read(.cpuQuota) { CPUQuota.cpus(parsingMax: $0) } ?? nil
            } else if let quota = try level.limit(.cpuQuota), let period = try level.number(.cpuPeriod) {
                cpus = CPUQuota.cpus(quota: quota, period: period)
            } else {
                cpus = nil
            }
            if let cpus { least = min(cpus, least ?? cpus) }
        }
        return least
    }

    /// What the kernel lets the container use, not what was asked for; of the nearest level that says.
    ///
    /// Unlike any usage, the root's is as true for the container as for the host.
    private func effective(_ file: CgroupFile, _ leaf: Node) throws(CgroupError) -> CPUSet? {
        var level: Node? = leaf
        while let node = level {
            // A v1 cpuset that nobody filled in is empty, and has no tasks.
            if let set = try node.value(file, { CPUSet(parsingList: $0) }), !set.isEmpty { return set }
            level = node.parent
        }
        return nil
    }

    /// CPU time of the container itself: v1's cpuacct, else v2's cpu.stat, which needs no controller.
    private func usage() throws(CgroupError) -> CPUUsage {
        var usage = CPUUsage()
        if let leaf = try? node(.cpuacct), leaf.version == .v1 {
            if let all = try leaf.read(.cpuUsageAll, { CPUUsage(parsingUsageAll: $0) }) {
                usage = all
                _ = try leaf.read(.cpuUsagePercpu) { usage.takeTotals(parsingUsagePercpu: $0) }
            } else {
                usage = try usageOfOldKernel(leaf)
            }
        } else if let leaf = unifiedNode {
            return try leaf.value(.cpuStat) { CPUUsage(parsingV2: $0) } ?? usage
        }
        if let leaf = try? node(.cpu) {
            if leaf.version == .v1 {
                _ = try leaf.read(.cpuStat) { usage.takeThrottled(parsingV1: $0) }
            } else {
                usage.throttled = try leaf.nearest(.cpuStat) { CPUUsage(parsingV2: $0) }?.throttled ?? 0
            }
        }
        return usage
    }

    /// Before 4.7 there is no cpuacct.usage_all.
    private func usageOfOldKernel(_ leaf: Node) throws(CgroupError) -> CPUUsage {
        guard let percpu = try leaf.bytes(.cpuUsagePercpu), let stat = try leaf.bytes(.cpuacctStat) else {
            return CPUUsage()
        }
        return CPUUsage(parsingUsagePercpu: percpu.span, stat: stat.span)
    }
}
