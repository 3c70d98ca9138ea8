// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

package import Samples

/// /sys/devices/system/node/nodeN/meminfo (kernel drivers/base/node.c, node_read_meminfo).
package enum NodeMeminfo {
    /// The file of `node`, in the layout of the host's; `hostNodes` are the host's files by node number
    /// (`MemInfo(parsingNode:)`), `visible` the nodes the container sees.
    ///
    /// A cgroup's limit is not parted by node. One node in sight has all that /proc/meminfo says; several have parts in
    /// the proportion of the host's, which add up to it.
    package static func text(_ figures: MemoryFigures, node: Int, hostNodes: [Int: MemInfo], visible: CPUSet) -> Text {
        let host = hostNodes[node] ?? MemInfo()
        let part = part(of: figures, node: node, hostNodes: hostNodes, visible: visible)
        var text = Text()
        var prefix = Text()
        prefix.append("Node ")
        prefix.append(UInt64(clamping: node))
        prefix.append(" ")
        text.append(capacity: host.longestText + host.lines.count * prefix.bytes.count) { output in
            for line in host.lines {
                output.put(prefix.bytes)
                output.put(line, value: MeminfoKeys.entry(of: line.key)?.get(part) ?? 0, countColumn: 17)
            }
        }
        return text
    }

    /// Nodes the container sees: its effective memory nodes that the host has.
    ///
    /// Never empty, as `VisibleCPUs`.
    package static func visible(_ sample: CPUSample, hostOnline: CPUSet) -> CPUSet {
        let online = hostOnline.isEmpty ? CPUSet([0]) : hostOnline
        let nodes = (sample.memoryNodes ?? online).intersection(online)
        return nodes.isEmpty ? online : nodes
    }

    private static func part(
        of figures: MemoryFigures,
        node: Int,
        hostNodes: [Int: MemInfo],
        visible: CPUSet
    ) -> MemoryFigures {
        var before: UInt64 = 0
        var weight: UInt64 = 0
        var sum: UInt64 = 0
        for number in visible.numbers {
            let total = min(hostNodes[number]?["MemTotal"] ?? 0, 1 << 50)
            if number < node { before = before.adding(orMax: total) }
            if number == node { weight = total }
            sum = sum.adding(orMax: total)
        }
        // The one node in sight has it all, whatever its size; one out of sight has nothing.
        if weight == sum, visible.contains(node) { return figures }
        return figures.part(weight: weight, before: before, sum: sum)
    }
}
