// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

package import Samples

/// /proc/stat (kernel fs/proc/stat.c, show_stat).
package enum StatView {
    /// The CPU lines from `account`; the rest from the parameters.
    ///
    /// `bootTime` is in seconds since the epoch, when the container's uptime was 0 (`btime`); `processes` counts the forks
    /// since then, 0 where unknown.
    package static func text(
        _ account: CPUAccount,
        bootTime: UInt64,
        processes: UInt64,
        tasks: TaskCounts
    ) -> Text {
        let visible = account.visible.numbers
        var text = Text(capacity: 256 + visible.count.multiplied(orMax: 64))
        text.append("cpu ")
        text.append(cpuColumns: account.total)
        for cpu in visible {
            text.append("cpu")
            text.append(UInt64(clamping: cpu))
            text.append(cpuColumns: account.ticks(of: cpu))
        }
        // Interrupts and context switches are not counted by cgroup; whose the host's are is not to be known.
        text.append("intr 0\nctxt 0\nbtime ")
        text.append(bootTime)
        text.append("\nprocesses ")
        text.append(processes)
        text.append("\nprocs_running ")
        text.append(tasks.running)
        text.append("\nprocs_blocked ")
        text.append(tasks.blocked)
        // The sum and one number for each of the kernel's ten kinds.
        text.append("\nsoftirq 0 0 0 0 0 0 0 0 0 0 0\n")
        return text
    }
}

extension Text {
    /// user nice system idle iowait irq softirq steal guest guest_nice, in ticks.
    fileprivate mutating func append(cpuColumns ticks: CPUTicks) {
        append(" ")
        append(ticks.user)
        append(" ")
        append(ticks.nice)
        append(" ")
        append(ticks.system)
        append(" ")
        append(ticks.idle)
        append(" 0 0 0 ")
        append(ticks.steal)
        append(" 0 0\n")
    }
}
