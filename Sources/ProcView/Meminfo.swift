// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

package import Samples

/// /proc/meminfo (kernel fs/proc/meminfo.c).
package enum Meminfo {
    package static func text(_ figures: MemoryFigures, host: MemInfo) -> Text { Text() }
}
