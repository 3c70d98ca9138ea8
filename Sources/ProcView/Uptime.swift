// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

package import Samples

/// /proc/uptime (kernel fs/proc/uptime.c).
package enum Uptime {
    /// Seconds since the container began, and seconds its CPUs were idle in sum, both with two decimals.
    package static func text(uptimeNs: UInt64, idleNs: UInt64) -> Text {
        var text = Text(capacity: 32)
        text.append(hundredths: uptimeNs / 10_000_000)
        text.append(" ")
        text.append(hundredths: idleNs / 10_000_000)
        text.append("\n")
        return text
    }
}
