// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

@testable import Samples

/// Hosts and containers for the tests.
enum Hosts {
    static func meminfo(_ text: String) -> MemInfo {
        let text = bytes(text)
        return MemInfo(parsing: text.span)
    }

    static func cpuinfo(_ text: String) -> CPUInfo {
        let text = bytes(text)
        return CPUInfo(parsing: text.span)
    }

    /// The captured host with swap and huge pages.
    static var withSwap: MemInfo {
        var info = meminfo(Captured.meminfo)
        for index in info.lines.indices {
            switch string(info.lines[index].name) {
            case "SwapTotal": info.set(8_388_604, at: index)
            case "SwapFree": info.set(6_000_000, at: index)
            case "HugePages_Total": info.set(512, at: index)
            case "HugePages_Free": info.set(500, at: index)
            case "Hugetlb": info.set(512 * 2048, at: index)
            default: break
            }
        }
        return info
    }

    /// A container of 256 MiB that uses 100 MiB of it.
    static var container: MemorySample {
        var sample = MemorySample()
        sample.limit = 256 << 20
        sample.usage = 100 << 20
        sample.headroom = 156 << 20
        sample.available = 203 << 20
        sample.swapLimit = 64 << 20
        sample.swapUsage = 16 << 20
        sample.swapHeadroom = 48 << 20
        sample.stat.anon = 40 << 20
        sample.stat.file = 50 << 20
        sample.stat.swapCached = 2 << 20
        sample.stat.shmem = 4 << 20
        sample.stat.mapped = 22 << 20
        sample.stat.dirty = 1 << 20
        sample.stat.writeback = 512 << 10
        sample.stat.anonTHP = 8 << 20
        sample.stat.shmemTHP = 2 << 20
        sample.stat.fileTHP = 6 << 20
        sample.stat.inactiveAnon = 30 << 20
        sample.stat.activeAnon = 14 << 20
        sample.stat.inactiveFile = 30 << 20
        sample.stat.activeFile = 14 << 20
        sample.stat.unevictable = 1 << 20
        sample.stat.slabReclaimable = 3 << 20
        sample.stat.slabUnreclaimable = 2 << 20
        sample.stat.kernelStack = 160 << 10
        sample.stat.pageTables = 1 << 20
        sample.stat.secondaryPageTables = 4 << 10
        sample.stat.percpu = 16 << 10
        sample.stat.vmalloc = 12 << 10
        sample.stat.zswap = 1 << 20
        sample.stat.zswapped = 3 << 20
        return sample
    }
}

/// The lines of a `name: value` file, by name.
func figures(_ text: Text) -> [String: UInt64] {
    let info = MemInfo(parsing: text.bytes.span)
    return Dictionary(info.lines.map { (string($0.name), $0.value) }) { first, _ in first }
}

/// The columns of the lines of /proc/stat that begin with `cpu`, by their first word.
func cpuLines(_ text: Text) -> [String: [UInt64]] {
    var lines: [String: [UInt64]] = [:]
    for line in text.string.split(separator: "\n") where line.hasPrefix("cpu") {
        let words = line.split(separator: " ")
        lines[String(words[0])] = words.dropFirst().compactMap { UInt64($0) }
    }
    return lines
}
