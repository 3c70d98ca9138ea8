// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

import CLinux
import Glibc

/// How the thread that made this value is scheduled.
///
/// For any thread to ask and change.
package final class ThreadSchedule: Sendable {
    package let thread: Int32
    /// Its /proc/thread-self/stat.
    private let state: Fd

    package init() throws(Errno) {
        thread = clinux_gettid()
        state = try Fd.open("/proc/thread-self/stat")
    }

    /// Whether it runs, or would if it had a CPU (state R).
    package var isRunnable: Bool {
        guard let bytes = try? state.contents(limit: 512), let close = bytes.lastIndex(of: UInt8(ascii: ")")) else {
            return false
        }
        return bytes.dropFirst(close + 2).first == UInt8(ascii: "R")
    }

    /// SCHED_IDLE, or SCHED_OTHER again.
    package func setIdle(_ isIdle: Bool) throws(Errno) {
        _ = try Errno.check(clinux_set_idle(thread, isIdle ? 1 : 0))
    }
}
