// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

import FuseWire
import Glibc
import Kernel
import Synchronization
import Testing

@testable import FuseServer

/// Where a loop thread goes, by who asks: `cpuOf` is the test's.
@Suite(.serialized, .enabled(if: ((try? Affinity.current().count) ?? 1) > 1, "needs two CPUs"))
struct PlacementTests {
    /// What a loop thread did for a series of requests.
    private struct Seen: Sendable {
        var wasAlone = false
        var wasIdle = false
        /// At the end.
        var isAlone = false
        var isIdle = false
    }

    /// Serves requests from these threads on a thread of its own, and then a pause, with the watch beside it.
    private func serve(
        _ readers: some Sequence<UInt32> & Sendable,
        isEnabled: Bool = true,
        pauseMicroseconds: UInt32 = 0,
        cpuOf: @escaping @Sendable (Int32) -> Int?
    ) throws -> Seen {
        let box = Box()
        let placement = try Placement(isEnabled: isEnabled, cpuOf: cpuOf)
        let watch = try Thread(name: "watch") { placement.watch() }
        let thread = try Thread(name: "loop") {
            placement.register()
            for reader in readers {
                placement.note(reader, at: Clock.monotonic)
                box.note()
                if pauseMicroseconds > 0 { usleep(pauseMicroseconds) }
            }
        }
        thread.join()
        placement.endWatch()
        watch.join()
        return box.value
    }

    private final class Box: Sendable {
        private let seen = Mutex(Seen())

        func note() {
            let isAlone = (try? Affinity.current().count) == 1
            let isIdle = sched_getscheduler(0) == 5  // SCHED_IDLE
            seen.withLock { seen in
                seen.wasAlone = seen.wasAlone || isAlone
                seen.wasIdle = seen.wasIdle || isIdle
                (seen.isAlone, seen.isIdle) = (isAlone, isIdle)
            }
        }

        var value: Seen { seen.withLock { $0 } }
    }

    private static let home = (0..<64).first { (try? Affinity.current())?.contains(cpu: $0) == true } ?? 0

    /// Has one reader ask until the loop thread is placed, and then does `next` on it.
    ///
    /// Where others want every CPU, a thread that is placed gets no time to see it, and is freed: then all begins anew.
    private func whenPlaced(_ next: @escaping @Sendable (Placement, Box) -> Void) throws -> Seen {
        for _ in 0..<100 {
            let box = Box()
            let placement = try Placement(isEnabled: true) { _ in Self.home }
            let watch = try Thread(name: "watch") { placement.watch() }
            let thread = try Thread(name: "loop") {
                placement.register()
                for _ in 0..<100_000 {
                    placement.note(7, at: Clock.monotonic)
                    box.note()
                    if box.value.isAlone, box.value.isIdle { return next(placement, box) }
                }
            }
            thread.join()
            placement.endWatch()
            watch.join()
            if box.value.wasAlone, box.value.wasIdle { return box.value }
        }
        return Seen()
    }

    @Test func followsALoneReader() throws {
        let seen = try whenPlaced { _, _ in }
        #expect(seen.isAlone && seen.isIdle)
    }

    @Test func aSecondReaderFreesIt() throws {
        let seen = try whenPlaced { placement, box in
            for index in UInt32(0)..<2_000_000 where box.value.isIdle || box.value.isAlone {
                placement.note(index % 2 + 1, at: Clock.monotonic)
                box.note()
            }
        }
        #expect(seen.wasAlone && seen.wasIdle)
        #expect(!seen.isAlone)
        #expect(!seen.isIdle)
    }

    @Test func turnsAreNoStreak() throws {
        let seen = try serve((0..<20000).map { UInt32($0 % 2 + 1) }) { _ in Self.home }
        #expect(!seen.wasAlone)
    }

    @Test func aSlowReaderIsLeftAlone() throws {
        let seen = try serve([UInt32](repeating: 7, count: 60), pauseMicroseconds: 2000) { _ in Self.home }
        #expect(!seen.wasAlone)
    }

    @Test func aReaderThatIsGoneIsNotFollowed() throws {
        #expect(try !serve([UInt32](repeating: 7, count: 20000)) { _ in nil }.wasAlone)
        // A CPU that is not ours.
        #expect(try !serve([UInt32](repeating: 7, count: 20000)) { _ in 8191 }.wasAlone)
        #expect(try !serve([UInt32](repeating: 7, count: 20000)) { _ in -1 }.wasAlone)
    }

    /// A thread that hears nothing more is given back without a request: while it is placed, others may leave it no time.
    @Test func theWatchFreesItWithoutARequest() throws {
        let seen = try whenPlaced { _, box in
            usleep(100_000)
            box.note()
        }
        #expect(seen.wasAlone)
        #expect(!seen.isAlone)
        #expect(!seen.isIdle)
    }

    private static func request(_ reader: UInt32) -> [UInt8] {
        little(UInt32(40)) + little(UInt32(17)) + little(UInt64(2)) + [UInt8](repeating: 0, count: 16) + little(reader)
            + little(UInt32(0))
    }

    @Test func disabledStaysWhereItIs() throws {
        let seen = try serve([UInt32](repeating: 7, count: 20000), isEnabled: false) { _ in Self.home }
        #expect(!seen.wasAlone)
    }

    @Test func whoCannotBeSeenIsNotFollowed() throws {
        #expect(try !serve([UInt32](repeating: 0, count: 20000)) { _ in Self.home }.wasAlone)
    }
}
