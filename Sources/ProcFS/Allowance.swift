// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

import Samples

/// What may be spent on something that others can ask for at will: a tenth of the time in the long run, a second of it at
/// once.
///
/// All times in nanoseconds, of one clock.
struct Allowance: Sendable {
    private static let share: UInt64 = 10
    private static let atOnceNs: UInt64 = 1_000_000_000

    /// Until when what was spent counts.
    private var paidAt: UInt64 = 0

    func allowsMore(at now: UInt64) -> Bool { paidAt <= now.adding(orMax: Self.atOnceNs * Self.share) }

    mutating func spend(_ spentNs: UInt64, at now: UInt64) {
        paidAt = max(paidAt, now).adding(orMax: spentNs.multiplied(orMax: Self.share))
    }
}
