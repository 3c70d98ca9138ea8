// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

/// Finds the request that ends every worker that takes it, or that each of them hangs on.
///
/// The kernel sends what a worker had taken to the next one. A request that runs into a bug would so end one worker after
/// the other, and with them everybody's files; after three it is to be refused.
package struct Suspects: Equatable, Sendable {
    /// Crashes and hangs with a request in hand until it is refused.
    private static let limit = 3
    /// More than any worker has in hand (`RequestArea`: 64 threads, five slots each).
    private static let capacity = 512

    private var counts: [UInt64: Int] = [:]

    package init() {}

    /// Notes the requests (without the bit of resent ones) that a worker had in hand when it crashed or hung.
    ///
    /// A worker that was killed or stopped from outside failed of nothing it had in hand.
    package mutating func workerFailed(with requests: [UInt64]) {
        var next: [UInt64: Int] = [:]
        for request in requests.prefix(Self.capacity) { next[request] = (counts[request] ?? 0) + 1 }
        for (request, count) in counts where count >= Self.limit && next.count < Self.capacity { next[request] = count }
        counts = next
    }

    /// What the next worker is to answer with EIO.
    package var refused: [UInt64] { counts.filter { $0.value >= Self.limit }.keys.sorted() }
}
