// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

package import Samples

/// /proc/loadavg (kernel fs/proc/loadavg.c).
package enum LoadAvg {
    /// `tasks.running` and `tasks.total` count threads, as the kernel's nr_running() and nr_threads do; `lastPID` is the
    /// newest pid of the container's pid namespace, 0 where unknown.
    package static func text(_ load: LoadHistory, tasks: TaskCounts, lastPID: UInt64) -> Text {
        var text = Text(capacity: 40)
        text.append(hundredths: LoadHistory.hundredths(load.load1))
        text.append(" ")
        text.append(hundredths: LoadHistory.hundredths(load.load5))
        text.append(" ")
        text.append(hundredths: LoadHistory.hundredths(load.load15))
        text.append(" ")
        // The count of those that run may be older than that of all.
        text.append(min(tasks.running, tasks.total))
        text.append("/")
        text.append(tasks.total)
        text.append(" ")
        text.append(lastPID)
        text.append("\n")
        return text
    }
}
