// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

import Testing

@testable import FuseServer

/// What counts as one busy reader, by a clock of the tests.
struct StreakTests {
    /// Phases of requests by these readers, a microsecond after each other.
    private func phases(_ streak: Streak, _ readers: [UInt32], from start: UInt64 = 10_000_000) -> [Streak.Phase] {
        readers.enumerated().map { streak.note($1, at: start + UInt64($0) * 1000) }
    }

    private func isLong(_ phase: Streak.Phase?) -> Bool { if case .long = phase { true } else { false } }

    @Test func aLoneReaderHasAStreakAfterSixteen() {
        let phases = phases(Streak(), [UInt32](repeating: 7, count: 20))
        #expect(phases.first == .broken)
        #expect(phases[1...15].allSatisfy { $0 == .short })
        #expect(phases[16...] == [.long(16), .long(17), .long(18), .long(19)])
    }

    @Test func aPauseEndsIt() {
        let streak = Streak()
        #expect(isLong(phases(streak, [UInt32](repeating: 7, count: 20)).last))
        #expect(streak.note(7, at: 10_000_000 + 19_000 + Streak.pauseNs) == .broken)
        // What was a pause asks for no longer one.
        #expect(isLong(phases(streak, [UInt32](repeating: 7, count: 17), from: 12_000_000).last))
    }

    @Test func whoIsNotKnownIsNoBreak() {
        let streak = Streak()
        let phases = phases(streak, (0..<40).map { $0 % 2 == 0 ? 7 : 0 })
        #expect(phases.filter { $0 == .unknown }.count == 20)
        #expect(isLong(phases[38]))
    }

    @Test func aClockThatStandsOrGoesBackIsNoPause() {
        let streak = Streak()
        for now: UInt64 in [5_000_000_000, 5_000_000_000, 4_000_000_000, 0] { _ = streak.note(7, at: now) }
        #expect(streak.note(7, at: 999_999) == .short)
    }

    /// Two busy readers, of whom each has a turn of some requests at times: no turn is a streak after a while.
    @Test func turnsOfTwoAreNoStreak() {
        let streak = Streak()
        let turns = (0..<400).flatMap { [UInt32](repeating: UInt32($0 % 2 + 1), count: 40) }
        let phases = phases(streak, turns)
        #expect(isLong(phases[30]))
        #expect(!phases.suffix(40 * 390).contains { isLong($0) })
        // One of them ends: the other is a lone reader before long, and is again at once after another one's single request.
        #expect(isLong(self.phases(streak, [UInt32](repeating: 1, count: 5000), from: 1_000_000_000).last))
        #expect(streak.note(2, at: 1_005_000_000) == .broken)
        #expect(isLong(self.phases(streak, [UInt32](repeating: 1, count: 70), from: 1_005_001_000).last))
    }

    /// One that reads all the time, and another a file now and then: the former has long streaks all the same.
    @Test func aVisitorEndsNoStreakForLong() {
        let streak = Streak()
        let readers = (0..<50).flatMap { _ in [UInt32](repeating: 7, count: 1000) + [9, 9, 9] }
        let phases = phases(streak, readers)
        #expect(phases.filter { isLong($0) }.count > phases.count * 9 / 10)
    }
}
