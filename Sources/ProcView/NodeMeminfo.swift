// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

package import Samples

/// /sys/devices/system/node/nodeN/meminfo (kernel drivers/base/node.c, node_read_meminfo).
package enum NodeMeminfo {
    /// The file of `node`, in the layout of the host's; `hostNodes` are the host's files by node number
    /// (`MemInfo(parsingNode:)`), `visible` the nodes the container sees.
    package static func text(_ figures: MemoryFigures, node: Int, hostNodes: [Int: MemInfo], visible: CPUSet) -> Text {
        Text()
    }

    /// Nodes the container sees: its effective memory nodes that the host has.
    package static func visible(_ sample: CPUSample, hostOnline: CPUSet) -> CPUSet { hostOnline }
}
