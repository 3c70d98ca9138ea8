// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

import Testing

@testable import ProcFS

/// What btime is made of: a clock less another, which cannot be read at once.
@Suite struct BootEpochTests {
    private let second: UInt64 = 1_000_000_000
    private let millisecond: UInt64 = 1_000_000

    @Test func losingTheCPUBetweenTwoReadingsMovesNothing() throws {
        let epoch = BootEpoch()
        // The machine started at 1000 s; a container of it that began with it has the end of a second as its btime.
        #expect(epoch.epoch(before: 5 * second, real: 1005 * second, after: 5 * second) == 1000 * second)
        for lost in [0, 1, millisecond / 2, 10 * millisecond, 20 * second] {
            // Before the real-time clock was read, and after.
            let late = epoch.epoch(before: 6 * second, real: 1006 * second + lost, after: 6 * second + lost)
            #expect(late == 1000 * second)
            #expect(epoch.epoch(before: 6 * second, real: 1006 * second, after: 6 * second + lost) == 1000 * second)
        }
    }

    @Test func itIsNotBelievedTheFirstTimeEither() throws {
        let epoch = BootEpoch()
        #expect(epoch.epoch(before: 5 * second, real: 1005 * second, after: 5 * second + 10 * millisecond) == nil)
        #expect(epoch.epoch(before: 5 * second, real: 1005 * second, after: 5 * second + 100) == 1000 * second - 100)
        #expect(epoch.epoch(before: 6 * second, real: 1006 * second, after: 6 * second) == 1000 * second - 100)
    }

    @Test func settingTheClockMovesIt() throws {
        let epoch = BootEpoch()
        _ = epoch.epoch(before: 5 * second, real: 1005 * second, after: 5 * second)
        #expect(epoch.epoch(before: 6 * second, real: 2006 * second, after: 6 * second) == 2000 * second)
        #expect(epoch.epoch(before: 7 * second, real: 7 * second, after: 7 * second) == 0)
        // Before the machine's own start, as far as the clock says.
        #expect(epoch.epoch(before: 8 * second, real: second, after: 8 * second) == 0)
    }

    @Test func theContainersBeginningIsAddedToIt() throws {
        let container = Container(key: 1, id: [], origin: .discovered)
        func begin(_ start: Identity.Start) -> UInt64 {
            container.state.withLock { $0.start = start }
            return container.bootTime(1000 * second + second / 2)
        }
        #expect(begin(Identity.Start(bootNs: 0)) == 1000)
        #expect(begin(Identity.Start(bootNs: 5 * second + second / 2)) == 1006)
        // A time namespace says that the machine has run for a minute longer, or for less.
        #expect(begin(Identity.Start(bootNs: 5 * second, clockOffsetNs: 60_000_000_000)) == 940)
        #expect(begin(Identity.Start(bootNs: 5 * second, clockOffsetNs: -5_000_000_000)) == 1005)
    }
}
