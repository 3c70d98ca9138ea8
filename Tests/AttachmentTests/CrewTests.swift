// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

import Kernel
import Testing

@testable import Attachment

/// What becomes of the work that processes are to do.
struct CrewTests {
    /// Runs `body` in a process for each of so many groups, which do not matter to it.
    private func run(
        _ count: Int,
        _ body: (_ process: Int32) -> Mending.Report
    ) throws -> (crew: Crew, report: Mending.Report) {
        let place = try #require(MountSurvey.Namespace.Place.own)
        let groups: [Crew.Group] = (1...count).map { number in
            [(namespace: MountSurvey.Namespace(place: place, pids: [Int32(number)], mounts: []), mounts: [])]
        }
        var crew = Crew(closing: -1) { _ in }
        var report = Mending.Report()
        crew.run(groups, &report) { group, _ in body(group.first?.namespace.pids.first ?? 0) }
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
}
