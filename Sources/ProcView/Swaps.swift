// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

package import Samples

/// /proc/swaps (kernel mm/swapfile.c, swap_show).
package enum Swaps {
    /// The header and, where the container may swap, one line for all of its swap.
    ///
    /// The host's devices are not named: the line is `none`, as LXCFS has it. Size and use are /proc/meminfo's.
    package static func text(_ figures: MemoryFigures) -> Text {
        var text = Text(capacity: 128)
        text.append("Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n")
        guard figures.swapTotal > 0 else { return text }
        text.append("none                                    virtual\t\t")
        let used = figures.swapTotal.subtracting(orMin: figures.swapFree)
        text.append(figures.swapTotal)
        text.append(figures.swapTotal < 10_000_000 ? "\t\t" : "\t")
        text.append(used)
        text.append(used < 10_000_000 ? "\t\t" : "\t")
        text.append("0\n")
        return text
    }
}
