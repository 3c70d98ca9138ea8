// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

import Testing

@testable import ProcView
@testable import Samples

@Suite struct MeminfoTests {
    private func text(_ host: MemInfo, _ sample: MemorySample) -> Text {
        Meminfo(host: host).text(MemoryFigures(host: host, memory: sample))
    }

    /// Written with the host's own values, the file is the host's, byte for byte: keys, order and columns.
    @Test func columnsAreTheKernels() {
        let host = Hosts.meminfo(Captured.meminfo)
        var text = Text()
        for line in host.lines {
            text.append(capacity: MemInfo.longestLine) { $0.put(line, value: line.value, countColumn: 19) }
        }
        #expect(text.string == Captured.meminfo)
    }

    @Test func everyKeyOfTheHostInItsOrder() {
        let host = Hosts.withSwap
        let info = MemInfo(parsing: text(host, Hosts.container).bytes.span)
        #expect(info.lines.map(\.name) == host.lines.map(\.name))
        #expect(info.lines.map(\.isKB) == host.lines.map(\.isKB))
    }

    /// The figures in the text that was laid out before are those that each line would have had, however wide.
    @Test func laidOutOnceOrLineByLine() {
        let seed = UInt64.random(in: 0...UInt64.max)
        var random = SplitMix(seed: seed)
        for _ in 0..<300 {
            let host = MemoryInvariantsTests.host(&random)
            let figures = MemoryFigures(host: host, memory: MemoryInvariantsTests.sample(&random))
            var text = Text()
            for line in host.lines {
                let value = MeminfoKeys.entry(of: line.key)?.get(figures) ?? 0
                text.append(capacity: MemInfo.longestLine) { $0.put(line, value: value, countColumn: 19) }
            }
            #expect(Meminfo(host: host).text(figures) == text, "seed \(seed)")
        }
    }

    /// 8 digits fill the column, 9 are wider than it.
    @Test(arguments: [99_999_999, 100_000_000] as [UInt64]) func hostOfManyGigabytes(_ size: UInt64) {
        var host = Hosts.meminfo(Captured.meminfo)
        for index in host.lines.indices where string(host.lines[index].name) == "MemTotal" { host.set(size, at: index) }
        let lines = text(host, MemorySample()).string.split(separator: "\n")
        #expect(lines.first == (size < 100_000_000 ? "MemTotal:       99999999 kB" : "MemTotal:       100000000 kB"))
        #expect(lines.count == host.lines.count)
    }

