// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

import Kernel
import Testing

@testable import FuseServer

/// Which of two loop threads, 0 and 1, may wait for requests: 0 takes those that are noted here.
struct AttendanceTests {
    /// A thread that waits to be wanted.
    private final class Waiter: Sendable {
        private let event: Fd

        init(_ attendance: Attendance, _ number: Int) throws(Errno) {
            event = try Fd.event()
            _ = try Thread(name: "waiter") {
                attendance.wait(thread: number)
                self.event.signal()
            }
        }

        func returned(milliseconds: Int32) -> Bool { (try? event.waitReadable(milliseconds: milliseconds)) == true }
    }

    @Test func oneServesALoneReader() throws {
        let attendance = try Attendance()
        note([UInt32](repeating: 7, count: 100), attendance)
        let other = try Waiter(attendance, 1)
        #expect(try Waiter(attendance, 0).returned(milliseconds: 5000))
        #expect(!other.returned(milliseconds: 20))
        attendance.end()
        #expect(other.returned(milliseconds: 5000))
    }

    @Test func aSecondReaderCallsTheOthersBack() throws {
        let attendance = try Attendance()
        note([UInt32](repeating: 7, count: 100), attendance)
        let other = try Waiter(attendance, 1)
        #expect(!other.returned(milliseconds: 20))
        attendance.note(.broken, thread: 0)
        #expect(other.returned(milliseconds: 5000))
        #expect(try Waiter(attendance, 1).returned(milliseconds: 5000))
    }

    @Test func whoIsNotKnownChangesNothing() throws {
        let attendance = try Attendance()
        note([UInt32](repeating: 7, count: 100) + [0], attendance)
        let other = try Waiter(attendance, 1)
        #expect(!other.returned(milliseconds: 20))
        attendance.end()
        #expect(other.returned(milliseconds: 5000))
    }

    @Test func turnsWantEverybody() throws {
        let attendance = try Attendance()
        note((0..<1000).map { $0 % 2 + 1 }, attendance)
        #expect(try Waiter(attendance, 1).returned(milliseconds: 5000))
    }

    @Test func nobodySitsOutAfterTheEnd() throws {
        let attendance = try Attendance()
        attendance.end()
        note([UInt32](repeating: 7, count: 100), attendance)
        #expect(try Waiter(attendance, 1).returned(milliseconds: 5000))
    }

    private func note(_ readers: [UInt32], _ attendance: Attendance) {
        let streak = Streak()
        for reader in readers { attendance.note(streak.note(reader, at: Clock.monotonic), thread: 0) }
    }
}
