// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

extension MemInfo {
    /// More lines than this are left out; the kernel has some 60.
    package static let capacity = 256

    /// /proc/meminfo (kernel fs/proc/meminfo.c, meminfo_proc_show).
    package init(parsing bytes: Span<UInt8>) {
        self.init()
        update(parsing: bytes)
    }

    /// /sys/devices/system/node/nodeN/meminfo (kernel drivers/base/node.c, node_read_meminfo): the same lines after
    /// `Node N `, which is not part of the names here.
    package init(parsingNode bytes: Span<UInt8>) { self.init(parsing: bytes) }

    /// Reads the file again: names that stand where they stood are kept, so that nothing is allocated.
    package mutating func update(parsing bytes: Span<UInt8>) {
        var reader = Reader(bytes)
        var count = 0
        while var line = reader.line(), count < Self.capacity {
            if line.take("Node ") {
                guard line.number() != nil, line.take(UInt8(ascii: " ")) else { continue }
            }
            let start = copy line
            let key = line.key()
            let length = line.position - start.position
            guard length > 0, length <= Key.capacity, line.take(UInt8(ascii: ":")), let value = line.blankNumber()
            else { continue }
            line.skipBlanks()
            let isKB = line.equals("kB")
            if count < lines.count, lines[count].key == key {
                lines[count].value = value
                lines[count].isKB = isKB
            } else {
                let new = Line(name: start.array(limit: length), value: value, isKB: isKB)
                if count < lines.count { lines[count] = new } else { lines.append(new) }
            }
            count += 1
        }
        if count < lines.count { lines.removeLast(lines.count - count) }
        hasSwap = self["SwapTotal"] ?? 0 > 0
        hasHugePages = self["HugePages_Total"] ?? 0 > 0 || self["Hugetlb"] ?? 0 > 0
    }

    /// The number of the line `name`, as printed; nil where there is none.
    package subscript(name: Key) -> UInt64? { lines.first { $0.key == name }?.value }

    /// The number of the line `name`, as printed; nil where there is none.
    package subscript(name: StaticString) -> UInt64? { self[Key(name)] }
}
