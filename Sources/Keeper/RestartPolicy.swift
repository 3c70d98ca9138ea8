// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

/// When the next worker may start after one has ended.
///
/// A worker that served is followed at once, however often that happens: its readers wait. One that ended before it could
/// serve is followed after a pause, each time a longer one, up to two seconds: it would only end again.
package struct RestartPolicy: Equatable, Sendable {
    /// Milliseconds.
    private static let firstPause: UInt64 = 10
    private static let greatestPause: UInt64 = 2000

    /// Workers in a row that did not come to serve.
    package private(set) var failures: UInt64 = 0

    package init() {}

    /// Notes an end; returns how many milliseconds to wait.
    package mutating func workerEnded(hadServed: Bool) -> UInt64 {
        guard !hadServed else {
            failures = 0
            return 0
        }
        failures = min(failures + 1, 1000)
        guard failures > 1 else { return 0 }
        return min(Self.firstPause << min(failures - 2, 10), Self.greatestPause)
    }
}
