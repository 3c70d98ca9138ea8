// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

import Kernel
package import Samples
import Synchronization

extension Cgroup {
    /// Memory and swap of the container now.
    ///
    /// Limits, headroom and what is available are the least of all levels up to the root; usage and memory.stat are the
    /// container's own, or of the nearest ancestor that accounts. On v1 two preads, one more for each ancestor that is limited,
    /// and each 10 ms one for each level; on v2 two, and one or two for each level. One more for an ancestor that leaves less
    /// than the container's own limit, from time to time. With swap, one or two for each level, and on v1 one for the swappiness.
    ///
    /// On kernels before 5.11, v1's memory.use_hierarchy can be 0; an ancestor that does not limit its children is then
    /// taken for one that does.
    ///
    /// `swap` tells whether to look at swap at all, `hugetlb` whether to look at huge pages, which is worth it only where
    /// the host has a pool of them.
    package func memory(swap: Bool = true, hugetlb: Bool = false) throws(CgroupError) -> MemorySample {
        let leaf = try node(.memory)
        guard let (usage, level) = try leaf.nearestNumber(.memoryUsage) else {
            throw CgroupError(.read, leaf.path(of: .memoryUsage), .unconfined)
        }
        var sample = MemorySample()
        sample.usage = usage
        let isV1 = leaf.version == .v1
        sample.stat =
            try level.nearest(.memoryStat) { isV1 ? MemoryStat(parsingV1: $0) : MemoryStat(parsingV2: $0) }
            ?? MemoryStat()
        if isV1 {
            try readLimitsV1(level, swap: swap, into: &sample)
        } else {
            try readLimitsV2(leaf, accounted: level, swap: swap, into: &sample)
        }
        if hugetlb { sample.hugetlb = try hugePages() }
        return sample
    }

    private func readLimitsV2(
        _ leaf: Node,
        accounted: Node,
        swap: Bool,
        into sample: inout MemorySample
    ) throws(CgroupError) {
        if swap { sample.swapUsage = try accounted.number(.swapUsage) ?? 0 }
        for level in leaf.levels {
            if let limit = try level.limit(.memoryLimit) { try add(limit, of: level, accounted, to: &sample) }
        }
        guard swap else { return }
        let least = try accounted.least(.swapLimit, .swapUsage, own: sample.swapUsage)
        (sample.swapLimit, sample.swapHeadroom) = (least.limit, least.headroom)
    }

    /// A limit of one level; the container's own level comes first.
    private func add(
        _ limit: UInt64,
        of level: Node,
        _ accounted: Node,
        to sample: inout MemorySample
    ) throws(CgroupError) {
        let isOwn = level === accounted
        let usage = isOwn ? sample.usage : try level.number(.memoryUsage) ?? 0
        let headroom = limit.subtracting(orMin: usage)
        sample.limit = minimum(sample.limit, limit)
        sample.headroom = minimum(sample.headroom, headroom)
        // Where an ancestor is short of memory the kernel reclaims from all below it: at least what the container has.
        var reclaimable = sample.stat.reclaimable
        if !isOwn {
            if let least = sample.available, headroom.adding(orMax: reclaimable) >= least { return }
            reclaimable = max(reclaimable, try level.reclaimable() ?? 0)
        }
        sample.available = minimum(
            sample.available,
            limit.subtracting(orMin: usage.subtracting(orMin: reclaimable))
        )
    }

    /// v1 limits memory and swap together (memsw), besides memory.
    private func readLimitsV1(_ leaf: Node, swap: Bool, into sample: inout MemorySample) throws(CgroupError) {
        let memsw = swap ? try leaf.number(.swapUsage) : nil
        sample.swapUsage = memsw.map { $0.subtracting(orMin: sample.usage) } ?? 0
        // memory.stat tells whether anything on the way up is limited: the usual container has a limit, most have no
        // other level to look at than their own.
        let hasLimit = sample.stat.hierarchicalLimit.map { !Parse.isUnlimited($0) } ?? true
        let hasSwapLimit = memsw != nil && sample.stat.hierarchicalMemswLimit.map { !Parse.isUnlimited($0) } ?? true
        let limits = hasLimit || hasSwapLimit ? try limitedLevels(leaf, sample.stat) : []
        for (level, limit) in limits { try add(limit, of: level, leaf, to: &sample) }
        if hasSwapLimit {
            // What the least memsw limit leaves beyond the least limit of memory, which can be another level's.
            let least = try leaf.least(.swapLimit, .swapUsage, own: memsw ?? sample.usage)
            sample.swapLimit = least.limit?.subtracting(orMin: sample.limit ?? 0)
            sample.swapHeadroom = least.headroom?.subtracting(orMin: sample.headroom ?? 0)
        }
        // With swappiness 0 nothing more of the container is swapped out: it has what it has.
        if swap, sample.swapLimit != 0, try leaf.number(.swappiness) == 0 {
            sample.swapLimit = sample.swapUsage
            sample.swapHeadroom = 0
        }
    }

    /// The levels of v1 that have a memory limit, from the container up, and the limits.
    ///
    /// Looked at each 10 ms only, while memory.stat tells of the same least limit: so the least is exact, and any other,
    /// which counts where less is left of it, as it was at most that long ago.
    private func limitedLevels(
        _ leaf: Node,
        _ stat: MemoryStat
    ) throws(CgroupError) -> [(level: Node, limit: UInt64)] {
        let now = Clock.monotonic
        if let known = knownLimits.withLock({ $0 }), known.leaf == ObjectIdentifier(leaf),
            known.least == stat.hierarchicalLimit, now.subtracting(orMin: known.readAt) < Self.limitsMaxAgeNs
        {
            return known.limited
        }
        var limits: [(level: Node, limit: UInt64)] = []
        for level in leaf.levels {
            if let limit = try level.limit(.memoryLimit) { limits.append((level, limit)) }
        }
        let found = limits.map(\.limit).min()
        // Else they are of another moment than memory.stat.
        if let least = stat.hierarchicalLimit, found == least || (found == nil && Parse.isUnlimited(least)) {
            let known = KnownLimits(leaf: ObjectIdentifier(leaf), least: least, readAt: now, limited: limits)
            knownLimits.withLock { $0 = known }
        }
        return limits
    }

    private static let limitsMaxAgeNs: UInt64 = 10_000_000

    /// Each page size of the hugetlb controller; none where the container has no cgroup of that.
    private func hugePages() throws(CgroupError) -> [HugetlbSample] {
        guard let leaf = try? node(.hugetlb) else { return [] }
        var samples: [HugetlbSample] = []
        for size in hugePageSizes {
            guard let (usage, accounted) = try leaf.nearestNumber(.hugetlbUsage(size)) else { continue }
            let least = try accounted.least(.hugetlbLimit(size), .hugetlbUsage(size), own: usage)
            samples.append(HugetlbSample(pageSize: size, limit: least.limit, headroom: least.headroom))
        }
        return samples
    }
}
