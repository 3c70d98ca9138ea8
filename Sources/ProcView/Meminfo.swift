// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

package import Samples

/// /proc/meminfo (kernel fs/proc/meminfo.c, meminfo_proc_show): the keys of the host's file in its order and columns, with
/// the container's values.
///
/// Laid out once for the lines a host has: most of them are the same whichever container reads.
package struct Meminfo: Sendable {
    /// Where a figure goes.
    private struct Field: Sendable {
        /// Behind its last digit.
        let end: Int
        /// Of the column, and what stands before it is not touched.
        let width: Int
        let get: @Sendable (borrowing MemoryFigures) -> UInt64
    }

    /// The text in which every figure is 0, but those that are the host's in every container.
    private let template: [UInt8]
    private let fields: [Field]
    private let lines: [MemInfo.Line]

    package init(host: MemInfo) {
        lines = host.lines
        let none = MemoryFigures(host: host, memory: MemorySample())
        var text = Text()
        var fields: [Field] = []
        for line in host.lines {
            let entry = MeminfoKeys.entry(of: line.key)
            let isConstant = entry?.isConstant ?? true
            text.append(capacity: MemInfo.longestLine) { output in
                output.put(line, value: isConstant ? entry?.get(none) ?? 0 : 0, countColumn: Self.countColumn)
            }
            guard let entry, !isConstant else { continue }
            let unit = line.isKB ? MemInfo.unit.utf8CodeUnitCount : 1
            fields.append(
                Field(
                    end: text.bytes.count - unit,
                    width: line.isKB ? MemInfo.width : MemInfo.countWidth,
                    get: entry.get
                )
            )
        }
        template = text.bytes
        self.fields = fields
    }

    /// A key that is not in the table, and so whose container's value is not known, is 0, never the host's.
    package func text(_ figures: MemoryFigures) -> Text {
        var bytes = template
        return put(figures, into: bytes.mutableSpan) ? Text(bytes) : wideText(figures)
    }

    /// False where one is wider than its column, and so moves what follows.
    private func put(_ figures: MemoryFigures, into text: consuming MutableSpan<UInt8>) -> Bool {
        for field in fields {
            var rest = field.get(figures)
            guard rest > 0 else { continue }
            var index = field.end
            let start = field.end - field.width
            while rest > 0, index > start {
                index -= 1
                text[index] = UInt8(ascii: "0") &+ UInt8(truncatingIfNeeded: rest % 10)
                rest /= 10
            }
            guard rest == 0 else { return false }
        }
        return true
    }

    private func wideText(_ figures: MemoryFigures) -> Text {
        var text = Text()
        for line in lines {
            text.append(capacity: MemInfo.longestLine) { output in
                let value = MeminfoKeys.entry(of: line.key)?.get(figures) ?? 0
                output.put(line, value: value, countColumn: Self.countColumn)
            }
        }
        return text
    }

    private static var countColumn: Int { 19 }
}

/// Which figure stands behind which key of /proc/meminfo and of a node's meminfo.
enum MeminfoKeys {
    /// A struct, and not a tuple: a function in a generic type's element would take the figures as a copy.
    struct Entry: Sendable {
        fileprivate let key: Key
        /// Whether it is the same in every container of a host.
        let isConstant: Bool
        let get: @Sendable (borrowing MemoryFigures) -> UInt64

        fileprivate init(
            _ name: StaticString,
            isConstant: Bool = false,
            _ get: @escaping @Sendable (borrowing MemoryFigures) -> UInt64
        ) {
            key = Key(name)
            self.isConstant = isConstant
            self.get = get
        }

        /// Nothing a cgroup counts.
        fileprivate static func zero(_ name: StaticString) -> Entry { Entry(name, isConstant: true) { _ in 0 } }
    }

    /// 0 is what no cgroup counts, or only the host can know (Buffers, the cache of block devices, is charged as page
    /// cache; DirectMap* are the host's page tables).
    private static let entries: [Entry] = [
        Entry("MemTotal") { $0.total },
        Entry("MemFree") { $0.free },
        Entry("MemUsed") { $0.used },
        Entry("MemAvailable") { $0.available },
        .zero("Buffers"),
        Entry("Cached") { $0.cached },
        Entry("SwapCached") { $0.swapCached },
        Entry("Active") { $0.active },
        Entry("Inactive") { $0.inactive },
        Entry("Active(anon)") { $0.activeAnon },
        Entry("Inactive(anon)") { $0.inactiveAnon },
        Entry("Active(file)") { $0.activeFile },
        Entry("Inactive(file)") { $0.inactiveFile },
        Entry("Unevictable") { $0.unevictable },
        .zero("Mlocked"),
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
        .zero("NFS_Unstable"),
        .zero("Bounce"),
        .zero("WritebackTmp"),
        Entry("CommitLimit") { $0.commitLimit },
        .zero("Committed_AS"),
        Entry("VmallocTotal", isConstant: true) { $0.vmallocTotal },
        Entry("VmallocUsed") { $0.vmallocUsed },
        .zero("VmallocChunk"),
        Entry("Percpu") { $0.percpu },
        .zero("HardwareCorrupted"),
        Entry("AnonHugePages") { $0.anonHuge },
        Entry("ShmemHugePages") { $0.shmemHuge },
        .zero("ShmemPmdMapped"),
        Entry("FileHugePages") { $0.fileHuge },
        .zero("FilePmdMapped"),
        .zero("CmaTotal"),
        .zero("CmaFree"),
        .zero("Unaccepted"),
        .zero("Balloon"),
        Entry("HugePages_Total") { $0.hugePagesTotal },
        Entry("HugePages_Free") { $0.hugePagesFree },
        .zero("HugePages_Rsvd"),
        .zero("HugePages_Surp"),
        Entry("Hugepagesize", isConstant: true) { $0.hugePageSize },
        Entry("Hugetlb") { $0.hugetlb },
        .zero("DirectMap4k"),
        .zero("DirectMap2M"),
        .zero("DirectMap4M"),
        .zero("DirectMap1G"),
    ]

    /// nil for a key that is not in the table.
    static func entry(of key: Key) -> Entry? { entries.first { $0.key == key } }
}

extension MemInfo {
    /// No line takes more bytes: the name and its colon in 19 columns at least, 20 digits, ` kB` and a newline.
    static let longestLine = max(Key.capacity + 1, 19) + 20 + 4
    /// What ends a line that is in kB, and the columns of its figure, and of that of another line.
    static let unit: StaticString = " kB\n"
    static let width = 8
    static let countWidth = 5

    /// No text of these lines takes more.
    var longestText: Int { lines.count.multiplied(orMax: Self.longestLine) }
}

extension OutputSpan<UInt8> {
    /// `name:` in 16 columns and the value in 8, then ` kB`; a count begins at `countColumn` with 5.
    @_lifetime(self: copy self)
    mutating func put(_ line: borrowing MemInfo.Line, value: UInt64, countColumn: Int) {
        if line.isKB {
            put(name: line.name, column: 16, value, width: MemInfo.width, unit: MemInfo.unit)
        } else {
            put(name: line.name, column: countColumn, value, width: MemInfo.countWidth, unit: "\n")
        }
    }
}
