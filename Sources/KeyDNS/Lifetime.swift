// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

/// How long a key lives: what DNS says, between a floor and a cap.
package struct LifetimeRule: Equatable, Sendable {
    /// Seconds, at least 1: a timeout of 0 would mean for ever (keyctl_set_timeout()).
    package var floor: UInt32
    package var cap: UInt32

    package init(floor: UInt32 = 1, cap: UInt32 = 5) {
        self.floor = max(floor, 1)
        self.cap = max(cap, self.floor)
    }

    /// Never 0, never for ever.
    package func seconds(ttl: UInt32) -> UInt32 { min(max(ttl, floor), cap) }
}
