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
    ///
    /// Returns whether all did.
    @discardableResult
    package mutating func update(parsing bytes: Span<UInt8>) -> Bool {
        var reader = Reader(bytes)
        var count = 0
        var isSame = true
        bounds = Bounds()
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
            if count >= lines.count || lines[count].key != key || lines[count].isKB != isKB {
                isSame = false
                let new = Line(name: start.array(limit: length), value: value, isKB: isKB)
                if count < lines.count { lines[count] = new } else { lines.append(new) }
            }
            set(value, at: count)
            count += 1
        }
        if count < lines.count {
            lines.removeLast(lines.count - count)
            isSame = false
        }
        return isSame
    }

    /// Gives the line at `index` another number.
    package mutating func set(_ value: UInt64, at index: Int) {
        lines[index].value = value
        Bounds.table.set(lines[index].key, to: value, in: &bounds)
    }

    /// The number of the line `name`, as printed; nil where there is none.
    package subscript(name: StaticString) -> UInt64? {
        let key = Key(name)
        return lines.first { $0.key == key }?.value
    }
}

extension MemInfo.Bounds {
    fileprivate static let table = KeyTable<Self>([
        .init("MemTotal") { $0.memTotal = $1 },
        .init("MemFree") { $0.memFree = $1 },
        .init("MemAvailable") { $0.memAvailable = $1 },
        .init("SwapTotal") { $0.swapTotal = $1 },
        .init("SwapFree") { $0.swapFree = $1 },
        .init("VmallocTotal") { $0.vmallocTotal = $1 },
        .init("HugePages_Total") { $0.hugePagesTotal = $1 },
        .init("HugePages_Free") { $0.hugePagesFree = $1 },
        .init("Hugepagesize") { $0.hugePageSize = $1 },
        .init("Hugetlb") { $0.hugetlb = $1 },
    ])
}
