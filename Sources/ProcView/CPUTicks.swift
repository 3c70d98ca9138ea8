// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

import Samples

/// The columns of a `cpu` line of /proc/stat that a container has values for, in USER_HZ ticks of 10 ms.
package struct CPUTicks: Equatable, Sendable {
    /// Without `nice`, as the kernel has it.
    package var user: UInt64 = 0
    package var nice: UInt64 = 0
    package var system: UInt64 = 0
    package var idle: UInt64 = 0
    package var steal: UInt64 = 0

    package init() {}

    package mutating func add(_ other: CPUTicks) {
        user = user.adding(orMax: other.user)
        nice = nice.adding(orMax: other.nice)
        system = system.adding(orMax: other.system)
        idle = idle.adding(orMax: other.idle)
        steal = steal.adding(orMax: other.steal)
    }
}
