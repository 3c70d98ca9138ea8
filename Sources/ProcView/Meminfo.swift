// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

package import Samples

/// /proc/meminfo (kernel fs/proc/meminfo.c, meminfo_proc_show).
package enum Meminfo {
    /// The keys of the host's file in its order and columns, with the container's values.
    ///
    /// A key that is not in the table, and so whose container's value is not known, is 0, never the host's.
    package static func text(_ figures: MemoryFigures, host: MemInfo) -> Text {
        var text = Text()
        text.append(capacity: host.longestText) { output in
            var guess = 0
            let lines = host.lines.span
            for index in lines.indices {
                let value = MeminfoKeys.value(of: lines[index].key, in: figures, guess: &guess)
                output.put(lines[index], value: value, countColumn: 19)
            }
        }
        return text
    }
}

/// Which figure stands behind which key of /proc/meminfo and of a node's meminfo.
enum MeminfoKeys {
    /// A struct, and not a tuple: a function in a generic type's element would take the figures as a copy.
    private struct Entry: Sendable {
        let key: Key
        let get: @Sendable (borrowing MemoryFigures) -> UInt64

        init(_ name: StaticString, _ get: @escaping @Sendable (borrowing MemoryFigures) -> UInt64) {
            key = Key(name)
            self.get = get
        }
    }

    /// In the kernel's order: from one line to the next, the next entry is the first guess.
    ///
    /// 0 is what no cgroup counts, or only the host can know (Buffers, the cache of block devices, is charged as page
    /// cache; DirectMap* are the host's page tables).
    private static let entries = [
        Entry("MemTotal") { $0.total },
        Entry("MemFree") { $0.free },
        Entry("MemUsed") { $0.used },
        Entry("MemAvailable") { $0.available },
        Entry("Buffers") { _ in 0 },
        Entry("Cached") { $0.cached },
        Entry("SwapCached") { $0.swapCached },
        Entry("Active") { $0.active },
        Entry("Inactive") { $0.inactive },
        Entry("Active(anon)") { $0.activeAnon },
        Entry("Inactive(anon)") { $0.inactiveAnon },
        Entry("Active(file)") { $0.activeFile },
        Entry("Inactive(file)") { $0.inactiveFile },
        Entry("Unevictable") { $0.unevictable },
        Entry("Mlocked") { _ in 0 },
        Entry("SwapTotal") { $0.swapTotal },
        Entry("SwapFree") { $0.swapFree },
        Entry("Zswap") { $0.zswap },
        Entry("Zswapped") { $0.zswapped },
        Entry("Dirty") { $0.dirty },
        Entry("Writeback") { $0.writeback },
        Entry("FilePages") { $0.filePages },
        Entry("AnonPages") { $0.anon },
        Entry("Mapped") { $0.mapped },
        Entry("Shmem") { $0.shmem },
        Entry("KReclaimable") { $0.slabReclaimable },
        Entry("Slab") { $0.slab },
        Entry("SReclaimable") { $0.slabReclaimable },
        Entry("SUnreclaim") { $0.slabUnreclaimable },
        Entry("KernelStack") { $0.kernelStack },
        Entry("PageTables") { $0.pageTables },
        Entry("SecPageTables") { $0.secondaryPageTables },
        Entry("NFS_Unstable") { _ in 0 },
        Entry("Bounce") { _ in 0 },
        Entry("WritebackTmp") { _ in 0 },
        Entry("CommitLimit") { $0.commitLimit },
        Entry("Committed_AS") { _ in 0 },
        Entry("VmallocTotal") { $0.vmallocTotal },
        Entry("VmallocUsed") { $0.vmallocUsed },
        Entry("VmallocChunk") { _ in 0 },
        Entry("Percpu") { $0.percpu },
        Entry("HardwareCorrupted") { _ in 0 },
        Entry("AnonHugePages") { $0.anonHuge },
        Entry("ShmemHugePages") { $0.shmemHuge },
        Entry("ShmemPmdMapped") { _ in 0 },
        Entry("FileHugePages") { $0.fileHuge },
        Entry("FilePmdMapped") { _ in 0 },
        Entry("CmaTotal") { _ in 0 },
        Entry("CmaFree") { _ in 0 },
        Entry("Unaccepted") { _ in 0 },
        Entry("Balloon") { _ in 0 },
        Entry("HugePages_Total") { $0.hugePagesTotal },
        Entry("HugePages_Free") { $0.hugePagesFree },
        Entry("HugePages_Rsvd") { _ in 0 },
        Entry("HugePages_Surp") { _ in 0 },
        Entry("Hugepagesize") { $0.hugePageSize },
        Entry("Hugetlb") { $0.hugetlb },
        Entry("DirectMap4k") { _ in 0 },
        Entry("DirectMap2M") { _ in 0 },
        Entry("DirectMap4M") { _ in 0 },
        Entry("DirectMap1G") { _ in 0 },
    ]

    /// 0 for a key that is not in the table.
    static func value(of key: Key, in figures: borrowing MemoryFigures, guess: inout Int) -> UInt64 {
        let entries = entries
        var index = guess
        for _ in 0..<entries.count {
            if index >= entries.count { index = 0 }
            if entries[index].key == key {
                guess = index + 1
                return entries[index].get(figures)
            }
            index += 1
        }
        return 0
    }
}

extension MemInfo {
    /// No line takes more bytes: the name and its colon in 19 columns at least, 20 digits, ` kB` and a newline.
    static let longestLine = max(Key.capacity + 1, 19) + 20 + 4

    /// No text of these lines takes more.
    var longestText: Int { lines.count.multiplied(orMax: Self.longestLine) }
}

extension OutputSpan<UInt8> {
    /// `name:` in 16 columns and the value in 8, then ` kB`; a count begins at `countColumn` with 5.
    @_lifetime(self: copy self)
    mutating func put(_ line: borrowing MemInfo.Line, value: UInt64, countColumn: Int) {
        if line.isKB {
            put(name: line.name, column: 16, value, width: 8, unit: " kB\n")
        } else {
            put(name: line.name, column: countColumn, value, width: 5, unit: "\n")
        }
    }
}
