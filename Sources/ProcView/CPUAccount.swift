// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

package import Samples

/// The CPU times of one container as /proc/stat tells them.
package struct CPUAccount: Equatable, Sendable {
    package private(set) var visible = CPUSet([0])

    package init() {}

    package mutating func advance(usage: CPUUsage?, visible: CPUSet, ageNs: UInt64) {
        self.visible = visible
    }

    package var total: CPUTicks { CPUTicks() }

    package func ticks(of cpu: Int) -> CPUTicks { CPUTicks() }

    /// Sum of the CPUs' idle time, for /proc/uptime.
    package var idleNs: UInt64 { 0 }
}
