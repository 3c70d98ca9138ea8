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

    /// Serves requests from these threads on a thread of its own.
    private func serve(
        _ readers: [UInt32],
        isEnabled: Bool = true,
        pauseMicroseconds: UInt32 = 0,
        cpuOf: @escaping @Sendable (Int32) -> Int?
    ) throws -> Seen {
        let box = Box()
        let placement = try Placement(isEnabled: isEnabled, cpuOf: cpuOf)
        let thread = try Thread(name: "loop") {
            var place = placement.makeThread()
            for reader in readers {
                place.serve(reader, at: Clock.monotonic)
                box.note()
                if pauseMicroseconds > 0 { usleep(pauseMicroseconds) }
            }
        }
        thread.join()
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

    @Test func followsALoneReader() throws {
        let seen = try serve([UInt32](repeating: 7, count: 2000)) { _ in Self.home }
        #expect(seen.wasAlone)
        #expect(seen.wasIdle)
    }

    @Test func aSecondReaderFreesIt() throws {
        let seen = try serve([UInt32](repeating: 7, count: 2000) + [8]) { _ in Self.home }
        #expect(seen.wasAlone)
        #expect(!seen.isAlone)
        #expect(!seen.isIdle)
    }

    @Test func turnsAreNoStreak() throws {
        let seen = try serve((0..<2000).map { UInt32($0 % 2 + 1) }) { _ in Self.home }
        #expect(!seen.wasAlone)
    }

    @Test func aSlowReaderIsLeftAlone() throws {
        let seen = try serve([UInt32](repeating: 7, count: 60), pauseMicroseconds: 2000) { _ in Self.home }
        #expect(!seen.wasAlone)
    }

    @Test func aReaderThatIsGoneIsNotFollowed() throws {
        #expect(try !serve([UInt32](repeating: 7, count: 2000)) { _ in nil }.wasAlone)
        // A CPU that is not ours.
        #expect(try !serve([UInt32](repeating: 7, count: 2000)) { _ in 8191 }.wasAlone)
        #expect(try !serve([UInt32](repeating: 7, count: 2000)) { _ in -1 }.wasAlone)
    }

    /// A thread that hears nothing more is given back without a request: while it is placed, others may leave it no time.
    @Test func theWatchFreesItWithoutARequest() throws {
        let box = Box()
        let placement = try Placement(isEnabled: true) { _ in Self.home }
        let watch = try Thread(name: "watch") { placement.watch() }
        let thread = try Thread(name: "loop") {
            var place = placement.makeThread()
            // Until it is placed, and then silence.
            for _ in 0..<500_000 where !box.value.isIdle {
                place.serve(7, at: Clock.monotonic)
                box.note()
            }
            usleep(100_000)
            box.note()
        }
        thread.join()
        placement.endWatch()
        watch.join()
        #expect(box.value.wasAlone)
        #expect(!box.value.isAlone)
        #expect(!box.value.isIdle)
    }

    private static func request(_ reader: UInt32) -> [UInt8] {
        little(UInt32(40)) + little(UInt32(17)) + little(UInt64(2)) + [UInt8](repeating: 0, count: 16) + little(reader)
            + little(UInt32(0))
    }

    @Test func disabledStaysWhereItIs() throws {
        let seen = try serve([UInt32](repeating: 7, count: 2000), isEnabled: false) { _ in Self.home }
        #expect(!seen.wasAlone)
    }

    @Test func whoCannotBeSeenIsNotFollowed() throws {
        #expect(try !serve([UInt32](repeating: 0, count: 2000)) { _ in Self.home }.wasAlone)
    }
}
