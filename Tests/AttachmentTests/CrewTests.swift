// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

import Kernel
import Testing

@testable import Attachment

/// What becomes of the work that processes are to do.
struct CrewTests {
    /// Runs `body` in a process for each of so many places, which do not matter to it.
    private func run(
        _ count: Int,
        _ body: (_ process: Int32) -> Mending.Report
    ) throws -> (crew: Crew, report: Mending.Report) {
        let place = try #require(MountSurvey.Namespace.Place.own)
        let places: MountSurvey.Places = (1...count).map { (place, [Int32($0)]) }
        var crew = Crew(closing: -1) { _ in }
        var report = Mending.Report()
        crew.run(places, &report) {
            (.init(place: $0.place, pids: $0.pids, mounts: []), [])
        } body: { work, _ in
            body(work.namespace.pids.first ?? 0)
        }
        return (crew, report)
    }

    /// One is killed each time, as the kernel does it where memory is short; the others are not told by that.
    @Test func whoDiedIsNotDone() throws {
        let (crew, report) = try run(3) { process in
            if process == 2 { try? ProcessID.kill(ProcessID.own, 9) }
            var report = Mending.Report()
            report.files = 10
            return report
        }
        #expect(report.files == 20)
        #expect(report.left == 1)
        #expect(crew.givenUp == ["2: its process ended early"])
    }

    /// A line of it would be taken for the process's own.
    @Test func whatAContainerNamedIsNoLine() throws {
        let (_, report) = try run(1) { _ in
            var report = Mending.Report()
            report.add(failure: "1 /a b\n= 9\u{1B}[m\u{9B}: \u{e9}")
            return report
        }
        #expect(report.files == 0)
        #expect(report.failures == [#"1 /a b\n= 9\u{1B}[m\u{009B}: "# + "\u{e9}"])
    }

    /// Who has nothing of ours is no container in which something was done; one that cannot be looked at is named.
    @Test func whatIsFoundIsTold() throws {
        let place = try #require(MountSurvey.Namespace.Place.own)
        var others = place
        others.inode = 1
        let places: MountSurvey.Places = [(place, [1]), (others, [2])]
        var crew = Crew(closing: -1) { _ in }
        var report = Mending.Report()
        crew.run(places, &report) { place in
            place.pids == [1] ? (.init(place: place.place, pids: place.pids, mounts: []), []) : nil
        } body: { _, _ in
            Mending.Report()
        }
        #expect(report.places == [place] && report.left == 0)
        report = Mending.Report()
        crew.run([(others, [2])], &report) { _ in
            try? ProcessID.kill(ProcessID.own, 9)
            return nil
        } body: { _, _ in
            Mending.Report()
        }
        #expect(report.places.isEmpty)
        #expect(report.lines("took away").first?.hasSuffix("; 1 containers are left") == true)
    }
}
