// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

import Synchronization

/// Whether the requests of late come in quick succession from one thread.
///
/// Where two are busy, each has the connection for itself at times, while the other waits for a CPU. What is done for a lone
/// reader is then done in vain, and costs what it takes to undo it. So after each streak that another busy reader ended a
/// longer one is asked for, until one has lasted.
final class Streak: Sendable {
    /// What a request is to a streak.
    enum Phase: Equatable {
        /// Whose it is, is not known (RELEASE tells of nobody).
        case unknown
        /// Of another thread than the last one, or after a pause.
        case broken
        /// Of the same thread, but there were few as yet.
        case short
        /// So many requests of one thread so far.
        case long(UInt32)
    }

    /// Requests in a row that count.
    static let leastLength: UInt32 = 16
    static let greatestLength: UInt32 = 1024
    /// A pause that ends a streak.
    static let pauseNs: UInt64 = 1_000_000

    private let reader = Atomic<UInt32>(0)
    private let length = Atomic<UInt32>(0)
    private let wanted = Atomic<UInt32>(leastLength)
    private let last = Atomic<UInt64>(0)

    /// Whether more than one reader is busy, as far as is known.
    var isContended: Bool { wanted.load(ordering: .relaxed) > Self.leastLength }

    /// When the last request came whose sender is known, by the monotonic clock in nanoseconds.
    var lastNs: UInt64 { last.load(ordering: .relaxed) }

    /// Tells that thread `reader` has asked, `now` by the monotonic clock; 0 is one that is not known.
    ///
    /// By several threads at once a streak may be counted wrong, by a few.
    func note(_ reader: UInt32, at now: UInt64) -> Phase {
        guard reader != 0 else { return .unknown }
        let before = last.exchange(now, ordering: .relaxed)
        let isPause = now > before && now - before >= Self.pauseNs
        let isSame = self.reader.exchange(reader, ordering: .relaxed) == reader
        let wanted = wanted.load(ordering: .relaxed)
        guard isSame, !isPause else {
            length.store(0, ordering: .relaxed)
            self.wanted.store(isPause ? Self.leastLength : min(2 * wanted, Self.greatestLength), ordering: .relaxed)
            return .broken
        }
        let length = length.wrappingAdd(1, ordering: .relaxed).newValue
        guard length >= wanted else { return .short }
        if length >= 4 * wanted { self.wanted.store(Self.leastLength, ordering: .relaxed) }
        return .long(length)
    }
}
