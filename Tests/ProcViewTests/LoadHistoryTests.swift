// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

import Testing

@testable import ProcView
@testable import Samples

@Suite struct LoadHistoryTests {
    private static let second: UInt64 = 1_000_000_000

    private func text(_ load: LoadHistory, running: UInt64 = 1, total: UInt64 = 2, last: UInt64 = 9) -> String {
        LoadAvg.text(load, tasks: TaskCounts(running: running, total: total), lastPID: last).string
    }

    /// What the kernel's calc_load() makes of one busy thread in a minute, tick by tick.
    @Test func oneMinuteOfOneThread() {
        var load = LoadHistory(nowNs: 0, ageNs: 0, cpuTimeNs: 0)
        for tick in 1...12 {
            load.advance(nowNs: UInt64(tick) * 5 * Self.second, active: 1, cpuTimeNs: 0, cpus: 1)
        }
        var expected: UInt64 = 0
        for _ in 0..<12 { expected = (expected * 1884 + 2048 * (2048 - 1884) + 2047) / 2048 }
        #expect(load.load1 == expected)
        #expect(text(load) == "0.63 0.18 0.06 1/2 9\n")
    }

    @Test func nothingWithinATickNorBack() {
        var load = LoadHistory(nowNs: 100 * Self.second, ageNs: 0, cpuTimeNs: 0)
        let before = load
        load.advance(nowNs: 104 * Self.second, active: 5, cpuTimeNs: 0, cpus: 1)
        #expect(load == before)
        load.advance(nowNs: 1, active: 5, cpuTimeNs: 0, cpus: 1)
        #expect(load == before)
        load.advance(nowNs: 105 * Self.second, active: 5, cpuTimeNs: 0, cpus: 1)
        #expect(load.load1 > before.load1)
    }

    /// LXCFS starts at 0.00 when a container is first read, however long that has been busy.
    @Test func lxcfsLoadStartsAtZero() {
        let load = LoadHistory(nowNs: 0, ageNs: 3600 * Self.second, cpuTimeNs: 7200 * Self.second)
        #expect(text(load) == "2.00 2.00 1.96 1/2 9\n")
        let young = LoadHistory(nowNs: 0, ageNs: 60 * Self.second, cpuTimeNs: 60 * Self.second)
        #expect(LoadHistory.hundredths(young.load1) == 63)
    }

    /// LXCFS prints the highest thread id of the host.
    @Test func lxcfsLastThreadOfTheHost() {
        #expect(
            text(LoadHistory(nowNs: 0, ageNs: 0, cpuTimeNs: 0), running: 3, total: 2, last: 17)
                == "0.00 0.00 0.00 2/2 17\n"
        )
    }

    /// Running threads are counted once a second, all of them now: twelve that ran and were killed since are no threads.
    @Test func noMoreRunThanThereAre() {
        let load = LoadHistory(nowNs: 0, ageNs: 0, cpuTimeNs: 0)
        #expect(text(load, running: 12, total: 6) == "0.00 0.00 0.00 6/6 9\n")
        #expect(text(load, running: 2, total: 6) == "0.00 0.00 0.00 2/6 9\n")
    }

    /// A reader that comes once a minute: the ticks between have the CPU time, scaled by the threads that share it.
    @Test func missedTicksGoByCPUTime() {
        var idle = LoadHistory(nowNs: 0, ageNs: 0, cpuTimeNs: 0)
        idle.advance(nowNs: 600 * Self.second, active: 0, cpuTimeNs: 0, cpus: 1)
        #expect(text(idle) == "0.00 0.00 0.00 1/2 9\n")
        // Three threads on one CPU since ten minutes.
        var busy = LoadHistory(nowNs: 0, ageNs: 0, cpuTimeNs: 0)
        busy.advance(nowNs: 600 * Self.second, active: 3, cpuTimeNs: 600 * Self.second, cpus: 1)
        #expect(LoadHistory.hundredths(busy.load1) == 300)
        // Busy for the first half, with nothing running now.
        var past = LoadHistory(nowNs: 0, ageNs: 0, cpuTimeNs: 0)
        past.advance(nowNs: 600 * Self.second, active: 0, cpuTimeNs: 300 * Self.second, cpus: 1)
        #expect((40...50).contains(LoadHistory.hundredths(past.load1)))
    }

    @Test func nothingOverflows() {
        let seed = UInt64.random(in: .min ... .max)
        print("LoadHistoryTests: seed \(seed)")
        var random = SplitMix(seed: seed)
        for _ in 0..<2000 {
            func any() -> UInt64 { MemoryInvariantsTests.size(&random) }
            var load = LoadHistory(nowNs: any(), ageNs: any(), cpuTimeNs: any())
            for _ in 0..<5 {
                load.advance(nowNs: any(), active: any(), cpuTimeNs: any(), cpus: Int(truncatingIfNeeded: any()))
            }
            _ = text(load, running: any(), total: any(), last: any())
        }
    }

    /// Each load stays between the least and the greatest number of active threads there was.
    @Test func loadsAreMeans() {
        var random = SplitMix(seed: 11)
        var load = LoadHistory(nowNs: 0, ageNs: 0, cpuTimeNs: 0)
        for tick in 1...2000 {
            let active = UInt64.random(in: 2...6, using: &random)
            load.advance(nowNs: UInt64(tick) * 5 * Self.second, active: active, cpuTimeNs: 0, cpus: 1)
            #expect(load.load1 <= 6 * 2048)
        }
        #expect(load.load15 >= 2 * 2048)
    }
}
