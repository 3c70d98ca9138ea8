// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

import Testing

@testable import Samples

@Suite struct MemoryStatTests {
    @Test func v1TakesTheHierarchicalLines() {
        let text = bytes(Captured.memoryStatV1)
        let stat = MemoryStat(parsingV1: text.span)
        #expect(stat.file == 903_077_888)
        #expect(stat.anon == 21_602_304)
        #expect(stat.shmem == 9_068_544)
        #expect(stat.mapped == 16_101_376)
        #expect(stat.dirty == 6_881_280)
        #expect(stat.inactiveAnon == 14_077_952)
        #expect(stat.activeAnon == 1_568_768)
        #expect(stat.inactiveFile == 362_823_680)
        #expect(stat.activeFile == 531_181_568)
        #expect(stat.unevictable == 14_901_248)
        #expect(stat.hierarchicalLimit == 9_223_372_036_854_771_712)
        #expect(stat.hierarchicalMemswLimit == 9_223_372_036_854_771_712)
    }

    @Test func v2TakesEveryFigure() {
        let text = bytes(FormatsV2.memoryStat)
        let stat = MemoryStat(parsingV2: text.span)
        #expect(stat.anon == 104_857_600)
        #expect(stat.file == 209_715_200)
        #expect(stat.kernelStack == 163_840)
        #expect(stat.pageTables == 1_048_576)
        #expect(stat.secondaryPageTables == 4096)
        #expect(stat.percpu == 14208)
        #expect(stat.vmalloc == 12288)
        #expect(stat.shmem == 4_194_304)
        #expect(stat.zswap == 1_000_000)
        #expect(stat.zswapped == 3_000_000)
        #expect(stat.dirty == 135_168)
        #expect(stat.writeback == 69632)
        #expect(stat.swapCached == 2_097_152)
        #expect(stat.fileTHP == 6_291_456)
        #expect(stat.shmemTHP == 2_097_152)
        #expect(stat.inactiveAnon == 90_000_000)
        #expect(stat.activeAnon == 14_000_000)
        #expect(stat.inactiveFile == 150_000_000)
        #expect(stat.activeFile == 50_000_000)
        #expect(stat.unevictable == 65536)
        #expect(stat.slabReclaimable == 4_000_000)
        #expect(stat.slabUnreclaimable == 1_500_000)
        #expect(stat.hierarchicalLimit == nil)
    }

    /// LXCFS matches prefixes, `file` before `file_mapped`, and says Mapped 0 on v2.
    @Test func lxcfsMappedShadowedByFile() {
        let text = bytes(FormatsV2.memoryStat)
        #expect(MemoryStat(parsingV2: text.span).mapped == 22_392_832)
    }

    /// LXCFS reads `total_rss` before `total_rss_huge`, knows no `anon_thp`, and says AnonHugePages 0 everywhere.
    @Test func lxcfsAnonHugeShadowedByRss() {
        let v2 = bytes(FormatsV2.memoryStat)
        #expect(MemoryStat(parsingV2: v2.span).anonTHP == 60_817_408)
        let v1 = bytes("rss_huge 1\ntotal_rss 5\ntotal_rss_huge 2097152\n")
        let stat = MemoryStat(parsingV1: v1.span)
        #expect(stat.anonTHP == 2_097_152)
        #expect(stat.anon == 5)
    }

    @Test func orderDoesNotMatterAndGarbageIsPassedOver() {
        let text = bytes("zswap 7\n\nanon\nfile x\n\u{0}\u{1}\nshmem 99999999999999999999999\nanon 5")
        let stat = MemoryStat(parsingV2: text.span)
        #expect(stat.zswap == 7)
        #expect(stat.file == 0)
        #expect(stat.shmem == .max)
        #expect(stat.anon == 5)
    }
}
