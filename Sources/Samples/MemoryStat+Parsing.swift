// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

extension MemoryStat {
    /// memory.stat of cgroup v1 (kernel mm/memcontrol-v1.c, memcg1_stat_format), of which the hierarchical `total_` lines
    /// are read.
    package init(parsingV1 bytes: Span<UInt8>) {
        self.init()
        Self.v1.fill(&self, from: bytes)
    }

    /// memory.stat of cgroup v2 (kernel mm/memcontrol.c, memory_stats).
    package init(parsingV2 bytes: Span<UInt8>) {
        self.init()
        Self.v2.fill(&self, from: bytes)
    }

    private static let v1 = KeyTable<MemoryStat>([
        .init("hierarchical_memory_limit") { $0.hierarchicalLimit = $1 },
        .init("hierarchical_memsw_limit") { $0.hierarchicalMemswLimit = $1 },
        .init("total_cache") { $0.file = $1 },
        .init("total_rss") { $0.anon = $1 },
        .init("total_rss_huge") { $0.anonTHP = $1 },
        .init("total_shmem") { $0.shmem = $1 },
        .init("total_mapped_file") { $0.mapped = $1 },
        .init("total_dirty") { $0.dirty = $1 },
        .init("total_writeback") { $0.writeback = $1 },
        .init("total_swapcached") { $0.swapCached = $1 },
        .init("total_inactive_anon") { $0.inactiveAnon = $1 },
        .init("total_active_anon") { $0.activeAnon = $1 },
        .init("total_inactive_file") { $0.inactiveFile = $1 },
        .init("total_active_file") { $0.activeFile = $1 },
        .init("total_unevictable") { $0.unevictable = $1 },
    ])

    private static let v2 = KeyTable<MemoryStat>([
        .init("anon") { $0.anon = $1 },
        .init("file") { $0.file = $1 },
        .init("kernel_stack") { $0.kernelStack = $1 },
        .init("pagetables") { $0.pageTables = $1 },
        .init("sec_pagetables") { $0.secondaryPageTables = $1 },
        .init("percpu") { $0.percpu = $1 },
        .init("vmalloc") { $0.vmalloc = $1 },
        .init("shmem") { $0.shmem = $1 },
        .init("zswap") { $0.zswap = $1 },
        .init("zswapped") { $0.zswapped = $1 },
        .init("file_mapped") { $0.mapped = $1 },
        .init("file_dirty") { $0.dirty = $1 },
        .init("file_writeback") { $0.writeback = $1 },
        .init("swapcached") { $0.swapCached = $1 },
        .init("anon_thp") { $0.anonTHP = $1 },
        .init("file_thp") { $0.fileTHP = $1 },
        .init("shmem_thp") { $0.shmemTHP = $1 },
        .init("inactive_anon") { $0.inactiveAnon = $1 },
        .init("active_anon") { $0.activeAnon = $1 },
        .init("inactive_file") { $0.inactiveFile = $1 },
        .init("active_file") { $0.activeFile = $1 },
        .init("unevictable") { $0.unevictable = $1 },
        .init("slab_reclaimable") { $0.slabReclaimable = $1 },
        .init("slab_unreclaimable") { $0.slabUnreclaimable = $1 },
    ])
}
