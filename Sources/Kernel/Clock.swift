// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

import CLinux
import Glibc

/// The kernel's clocks, in nanoseconds.
package enum Clock {
    /// Time since boot, sleep included, as the calling process's time namespace shows it.
    package static var boot: UInt64 { now(CLOCK_BOOTTIME) }

    package static var monotonic: UInt64 { now(CLOCK_MONOTONIC) }

    /// Time since the epoch.
    package static var real: UInt64 { now(CLOCK_REALTIME) }

    private static func now(_ clock: Int32) -> UInt64 { UInt64(max(clinux_clock(clock), 0)) }
}
