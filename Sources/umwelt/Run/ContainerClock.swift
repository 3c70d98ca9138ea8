// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

import Kernel

/// The container's boot clock starts at 0 (two clock ticks more, in fact).
///
/// The start times of processes in /proc/PID/stat are the kernel's, counted from the host's boot: beside an uptime of the
/// container's own, `ps` would take its processes to start in the future, and sysinfo(2) would tell the host's uptime. In a
/// time namespace the kernel itself counts from the container's start, and all of them agree.
enum ContainerClock {
    /// Gives the processes started from now on a time namespace of their own, whose boot clock is 0 now.
    ///
    /// Does nothing where the kernel has none (before 5.6); the container then sees the host's start times.
    static func begin() {
        guard FileTree.isThere(offsets), (try? Namespaces.time.unshare()) != nil else { return }
        // runc 1.1 takes a start time of 0 clock ticks (10 ms each) for one that it does not know yet, and fails ("invalid
        // state transition from stopped to created"): its first process must not start in the clock's first tick.
        let boot = Clock.boot
        let now = boot - min(boot, 2 * tick)
        // The kernel wants the nanoseconds positive: -1.25 s is -2 s and 750,000,000 ns.
        let seconds = Int64(clamping: now / second) + 1
        let text = "boottime -\(seconds) \(second - now % second - 1)\n"
        _ = try? Fd.open(offsets, .writeOnly).write(Array(text.utf8))
    }

    private static let offsets: Path = "/proc/self/timens_offsets"
    private static let second: UInt64 = 1_000_000_000
    private static let tick: UInt64 = 10_000_000
}