    @Test func values() {
        let values = figures(text(Hosts.withSwap, Hosts.container))
        let expected: [String: UInt64] = [
            "MemTotal": 256 << 10, "MemFree": 156 << 10, "MemAvailable": (156 + 30 + 14 + 3) << 10, "Buffers": 0,
            "Cached": 48 << 10, "SwapCached": 2 << 10, "Active": 28 << 10, "Inactive": 60 << 10,
            "Active(anon)": 14 << 10, "Inactive(anon)": 30 << 10, "Active(file)": 14 << 10, "Inactive(file)": 30 << 10,
            "Unevictable": 1 << 10, "Mlocked": 0, "SwapTotal": 64 << 10, "SwapFree": 48 << 10, "Zswap": 1 << 10,
            "Zswapped": 3 << 10, "Dirty": 1 << 10, "Writeback": 512, "AnonPages": 40 << 10, "Mapped": 22 << 10,
            "Shmem": 4 << 10, "KReclaimable": 3 << 10, "Slab": 5 << 10, "SReclaimable": 3 << 10, "SUnreclaim": 2 << 10,
            "KernelStack": 160, "PageTables": 1 << 10, "SecPageTables": 4, "NFS_Unstable": 0, "Bounce": 0,
            "WritebackTmp": 0, "CommitLimit": (128 + 64) << 10, "Committed_AS": 0, "VmallocTotal": 34_359_738_367,
            "VmallocUsed": 12, "VmallocChunk": 0, "Percpu": 16, "AnonHugePages": 8 << 10, "ShmemHugePages": 2 << 10,
            "ShmemPmdMapped": 0, "FileHugePages": 6 << 10, "FilePmdMapped": 0, "Balloon": 0, "HugePages_Total": 512,
            "HugePages_Free": 500, "HugePages_Rsvd": 0, "HugePages_Surp": 0, "Hugepagesize": 2048,
            "Hugetlb": 512 * 2048, "DirectMap4k": 0, "DirectMap2M": 0, "DirectMap1G": 0,
        ]
        for (key, value) in values { #expect(value == expected[key], "\(key)") }
        #expect(values.count == expected.count)
    }

    @Test func keysNobodyKnowsAreZero() {
        let host = Hosts.meminfo(Captured.meminfo + "NewInLinux9:       777 kB\nCmaTotal:       5 kB\n")
        let values = figures(text(host, Hosts.container))
        #expect(values["NewInLinux9"] == 0)
        #expect(values["CmaTotal"] == 0)
    }

    @Test func hugePagesAreLimited() {
        var sample = Hosts.container
        sample.hugetlb = [
            HugetlbSample(pageSize: 2 << 20, limit: 64 << 20, headroom: 44 << 20),
            HugetlbSample(pageSize: 1 << 30, limit: 0, headroom: 0),
        ]
        let values = figures(text(Hosts.withSwap, sample))
        #expect(values["HugePages_Total"] == 32)
        #expect(values["HugePages_Free"] == 22)
        #expect(values["Hugetlb"] == 64 << 10)
    }

    @Test func withoutLimitTheHostBounds() {
        var sample = MemorySample()
        sample.usage = 1 << 30
        sample.stat.inactiveFile = 512 << 20
        let host = Hosts.meminfo(Captured.meminfo)
        let values = figures(text(host, sample))
        #expect(values["MemTotal"] == host["MemTotal"])
        #expect(values["MemFree"] == host["MemFree"])
        #expect(values["MemAvailable"].map { $0 <= host["MemAvailable"] ?? 0 } == true)
    }

    /// Node.js, top and others take the numbers at face value: usage over a limit just lowered must not wrap.
    @Test func lxcfsMemFreeUnderflow() {
        var sample = Hosts.container
        sample.limit = 50 << 20
        (sample.headroom, sample.available) = (0, 0)
        let values = figures(text(Hosts.withSwap, sample))
        #expect(values["MemTotal"] == 50 << 10)
        #expect(values["MemFree"] == 0)
        // 100 MiB in use, 47 of them reclaimable: 53 stay, which is over the limit.
        #expect(values["MemAvailable"] == 0)
    }

    /// #695: swap left from before swap.max was lowered, `SwapFree: 18446744073709551292 kB`.
    @Test func lxcfsSwapFreeUnderflow695() {
        var sample = Hosts.container
        sample.swapLimit = 0
        sample.swapHeadroom = 0
        let values = figures(text(Hosts.withSwap, sample))
        #expect(values["SwapTotal"] == 0)
        #expect(values["SwapFree"] == 0)
        #expect(values["SwapCached"] == 0)
    }

    @Test func lxcfsSwapFreeBeyondTheHosts() {
        var sample = Hosts.container
        (sample.swapLimit, sample.swapHeadroom, sample.swapUsage) = (nil, nil, 0)
        let values = figures(text(Hosts.withSwap, sample))
        #expect(values["SwapTotal"] == 8_388_604)
        #expect(values["SwapFree"] == 6_000_000)
        let none = figures(text(Hosts.meminfo(Captured.meminfo), sample))
        #expect(none["SwapTotal"] == 0)
        #expect(none["SwapFree"] == 0)
    }

    /// A sibling used 150 of the parent's 200 MiB, and LXCFS still said 203624 kB free.
    @Test func lxcfsMemFreeIgnoresTheAncestors() {
        var sample = Hosts.container
        sample.limit = 200 << 20
        (sample.headroom, sample.available) = (50 << 20, 50 << 20)
        sample.usage = 0
        sample.stat = MemoryStat()
        let values = figures(text(Hosts.withSwap, sample))
        #expect(values["MemTotal"] == 200 << 10)
        #expect(values["MemFree"] == 50 << 10)
        #expect(values["MemAvailable"] == 50 << 10)
    }

    /// What a sibling has in the page cache goes as well when the parent is short of memory.
    @Test func othersCacheIsAvailable() {
        var sample = Hosts.container
        (sample.headroom, sample.available) = (10 << 20, 190 << 20)
        let values = figures(text(Hosts.withSwap, sample))
        #expect(values["MemFree"] == 10 << 10)
        #expect(values["MemAvailable"] == 190 << 10)
    }

    /// A container without limit saw 2012724 kB free while the host had 1684292.
    @Test func lxcfsMemFreeIgnoresTheHost() {
        var host = Hosts.meminfo(Captured.meminfo)
        for index in host.lines.indices where string(host.lines[index].name) == "MemFree" {
            host.set(1000, at: index)
        }
        #expect(figures(text(host, Hosts.container))["MemFree"] == 1000)
        #expect(figures(text(host, MemorySample()))["MemFree"] == 1000)
    }

    /// A reader in the root cgroup saw MemAvailable 2026261 of MemTotal 2013644.
    @Test func lxcfsMemAvailableExceedsMemTotal() {
        var sample = Hosts.container
        sample.usage = 0
        (sample.headroom, sample.available) = (sample.limit, sample.limit)
        let values = figures(text(Hosts.withSwap, sample))
        #expect(values["MemAvailable"] == values["MemTotal"])
    }

    /// LXCFS has 0 for these on v2: a longer name is shadowed by a shorter one, or only v1's name is known.
    @Test(arguments: ["Mapped", "AnonHugePages", "Dirty", "Writeback", "SwapCached", "ShmemHugePages"])
    func lxcfsZeroOnV2(_ key: String) {
        #expect(figures(text(Hosts.withSwap, Hosts.container))[key] != 0)
    }

    /// KReclaimable 11000 kB and Slab 416 kB in one file; what LXCFS does not compute it takes from the host.
    @Test(arguments: [
        "KReclaimable", "KernelStack", "PageTables", "SecPageTables", "Percpu", "Mlocked", "CommitLimit",
        "Committed_AS", "VmallocUsed", "HardwareCorrupted", "FileHugePages", "DirectMap4k", "DirectMap2M",
        "DirectMap1G",
    ])
    func lxcfsHostValueInAContainer(_ key: String) {
        var host = Hosts.withSwap
        for index in host.lines.indices where string(host.lines[index].name) == key {
            host.set(4_711_000, at: index)
        }
        let values = figures(text(host, Hosts.container))
        #expect(values[key] != 4_711_000)
        #expect(values["KReclaimable"] == values["SReclaimable"])
    }

    /// The kernel reckons in pages: without a limit it is the host's own number.
    @Test func commitLimitIsInWholePages() {
        let host = Hosts.meminfo(Captured.meminfo)
        #expect(figures(text(host, MemorySample()))["CommitLimit"] == 12_342_044)
        let ofLargePages = MemoryFigures(host: host, memory: MemorySample(), pageSize: 65536)
        #expect(ofLargePages.commitLimit == 24_684_092 / 64 / 2 * 64)
    }

    /// LXCFS 7 prints Zswap one column too narrow.
    @Test func lxcfsZswapColumn() {
        let lines = text(Hosts.withSwap, Hosts.container).string.split(separator: "\n")
        #expect(lines.first { $0.hasPrefix("Zswap:") } == "Zswap:              1024 kB")
    }
}
