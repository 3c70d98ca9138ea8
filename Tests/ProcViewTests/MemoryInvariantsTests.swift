// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

import Testing

@testable import ProcView
@testable import Samples

/// What must hold of every /proc/meminfo, whatever the samples: thousands of random ones, the seed printed.
@Suite struct MemoryInvariantsTests {
    @Test func hold() {
        let seed = UInt64.random(in: .min ... .max)
        print("MemoryInvariantsTests: seed \(seed)")
        var random = SplitMix(seed: seed)
        for round in 0..<3000 {
            let host = Self.host(&random)
            let sample = Self.sample(&random)
            let text = Meminfo(host: host).text(MemoryFigures(host: host, memory: sample))
            let values = figures(text)
            let fault = Self.fault(values, host: host)
            guard fault != nil else { continue }
            #expect(fault == nil, "seed \(seed), round \(round): \(sample) on \(host) gave\n\(text.string)")
            return
        }
    }

    private static func fault(_ values: [String: UInt64], host: MemInfo) -> String? {
        func value(_ key: String) -> UInt64 { values[key] ?? 0 }
        func sum(_ keys: String...) -> UInt64 { keys.reduce(0) { $0.adding(orMax: value($1)) } }
        let total = value("MemTotal")
        let rules: [(String, Bool)] = [
            ("MemFree <= MemAvailable", value("MemFree") <= value("MemAvailable")),
            ("MemAvailable <= MemTotal", value("MemAvailable") <= total),
            ("MemTotal <= host's", total <= host["MemTotal"] ?? 0),
            ("MemFree <= host's", value("MemFree") <= host["MemFree"] ?? 0),
            ("MemAvailable <= host's", value("MemAvailable") <= host["MemAvailable"] ?? 0),
            ("SwapFree <= SwapTotal", value("SwapFree") <= value("SwapTotal")),
            ("SwapFree <= host's", value("SwapFree") <= host["SwapFree"] ?? 0),
            ("SwapTotal <= host's", value("SwapTotal") <= host["SwapTotal"] ?? 0),
            // What `free` and htop take off the total.
            ("free and caches", sum("MemFree", "Buffers", "Cached", "SReclaimable", "SwapCached") <= total),
            (
                "the parts",
                sum(
                    "MemFree",
                    "Buffers",
                    "Cached",
                    "SwapCached",
                    "AnonPages",
                    "Slab",
                    "KernelStack",
                    "PageTables",
                    "SecPageTables",
                    "Percpu",
                    "Zswap",
                    "VmallocUsed"
                ) <= total
            ),
            ("the lists", sum("MemFree", "Active", "Inactive", "Unevictable") <= total),
            ("Active", value("Active") == sum("Active(anon)", "Active(file)")),
            ("Inactive", value("Inactive") == sum("Inactive(anon)", "Inactive(file)")),
            ("Slab", value("Slab") == sum("SReclaimable", "SUnreclaim")),
            ("Shmem <= Cached", value("Shmem") <= value("Cached")),
            ("Mapped <= Cached", value("Mapped") <= sum("Cached", "SwapCached")),
            ("Dirty <= Cached", value("Dirty") <= sum("Cached", "SwapCached")),
            ("AnonHugePages <= AnonPages", value("AnonHugePages") <= value("AnonPages")),
            (
                "SwapCached <= swap used",
                value("SwapCached") <= value("SwapTotal").subtracting(orMin: value("SwapFree"))
            ),
            ("HugePages_Free", value("HugePages_Free") <= value("HugePages_Total")),
        ]
        return rules.first { !$0.1 }?.0
    }

    /// Small, usual, round, greatest: the sizes where things go wrong.
    static func size(_ random: inout SplitMix) -> UInt64 {
        switch Int.random(in: 0..<8, using: &random) {
        case 0: 0
        case 1: .max
        case 2: UInt64.random(in: .min ... .max, using: &random)
        case 3: UInt64.random(in: 0..<4096, using: &random)
        default: UInt64.random(in: 0..<(1 << 36), using: &random)
        }
    }

    static func limit(_ random: inout SplitMix) -> UInt64? { Bool.random(using: &random) ? size(&random) : nil }

    private static let captured = Hosts.meminfo(Captured.meminfo)

    static func host(_ random: inout SplitMix) -> MemInfo {
        var host = captured
        guard Bool.random(using: &random) else { return host }
        for index in host.lines.indices { host.set(size(&random) >> 10, at: index) }
        return host
    }

    static func sample(_ random: inout SplitMix) -> MemorySample {
        var sample = MemorySample()
        sample.limit = limit(&random)
        sample.headroom = sample.limit == nil ? nil : limit(&random)
        sample.available = sample.limit == nil ? nil : limit(&random)
        sample.usage = size(&random)
        sample.swapLimit = limit(&random)
        sample.swapHeadroom = limit(&random)
        sample.swapUsage = size(&random)
        for path in paths { sample.stat[keyPath: path] = size(&random) }
        for pageSize: UInt64 in [2 << 20, 1 << 30, 0, .max] where Bool.random(using: &random) {
            sample.hugetlb.append(HugetlbSample(pageSize: pageSize, limit: limit(&random), headroom: limit(&random)))
        }
        return sample
    }

    private static var paths: [WritableKeyPath<MemoryStat, UInt64>] {
        [
            \.anon, \.file, \.shmem, \.swapCached, \.mapped, \.dirty, \.writeback, \.anonTHP, \.fileTHP, \.shmemTHP,
            \.inactiveAnon, \.activeAnon, \.inactiveFile, \.activeFile, \.unevictable, \.slabReclaimable,
            \.slabUnreclaimable, \.kernelStack, \.pageTables, \.secondaryPageTables, \.percpu, \.vmalloc, \.zswap,
            \.zswapped,
        ]
    }
}
