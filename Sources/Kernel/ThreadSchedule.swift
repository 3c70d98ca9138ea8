// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

import CLinux
import Glibc

/// How the calling thread is scheduled.
package final class ThreadSchedule: Sendable {
    /// /proc/thread-self/schedstat of the thread that made this value.
    private let statistics: Fd

    package init() throws(Errno) { statistics = try Fd.open("/proc/thread-self/schedstat") }

    /// Nanoseconds the thread was runnable and had no CPU; 0 where the kernel keeps no count.
    package var waitedNs: UInt64 {
        guard let bytes = try? statistics.contents(limit: 128) else { return 0 }
        // Time on a CPU, time waiting, slices.
        let fields = bytes.split(separator: UInt8(ascii: " "))
        guard fields.count > 1 else { return 0 }
        return fields[1].reduce(0) { $0 &* 10 &+ UInt64($1 &- UInt8(ascii: "0")) }
    }

    /// SCHED_IDLE, or SCHED_OTHER again, for the calling thread.
    package func setIdle(_ isIdle: Bool) throws(Errno) {
        _ = try Errno.check(clinux_set_idle(isIdle ? 1 : 0))
    }
}
