// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

package import Samples

/// /proc/meminfo (kernel fs/proc/meminfo.c, meminfo_proc_show).
package enum Meminfo {
    /// The keys of the host's file in its order and columns, with the container's values.
    ///
    /// A key that is not in the table, and so whose container's value is not known, is 0, never the host's.
    package static func text(_ figures: MemoryFigures, host: MemInfo) -> Text {
        var text = Text(capacity: host.lines.count.multiplied(orMax: 28))
        var guess = 0
        for line in host.lines {
            text.append(line, value: MeminfoKeys.value(of: line.key, in: figures, guess: &guess), countColumn: 19)
        }
        return text
    }
}

/// Which figure stands behind which key of /proc/meminfo and of a node's meminfo.
enum MeminfoKeys {
    private typealias Getter = @Sendable (borrowing MemoryFigures) -> UInt64

    /// In the kernel's order: from one line to the next, the next entry is the first guess.
    ///
    /// 0 is what no cgroup counts, or only the host can know (Buffers, the cache of block devices, is charged as page
    /// cache; DirectMap* are the host's page tables).
    private static let table: [(StaticString, Getter)] = [
        ("MemTotal", { $0.total }),
        ("MemFree", { $0.free }),
        ("MemUsed", { $0.used }),
        ("MemAvailable", { $0.available }),
        ("Buffers", { _ in 0 }),
        ("Cached", { $0.cached }),
        ("SwapCached", { $0.swapCached }),
        ("Active", { $0.active }),
        ("Inactive", { $0.inactive }),
        ("Active(anon)", { $0.activeAnon }),
        ("Inactive(anon)", { $0.inactiveAnon }),
        ("Active(file)", { $0.activeFile }),
        ("Inactive(file)", { $0.inactiveFile }),
        ("Unevictable", { $0.unevictable }),
        ("Mlocked", { _ in 0 }),
        ("SwapTotal", { $0.swapTotal }),
        ("SwapFree", { $0.swapFree }),
        ("Zswap", { $0.zswap }),
        ("Zswapped", { $0.zswapped }),
        ("Dirty", { $0.dirty }),
        ("Writeback", { $0.writeback }),
        ("FilePages", { $0.filePages }),
        ("AnonPages", { $0.anon }),
        ("Mapped", { $0.mapped }),
        ("Shmem", { $0.shmem }),
        ("KReclaimable", { $0.slabReclaimable }),
        ("Slab", { $0.slab }),
        ("SReclaimable", { $0.slabReclaimable }),
        ("SUnreclaim", { $0.slabUnreclaimable }),
        ("KernelStack", { $0.kernelStack }),
        ("PageTables", { $0.pageTables }),
        ("SecPageTables", { $0.secondaryPageTables }),
        ("NFS_Unstable", { _ in 0 }),
        ("Bounce", { _ in 0 }),
        ("WritebackTmp", { _ in 0 }),
        ("CommitLimit", { $0.commitLimit }),
        ("Committed_AS", { _ in 0 }),
        ("VmallocTotal", { $0.vmallocTotal }),
        ("VmallocUsed", { $0.vmallocUsed }),
        ("VmallocChunk", { _ in 0 }),
        ("Percpu", { $0.percpu }),
        ("HardwareCorrupted", { _ in 0 }),
        ("AnonHugePages", { $0.anonHuge }),
        ("ShmemHugePages", { $0.shmemHuge }),
        ("ShmemPmdMapped", { _ in 0 }),
        ("FileHugePages", { $0.fileHuge }),
        ("FilePmdMapped", { _ in 0 }),
        ("CmaTotal", { _ in 0 }),
        ("CmaFree", { _ in 0 }),
        ("Unaccepted", { _ in 0 }),
        ("Balloon", { _ in 0 }),
        ("HugePages_Total", { $0.hugePagesTotal }),
        ("HugePages_Free", { $0.hugePagesFree }),
        ("HugePages_Rsvd", { _ in 0 }),
        ("HugePages_Surp", { _ in 0 }),
        ("Hugepagesize", { $0.hugePageSize }),
        ("Hugetlb", { $0.hugetlb }),
        ("DirectMap4k", { _ in 0 }),
        ("DirectMap2M", { _ in 0 }),
        ("DirectMap4M", { _ in 0 }),
        ("DirectMap1G", { _ in 0 }),
    ]

    private static let keys = table.map { Key($0.0) }
    private static let getters = table.map(\.1)

    /// 0 for a key that is not in the table.
    static func value(of key: Key, in figures: borrowing MemoryFigures, guess: inout Int) -> UInt64 {
        let keys = keys
        var index = guess < keys.count ? guess : 0
        for _ in 0..<keys.count {
            if keys[index] == key {
                guess = index + 1
                return getters[index](figures)
            }
            index += 1
            if index == keys.count { index = 0 }
        }
        return 0
    }
}

extension Text {
    /// `name:` in 16 columns and the value in 8, then ` kB`; a count begins at `countColumn` with 5.
    mutating func append(_ line: MemInfo.Line, value: UInt64, countColumn: Int) {
        append(line.name)
        append(":")
        append(UInt8(ascii: " "), count: (line.isKB ? 16 : countColumn) - line.name.count - 1)
        append(value, width: line.isKB ? 8 : 5)
        append(line.isKB ? " kB\n" : "\n")
    }
}
