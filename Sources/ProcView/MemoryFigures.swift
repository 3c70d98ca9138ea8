// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

package import Samples

/// What /proc/meminfo says of a container: sizes in kB, huge pages in pages of the default size.
///
/// However the samples disagree (they are read one after the other), it holds that free <= available <= total, that what
/// is told of the used memory adds up to at most that, and that no part is greater than its whole.
package struct MemoryFigures: Equatable, Sendable {
    /// MemTotal - MemFree.
    package private(set) var used: UInt64 = 0
    package private(set) var free: UInt64 = 0
    package private(set) var available: UInt64 = 0
    package private(set) var cached: UInt64 = 0
    package private(set) var swapCached: UInt64 = 0
    package private(set) var activeAnon: UInt64 = 0
    package private(set) var inactiveAnon: UInt64 = 0
    package private(set) var activeFile: UInt64 = 0
    package private(set) var inactiveFile: UInt64 = 0
    package private(set) var unevictable: UInt64 = 0
    package private(set) var swapTotal: UInt64 = 0
    package private(set) var swapFree: UInt64 = 0
    package private(set) var zswap: UInt64 = 0
    package private(set) var zswapped: UInt64 = 0
    package private(set) var dirty: UInt64 = 0
    package private(set) var writeback: UInt64 = 0
    package private(set) var anon: UInt64 = 0
    package private(set) var mapped: UInt64 = 0
    package private(set) var shmem: UInt64 = 0
    package private(set) var slabReclaimable: UInt64 = 0
    package private(set) var slabUnreclaimable: UInt64 = 0
    package private(set) var kernelStack: UInt64 = 0
    package private(set) var pageTables: UInt64 = 0
    package private(set) var secondaryPageTables: UInt64 = 0
    package private(set) var percpu: UInt64 = 0
    package private(set) var vmallocUsed: UInt64 = 0
    package private(set) var anonHuge: UInt64 = 0
    package private(set) var shmemHuge: UInt64 = 0
    package private(set) var fileHuge: UInt64 = 0
    package private(set) var commitLimit: UInt64 = 0
    package private(set) var hugePagesTotal: UInt64 = 0
    package private(set) var hugePagesFree: UInt64 = 0
    package private(set) var hugetlb: UInt64 = 0
    /// Constants of the architecture and of the kernel's configuration, the host's.
    package private(set) var hugePageSize: UInt64 = 0
    package private(set) var vmallocTotal: UInt64 = 0

    package var total: UInt64 { used.adding(orMax: free) }
    package var active: UInt64 { activeAnon.adding(orMax: activeFile) }
    package var inactive: UInt64 { inactiveAnon.adding(orMax: inactiveFile) }
    package var slab: UInt64 { slabReclaimable.adding(orMax: slabUnreclaimable) }
    /// Page cache and swap cache (`FilePages` of a node's file).
    package var filePages: UInt64 { cached.adding(orMax: swapCached) }

    /// `overcommitRatio` is vm.overcommit_ratio of the host, in percent; `pageSize` that of its pages, in bytes.
    package init(host: MemInfo, memory: MemorySample, overcommitRatio: UInt64 = 50, pageSize: UInt64 = 4096) {
        let host = host.bounds
        setTotals(host: host, memory: memory)
        setSwap(host: host, memory: memory)
        setParts(memory.stat)
        setLists(memory.stat)
        setHugePages(host: host, samples: memory.hugetlb)
        vmallocTotal = host.vmallocTotal ?? 0
        // vm_commit_limit() (kernel mm/util.c), in pages; the huge pages count where they come out of MemTotal.
        let huge = total < host.memTotal ?? 0 ? 0 : hugetlb
        let page = max(pageSize / 1024, 1)
        let pages = (total.subtracting(orMin: huge) / page).scaled(by: overcommitRatio, over: 100)
        commitLimit = pages.multiplied(orMax: page).adding(orMax: swapTotal)
    }

    private mutating func setTotals(host: MemInfo.Bounds, memory: MemorySample) {
        let hostTotal = host.memTotal ?? 0
        let total = min(memory.limit.map { $0 / 1024 } ?? hostTotal, hostTotal)
        let usage = memory.usage / 1024
        let headroom = memory.headroom.map { $0 / 1024 } ?? hostTotal.subtracting(orMin: usage)
        available = min(
            memory.available.map { $0 / 1024 } ?? .max,
            // Tighter where a limit is more than the host has.
            total.subtracting(orMin: usage.subtracting(orMin: memory.stat.reclaimable / 1024)),
            host.memAvailable ?? hostTotal
        )
        free = min(headroom, host.memFree ?? hostTotal, available)
        used = total.subtracting(orMin: free)
    }

    private mutating func setSwap(host: MemInfo.Bounds, memory: MemorySample) {
        swapTotal = min(memory.swapLimit.map { $0 / 1024 } ?? .max, host.swapTotal ?? 0)
        swapFree = min(
            swapTotal.subtracting(orMin: memory.swapUsage / 1024),
            memory.swapHeadroom.map { $0 / 1024 } ?? .max,
            host.swapFree ?? 0
        )
    }

    /// What the used memory consists of; what is not told of it is the rest.
    private mutating func setParts(_ stat: MemoryStat) {
        var rest = used
        func take(_ bytes: UInt64) -> UInt64 {
            let part = min(bytes / 1024, rest)
            rest = rest.subtracting(orMin: part)
            return part
        }
        let swapUsed = swapTotal.subtracting(orMin: swapFree)
        cached = take(stat.file.subtracting(orMin: stat.swapCached))
        swapCached = take(min(stat.swapCached, swapUsed.multiplied(orMax: 1024)))
        slabReclaimable = take(stat.slabReclaimable)
        slabUnreclaimable = take(stat.slabUnreclaimable)
        anon = take(stat.anon)
        kernelStack = take(stat.kernelStack)
        pageTables = take(stat.pageTables)
        secondaryPageTables = take(stat.secondaryPageTables)
        percpu = take(stat.percpu)
        zswap = take(stat.zswap)
        vmallocUsed = take(stat.vmalloc)

        zswapped = min(stat.zswapped / 1024, swapUsed)
        shmem = min(stat.shmem / 1024, cached)
        mapped = min(stat.mapped / 1024, filePages)
        dirty = min(stat.dirty / 1024, filePages)
        writeback = min(stat.writeback / 1024, filePages)
        anonHuge = min(stat.anonTHP / 1024, anon)
        shmemHuge = min(stat.shmemTHP / 1024, shmem)
        fileHuge = min(stat.fileTHP / 1024, cached.subtracting(orMin: shmem))
    }

    /// The same memory by the lists it is on.
    private mutating func setLists(_ stat: MemoryStat) {
        var rest = used
        func take(_ bytes: UInt64) -> UInt64 {
            let part = min(bytes / 1024, rest)
            rest = rest.subtracting(orMin: part)
            return part
        }
        inactiveFile = take(stat.inactiveFile)
        activeFile = take(stat.activeFile)
        inactiveAnon = take(stat.inactiveAnon)
        activeAnon = take(stat.activeAnon)
        unevictable = take(stat.unevictable)
    }

    /// The host's pool as far as the hugetlb controller lets the container have it.
    private mutating func setHugePages(host: MemInfo.Bounds, samples: [HugetlbSample]) {
        hugePageSize = host.hugePageSize ?? 0
        hugePagesTotal = host.hugePagesTotal ?? 0
        hugePagesFree = min(host.hugePagesFree ?? 0, hugePagesTotal)
        let hostHugetlb = host.hugetlb ?? hugePagesTotal.multiplied(orMax: hugePageSize)
        let hostOthers = hostHugetlb.subtracting(orMin: hugePagesTotal.multiplied(orMax: hugePageSize))
        // How the host's other pools are parted by size is not in its meminfo: together they are at most that.
        var others: UInt64 = samples.isEmpty ? hostOthers : 0
        for sample in samples {
            let size = max(sample.pageSize / 1024, 1)
            guard size == hugePageSize else {
                others = others.adding(orMax: sample.limit.map { $0 / 1024 } ?? hostOthers)
                continue
            }
            if let limit = sample.limit { hugePagesTotal = min(hugePagesTotal, limit / 1024 / size) }
            if let headroom = sample.headroom { hugePagesFree = min(hugePagesFree, headroom / 1024 / size) }
            hugePagesFree = min(hugePagesFree, hugePagesTotal)
        }
        others = min(others, hostOthers)
        hugetlb = hugePagesTotal.multiplied(orMax: hugePageSize).adding(orMax: others)
    }

    /// The part of one node among several: every size times `weight / sum`, where `before` is the sum of the weights of
    /// the nodes before it, so that the parts add up to the whole.
    func part(weight: UInt64, before: UInt64, sum: UInt64) -> MemoryFigures {
        var part = self
        for path in Self.sizes {
            let whole = self[keyPath: path]
            let upTo = whole.scaled(by: min(before.adding(orMax: weight), sum), over: sum)
            part[keyPath: path] = upTo.subtracting(orMin: whole.scaled(by: min(before, sum), over: sum))
        }
        return part
    }

    private static let sizes: [any WritableKeyPath<MemoryFigures, UInt64> & Sendable] = [
        \.used, \.free, \.available, \.cached, \.swapCached, \.activeAnon, \.inactiveAnon, \.activeFile, \.inactiveFile,
        \.unevictable, \.swapTotal, \.swapFree, \.zswap, \.zswapped, \.dirty, \.writeback, \.anon, \.mapped, \.shmem,
        \.slabReclaimable, \.slabUnreclaimable, \.kernelStack, \.pageTables, \.secondaryPageTables, \.percpu,
        \.vmallocUsed, \.anonHuge, \.shmemHuge, \.fileHuge, \.commitLimit, \.hugePagesTotal, \.hugePagesFree, \.hugetlb,
    ]
}
