// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

/// memory.numa_stat: how much memory of each node a container uses, in bytes, by node number.
package enum NUMAStat {
    /// Node numbers are below MAX_NUMNODES, at most 1024.
    package static let capacity = 1024

    /// v1 (kernel mm/memcontrol-v1.c, memcg_numa_stat_show): the line `hierarchical_total=242075 N0=242075`, in pages.
    package static func parse(v1 bytes: Span<UInt8>, pageSize: UInt64) -> [Int: UInt64] {
        var nodes: [Int: UInt64] = [:]
        var reader = Reader(bytes)
        while var line = reader.line() {
            guard line.key() == hierarchicalTotal, line.take(UInt8(ascii: "=")), line.number() != nil else { continue }
            add(line, unit: pageSize, to: &nodes)
        }
        return nodes
    }

    /// v2 (kernel mm/memcontrol.c, memory_numa_stat_show): the sum of the lines that are no part of another, in bytes.
    package static func parse(v2 bytes: Span<UInt8>) -> [Int: UInt64] {
        var nodes: [Int: UInt64] = [:]
        var reader = Reader(bytes)
        while var line = reader.line() {
            guard parts.contains(line.key()) else { continue }
            add(line, unit: 1, to: &nodes)
        }
        return nodes
    }

    private static let hierarchicalTotal = Key("hierarchical_total")
    private static let parts = [
        Key("anon"), Key("file"), Key("kernel_stack"), Key("pagetables"), Key("sec_pagetables"),
        Key("slab_reclaimable"), Key("slab_unreclaimable"),
    ]

    private static func add(_ line: borrowing Reader, unit: UInt64, to nodes: inout [Int: UInt64]) {
        var line = copy line
        while true {
            var word = line.word()
            if word.isAtEnd { break }
            guard word.take(UInt8(ascii: "N")), let node = word.number(), node < UInt64(capacity),
                word.take(UInt8(ascii: "=")), let value = word.number()
            else { continue }
            let number = Int(truncatingIfNeeded: node)
            nodes[number] = (nodes[number] ?? 0).adding(orMax: value.multiplied(orMax: unit))
        }
    }
}
