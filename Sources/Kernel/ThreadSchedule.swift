// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

import CLinux
import Glibc

/// How the thread that made this value is scheduled.
///
/// For any thread to ask and change.
package final class ThreadSchedule: Sendable {
    package let thread: Int32
    /// /proc/thread-self/schedstat of the thread that made this value.
    private let statistics: Fd

    /// Its /proc/thread-self/stat.
    private let state: Fd

    package init() throws(Errno) {
        thread = clinux_gettid()
        statistics = try Fd.open("/proc/thread-self/schedstat")
        state = try Fd.open("/proc/thread-self/stat")
    }

    /// Whether it runs, or would if it had a CPU (state R).
    package var isRunnable: Bool {
        guard let bytes = try? state.contents(limit: 512), let close = bytes.lastIndex(of: UInt8(ascii: ")")) else {
            return false
        }
        return bytes.dropFirst(close + 2).first == UInt8(ascii: "R")
    }

    /// Nanoseconds the thread was runnable and had no CPU; 0 where the kernel keeps no count.
    package var waitedNs: UInt64 {
        guard let bytes = try? statistics.contents(limit: 128) else { return 0 }
        // Time on a CPU, time waiting, slices.
        let fields = bytes.split(separator: UInt8(ascii: " "))
        guard fields.count > 1 else { return 0 }
        return fields[1].reduce(0) { $0 &* 10 &+ UInt64($1 &- UInt8(ascii: "0")) }
    }

    /// SCHED_IDLE, or SCHED_OTHER again.
    package func setIdle(_ isIdle: Bool) throws(Errno) {
        _ = try Errno.check(clinux_set_idle(thread, isIdle ? 1 : 0))
    }
}
