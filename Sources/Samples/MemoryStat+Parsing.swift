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
        ("hierarchical_memory_limit", { $0.hierarchicalLimit = $1 }),
        ("hierarchical_memsw_limit", { $0.hierarchicalMemswLimit = $1 }),
        ("total_cache", { $0.file = $1 }),
        ("total_rss", { $0.anon = $1 }),
        ("total_rss_huge", { $0.anonTHP = $1 }),
        ("total_shmem", { $0.shmem = $1 }),
        ("total_mapped_file", { $0.mapped = $1 }),
        ("total_dirty", { $0.dirty = $1 }),
        ("total_writeback", { $0.writeback = $1 }),
        ("total_swapcached", { $0.swapCached = $1 }),
        ("total_inactive_anon", { $0.inactiveAnon = $1 }),
        ("total_active_anon", { $0.activeAnon = $1 }),
        ("total_inactive_file", { $0.inactiveFile = $1 }),
        ("total_active_file", { $0.activeFile = $1 }),
        ("total_unevictable", { $0.unevictable = $1 }),
    ])

    private static let v2 = KeyTable<MemoryStat>([
        ("anon", { $0.anon = $1 }),
        ("file", { $0.file = $1 }),
        ("kernel_stack", { $0.kernelStack = $1 }),
        ("pagetables", { $0.pageTables = $1 }),
        ("sec_pagetables", { $0.secondaryPageTables = $1 }),
        ("percpu", { $0.percpu = $1 }),
        ("vmalloc", { $0.vmalloc = $1 }),
        ("shmem", { $0.shmem = $1 }),
        ("zswap", { $0.zswap = $1 }),
        ("zswapped", { $0.zswapped = $1 }),
        ("file_mapped", { $0.mapped = $1 }),
        ("file_dirty", { $0.dirty = $1 }),
        ("file_writeback", { $0.writeback = $1 }),
        ("swapcached", { $0.swapCached = $1 }),
        ("anon_thp", { $0.anonTHP = $1 }),
        ("file_thp", { $0.fileTHP = $1 }),
        ("shmem_thp", { $0.shmemTHP = $1 }),
        ("inactive_anon", { $0.inactiveAnon = $1 }),
        ("active_anon", { $0.activeAnon = $1 }),
        ("inactive_file", { $0.inactiveFile = $1 }),
        ("active_file", { $0.activeFile = $1 }),
        ("unevictable", { $0.unevictable = $1 }),
        ("slab_reclaimable", { $0.slabReclaimable = $1 }),
        ("slab_unreclaimable", { $0.slabUnreclaimable = $1 }),
    ])
}
