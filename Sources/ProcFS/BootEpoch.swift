// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

import Kernel
import Samples
import Synchronization

/// What the real-time clock showed when the boot clock was 0: the kernel's wall_to_monotonic, which it tells nobody.
///
/// Both clocks run alike, so it moves only when somebody sets the time. They cannot be read at once, and a thread may lose
/// its CPU in between: what readings allow for has not moved.
final class BootEpoch: Sendable {
    /// More than two readings in a row are apart, and less than anybody sees.
    private static let toleranceNs: UInt64 = 1_000_000

    private let known = Atomic<UInt64>(0)

    /// In nanoseconds.
    var now: UInt64 {
        for _ in 0..<16 {
            let before = Clock.boot
            if let epoch = epoch(before: before, real: Clock.real, after: Clock.boot) { return epoch }
        }
        return Clock.real.subtracting(orMin: Clock.boot)
    }

    /// By a reading of the real-time clock between two of the boot clock; nil where they are too far apart to tell.
    func epoch(before: UInt64, real: UInt64, after: UInt64) -> UInt64? {
        let (least, most) = (real.subtracting(orMin: after), real.subtracting(orMin: before))
        let known = known.load(ordering: .relaxed)
        if known > 0, known >= least.subtracting(orMin: Self.toleranceNs), known <= most.adding(orMax: Self.toleranceNs)
        {
            return known
        }
        guard after.subtracting(orMin: before) < Self.toleranceNs else { return nil }
        self.known.store(least, ordering: .relaxed)
        return least
    }
}
