// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

package import Samples

/// /proc/slabinfo (kernel mm/slab_common.c, print_slabinfo_header).
package enum Slabinfo {
    /// The two header lines and no cache: what a container holds in which cache is not told since Linux 5.9, and the
    /// host's table (mode 0400 on the host) is nobody's business.
    package static func text() -> Text {
        var text = Text(capacity: 256)
        text.append("slabinfo - version: 2.1\n")
        text.append("# name            <active_objs> <num_objs> <objsize> <objperslab> <pagesperslab>")
        text.append(" : tunables <limit> <batchcount> <sharedfactor>")
        text.append(" : slabdata <active_slabs> <num_slabs> <sharedavail>\n")
        return text
    }
}
