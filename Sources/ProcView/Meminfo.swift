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
    /// Not in it, and so 0: Buffers (block device cache is charged as page cache), Mlocked, Committed_AS, NFS_Unstable,
    /// Bounce, WritebackTmp, VmallocChunk, HardwareCorrupted, *PmdMapped, Cma*, Balloon, Unaccepted, HugePages_Rsvd and
    /// _Surp (no cgroup counts these), DirectMap* (the host's page tables).
    private static let table: [(key: Key, get: Getter)] = [
        (Key("MemTotal"), { $0.total }),
        (Key("MemFree"), { $0.free }),
        (Key("MemUsed"), { $0.used }),
        (Key("MemAvailable"), { $0.available }),
        (Key("Cached"), { $0.cached }),
        (Key("SwapCached"), { $0.swapCached }),
        (Key("Active"), { $0.active }),
        (Key("Inactive"), { $0.inactive }),
        (Key("Active(anon)"), { $0.activeAnon }),
        (Key("Inactive(anon)"), { $0.inactiveAnon }),
        (Key("Active(file)"), { $0.activeFile }),
        (Key("Inactive(file)"), { $0.inactiveFile }),
        (Key("Unevictable"), { $0.unevictable }),
        (Key("SwapTotal"), { $0.swapTotal }),
        (Key("SwapFree"), { $0.swapFree }),
        (Key("Zswap"), { $0.zswap }),
        (Key("Zswapped"), { $0.zswapped }),
        (Key("Dirty"), { $0.dirty }),
        (Key("Writeback"), { $0.writeback }),
        (Key("FilePages"), { $0.filePages }),
        (Key("AnonPages"), { $0.anon }),
        (Key("Mapped"), { $0.mapped }),
        (Key("Shmem"), { $0.shmem }),
        (Key("KReclaimable"), { $0.slabReclaimable }),
        (Key("Slab"), { $0.slab }),
        (Key("SReclaimable"), { $0.slabReclaimable }),
        (Key("SUnreclaim"), { $0.slabUnreclaimable }),
        (Key("KernelStack"), { $0.kernelStack }),
        (Key("PageTables"), { $0.pageTables }),
        (Key("SecPageTables"), { $0.secondaryPageTables }),
        (Key("CommitLimit"), { $0.commitLimit }),
        (Key("VmallocTotal"), { $0.vmallocTotal }),
        (Key("VmallocUsed"), { $0.vmallocUsed }),
        (Key("Percpu"), { $0.percpu }),
        (Key("AnonHugePages"), { $0.anonHuge }),
        (Key("ShmemHugePages"), { $0.shmemHuge }),
        (Key("FileHugePages"), { $0.fileHuge }),
        (Key("HugePages_Total"), { $0.hugePagesTotal }),
        (Key("HugePages_Free"), { $0.hugePagesFree }),
        (Key("Hugepagesize"), { $0.hugePageSize }),
        (Key("Hugetlb"), { $0.hugetlb }),
    ]

    static func value(of key: Key, in figures: borrowing MemoryFigures, guess: inout Int) -> UInt64 {
        let count = table.count
        var index = guess < count ? guess : 0
        for _ in 0..<count {
            if table[index].key == key {
                guess = index + 1
                return table[index].get(figures)
            }
            index += 1
            if index == count { index = 0 }
        }
        return 0
    }
}

extension Text {
    /// `name:` in 16 columns and the value in 8, then ` kB`; a count begins at `countColumn` with 5.
    mutating func append(_ line: MemInfo.Line, value: UInt64, countColumn: Int) {
        append(line.name)
        append(":")
        var column = line.name.count + 1
        let width = line.isKB ? 16 : countColumn
        while column < width {
            append(byte: UInt8(ascii: " "))
            column += 1
        }
        append(value, width: line.isKB ? 8 : 5)
        append(line.isKB ? " kB\n" : "\n")
    }
}
