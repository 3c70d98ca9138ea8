// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

/// Tells when requests wait and nothing is answered for so long that no further worker will change it.
///
/// It counts looks, as `HealthWatch` does.
package struct Unanswered: Equatable, Sendable {
    /// 30 seconds: longer than the most patient `HealthWatch` gives three workers.
    package static let patience = 120

    private var looks = 0
    private var answered: UInt64 = 0

    package init() {}

    /// Takes in a look: `progress` of the worker that is there (`HealthWatch.Look`), nothing where none is; true when it has
    /// been too long.
    package mutating func isTooLong(isWaiting: Bool, progress: [UInt64]) -> Bool {
        // Of a worker that has just begun: 0, which is no sign of an answer.
        let now = progress.reduce(0) { $0 &+ $1 >> 1 }
        looks = isWaiting && (now == answered || now == 0) ? looks + 1 : 0
        answered = now
        return looks >= Self.patience
    }
}
