// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

/// What the memory controller says of one container at one moment, its ancestors included.
///
/// Sizes in bytes.
package struct MemorySample: Equatable, Sendable {
    /// The least limit on the path from the container to the root; nil: no limit anywhere.
    package var limit: UInt64?
    /// The least (limit - usage) on that path, never below 0; nil: no limit anywhere.
    package var headroom: UInt64?
    /// The least on that path of what can be had without swap: limit - usage, and what the kernel can reclaim at that level,
    /// whoever below it has it; never below 0; nil: no limit anywhere.
    package var available: UInt64?
    /// What the container itself uses (v2 memory.current, v1 memory.usage_in_bytes).
    package var usage: UInt64 = 0
    /// Swap the container may use at most, ancestors included (v2 memory.swap.max; v1 memsw.limit less limit).
    ///
    /// nil: no limit. 0 where it can swap nothing (v1 swappiness 0: what it already has there).
    package var swapLimit: UInt64?
    /// The least swap still to be had on the path; nil: no limit.
    package var swapHeadroom: UInt64?
    package var swapUsage: UInt64 = 0
    package var stat = MemoryStat()
    /// Huge pages, one entry for each page size the controller knows.
    package var hugetlb: [HugetlbSample] = []

    package init() {}
}

/// memory.stat of v1 (its hierarchical `total_` lines) or v2, in bytes; what the kernel does not say is 0.
package struct MemoryStat: Equatable, Sendable {
    package var anon: UInt64 = 0
    /// v2 `file`, v1 `total_cache`: page cache, shmem and (v2) swap cache included.
    package var file: UInt64 = 0
    package var shmem: UInt64 = 0
    package var swapCached: UInt64 = 0
    package var mapped: UInt64 = 0
    package var dirty: UInt64 = 0
    package var writeback: UInt64 = 0
    package var anonTHP: UInt64 = 0
    package var fileTHP: UInt64 = 0
    package var shmemTHP: UInt64 = 0
    package var inactiveAnon: UInt64 = 0
    package var activeAnon: UInt64 = 0
    package var inactiveFile: UInt64 = 0
    package var activeFile: UInt64 = 0
    package var unevictable: UInt64 = 0
    package var slabReclaimable: UInt64 = 0
    package var slabUnreclaimable: UInt64 = 0
    package var kernelStack: UInt64 = 0
    package var pageTables: UInt64 = 0
    package var secondaryPageTables: UInt64 = 0
    package var percpu: UInt64 = 0
    package var vmalloc: UInt64 = 0
    /// Compressed size of what zswap holds, and its size before (v2 `zswap`, `zswapped`).
    package var zswap: UInt64 = 0
    package var zswapped: UInt64 = 0
    /// v1 only: the least limit, of memory and of memory and swap together, on the path to the root; no limit is there
    /// the greatest number of pages, in bytes (`Limit`).
    package var hierarchicalLimit: UInt64?
    package var hierarchicalMemswLimit: UInt64?

    package init() {}

    /// What goes when memory is short: page cache, clean or dirty, and the slabs that say so (compare si_mem_available(),
    /// mm/show_mem.c; a cgroup keeps no watermarks back).
    package var reclaimable: UInt64 { activeFile.adding(orMax: inactiveFile).adding(orMax: slabReclaimable) }
}

/// One page size of the hugetlb controller, in bytes, ancestors included as in `MemorySample`.
package struct HugetlbSample: Equatable, Sendable {
    package var pageSize: UInt64
    package var limit: UInt64?
    package var headroom: UInt64?

    package init(pageSize: UInt64, limit: UInt64? = nil, headroom: UInt64? = nil) {
        self.pageSize = pageSize
        self.limit = limit
        self.headroom = headroom
    }
}

/// What the cpu, cpuacct and cpuset controllers say of one container.
package struct CPUSample: Equatable, Sendable {
    /// The least ceil(quota / period) over the container and all its ancestors, at least 1; nil: no quota anywhere.
    package var quotaCPUs: Int?
    /// The effective cpuset (nearest ancestor that has one); nil: no cpuset controller on the path.
    package var cpuset: CPUSet?
    /// The effective memory nodes; nil as above.
    package var memoryNodes: CPUSet?
    package var usage = CPUUsage()

    package init() {}
}

/// CPU time a container has used since it was made, in nanoseconds.
package struct CPUUsage: Equatable, Sendable {
    package var user: UInt64 = 0
    /// Part of `user` (v2 `nice_usec`, kernel 6.14 on).
    package var nice: UInt64 = 0
    package var system: UInt64 = 0
    /// Time its threads were runnable and held back by the quota (cpu.stat throttled_usec, v1 throttled_time).
    package var throttled: UInt64 = 0
    /// The same by CPU number, where the kernel tells (v1); else empty.
    package var perCPU: [Int: CPUTimes] = [:]

    package init() {}
}

/// User and system time of one CPU, in nanoseconds.
package struct CPUTimes: Equatable, Sendable {
    package var user: UInt64
    package var system: UInt64

    package init(user: UInt64, system: UInt64) {
        self.user = user
        self.system = system
    }
}

/// What one container did to one block device since it was made.
package struct IOSample: Equatable, Sendable {
    package var major: UInt32
    package var minor: UInt32
    package var readBytes: UInt64 = 0
    package var writtenBytes: UInt64 = 0
    package var discardedBytes: UInt64 = 0
    package var reads: UInt64 = 0
    package var writes: UInt64 = 0
    package var discards: UInt64 = 0

    package init(major: UInt32, minor: UInt32) {
        self.major = major
        self.minor = minor
    }
}
