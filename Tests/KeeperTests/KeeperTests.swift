// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

import Keeper
import Testing

struct RestartPolicyTests {
    @Test func workersThatServedAreFollowedAtOnce() {
        var policy = RestartPolicy()
        let pauses = (0..<1000).map { _ in policy.workerEnded(hadServed: true) }
        #expect(pauses.allSatisfy { $0 == 0 })
    }

    @Test func workersThatNeverServeAreFollowedLaterAndLater() {
        var policy = RestartPolicy()
        let pauses = (0..<12).map { _ in policy.workerEnded(hadServed: false) }
        #expect(pauses == [0, 10, 20, 40, 80, 160, 320, 640, 1280, 2000, 2000, 2000])
        let later = (0..<10_000).map { _ in policy.workerEnded(hadServed: false) }
        #expect(later.allSatisfy { $0 == 2000 })
        let afterService = [policy.workerEnded(hadServed: true), policy.workerEnded(hadServed: false)]
        #expect(afterService == [0, 0])
    }
}

struct HealthWatchTests {
    private func look(_ progress: [UInt64], heart: UInt64, hasWaiting: Bool = false) -> HealthWatch.Look {
        HealthWatch.Look(progress: progress, heart: heart, hasWaiting: hasWaiting)
    }

    @Test func idleAndBusyWorkersAreFine() {
        var watch = HealthWatch()
        // One thread idle for ever (even), one with another request each time; the heart beats once in four looks.
        let verdicts = (0..<1000 as Range<UInt64>).map { index in
            watch.hangs(look([4, 2 * index + 1], heart: index / 4, hasWaiting: true))
        }
        #expect(verdicts.allSatisfy { !$0 })
    }

    @Test func oneRequestTooLongIsAHang() {
        var watch = HealthWatch()
        var verdicts: [Bool] = []
        for index in 0..<6 as Range<UInt64> { verdicts.append(watch.hangs(look([7, index], heart: index))) }
        // The first look has nothing to compare with.
        #expect(verdicts == [false, false, false, false, true, true])
    }

    @Test func requestsThatNobodyTakesAreAHang() {
        var watch = HealthWatch()
        let verdicts = (0..<5 as Range<UInt64>).map { watch.hangs(look([2, 2], heart: $0, hasWaiting: true)) }
        #expect(verdicts.last == true)
        #expect(verdicts.dropLast(2).allSatisfy { !$0 })
    }

    @Test func silentSocketIsAHang() {
        var watch = HealthWatch()
        var count = 0
        while !watch.hangs(look([2], heart: 9)), count < 1000 { count += 1 }
        #expect(count == HealthWatch.socketPatience)
    }

    @Test func everyReplacementMakesItMorePatient() {
        var watch = HealthWatch()
        func looks() -> Int {
            var copy = watch
            var count: UInt64 = 0
            while !copy.hangs(look([7], heart: count)), count < 1000 { count += 1 }
            return Int(count)
        }
        #expect(looks() == 4)
        watch.workerStarted(afterHang: true)
        #expect(looks() == 8)
        for _ in 0..<10 { watch.workerStarted(afterHang: true) }
        #expect(looks() == 32)
        watch.workerStarted(afterHang: false)
        #expect(looks() == 32)
        for _ in 0..<5 { watch.relax() }
        #expect(looks() == 4)
    }
}

struct SuspectsTests {
    @Test func requestInHandAtThreeFailuresIsRefused() {
        var suspects = Suspects()
        suspects.workerFailed(with: [7, 9])
        suspects.workerFailed(with: [7, 11])
        #expect(suspects.refused.isEmpty)
        suspects.workerFailed(with: [7])
        #expect(suspects.refused == [7])
        // And stays so while others crash.
        suspects.workerFailed(with: [8])
        #expect(suspects.refused == [7])
    }

    @Test func requestThatWasAnsweredMeanwhileIsNot() {
        var suspects = Suspects()
        for round in 0..<100 as Range<UInt64> {
            suspects.workerFailed(with: [7, 1000 + round])
            suspects.workerFailed(with: [])
        }
        #expect(suspects.refused.isEmpty)
    }

    @Test func isBounded() {
        var suspects = Suspects()
        for round in 0..<100 as Range<UInt64> {
            for _ in 0..<3 { suspects.workerFailed(with: (0..<100).map { $0 + round * 100 }) }
        }
        #expect(suspects.refused.count <= 512)
    }
}

struct UnansweredTests {
    private func looks(_ body: (Int) -> (isWaiting: Bool, progress: [UInt64])) -> Int? {
        var unanswered = Unanswered()
        return (1...1000).first { index in
            let look = body(index)
            return unanswered.isTooLong(isWaiting: look.isWaiting, progress: look.progress)
        }
    }

    @Test func nothingAnsweredWhileRequestsWait() {
        // One in hand, the other thread idle; and nobody there.
        #expect(looks { _ in (true, [7, 4]) } == Unanswered.patience + 1)
        #expect(looks { _ in (true, []) } == Unanswered.patience)
    }

    @Test func workersThatBeginAreNoAnswer() {
        // Each takes what waits, and is replaced.
        #expect(looks { index in (true, index % 9 < 4 ? [] : [1, 0]) } == Unanswered.patience)
    }

    @Test func whoAnswersOrHasNothingToAnswerIsFine() {
        #expect(looks { _ in (false, [4, 4]) } == nil)
        #expect(looks { _ in (false, []) } == nil)
        // One thread hangs for ever, the other goes on.
        #expect(looks { index in (true, [1, 2 * UInt64(index)]) } == nil)
        // An answer once in a while.
        #expect(looks { index in (true, [1, 2 * UInt64(index / 100)]) } == nil)
    }
}
