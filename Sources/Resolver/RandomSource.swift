// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

/// Where ids, the case of letters and the first server come from: 64 bits at a time.
///
/// A value with a closure, and no generic parameter: a helper that lives for a millisecond would pay for each type
/// that the runtime has to put together.
package struct RandomSource: Sendable {
    private let bits: @Sendable () -> UInt64

    package init(_ bits: @escaping @Sendable () -> UInt64) { self.bits = bits }

    func next() -> UInt64 { bits() }

    /// Less than `bound`, which is small; 0 for 0.
    func next(below bound: Int) -> Int {
        bound > 0 ? Int(truncatingIfNeeded: (bits() >> 16) % UInt64(truncatingIfNeeded: bound)) : 0
    }
}
