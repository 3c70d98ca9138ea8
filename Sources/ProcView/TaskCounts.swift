// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

/// How many threads a container has, by state.
package struct TaskCounts: Equatable, Sendable {
    /// Runnable or running (state R).
    package var running: UInt64
    /// In uninterruptible sleep (state D).
    package var blocked: UInt64
    package var total: UInt64

    package init(running: UInt64 = 0, blocked: UInt64 = 0, total: UInt64 = 0) {
        self.running = running
        self.blocked = blocked
        self.total = total
    }
}
