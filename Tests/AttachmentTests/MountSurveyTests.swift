// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

import Glibc
import Kernel
import Samples
import Testing

@testable import Attachment

/// What of ours is found in a mountinfo.
struct MountSurveyTests {
    private func mounts(_ text: String) -> [MountInfo] { MountInfo.parse(Array(text.utf8).span) }

    private let text = """
        100 90 0:60 / /proc rw - proc proc rw
        101 100 0:53 /proc/meminfo /proc/meminfo ro - fuse.umwelt /var/lib/umwelt ro
        102 100 0:53 /containers/a/proc/stat /proc/stat ro shared:7 - fuse.umwelt /var/lib/umwelt ro
        103 102 0:54 /proc/stat /proc/stat ro - fuse.umwelt /var/lib/umwelt ro
        104 100 0:55 /proc/uptime /proc/uptime ro - fuse.umwelt /run/other ro
        105 100 0:56 /proc/loadavg /proc/loadavg ro - fuse.lxcfs lxcfs ro
        106 101 0:57 / /proc/meminfo rw - tmpfs tmpfs rw

        """

    @Test func onlyOursAreFound() {
        let ours = mounts(text).ours(of: "/var/lib/umwelt")
        #expect(ours.map(\.id) == [101, 102, 103])
        #expect(ours.map(\.peerGroup) == [0, 7, 0])
    }

    @Test func whatHasNoneIsNotParsed() {
        #expect(MountSurvey.hasOurs(Array(text.utf8)))
        #expect(!MountSurvey.hasOurs(Array(text.replacing("fuse.umwelt", with: "fuse.umwelts").utf8)))
        #expect(!MountSurvey.hasOurs(Array("- fuse.umwel".utf8)) && !MountSurvey.hasOurs([]))
    }

    @Test func ofSeveralMountsAPathLeadsToTheLast() {
        let topmost = mounts(text).topmost
        #expect(topmost.map(\.id) == [100, 103, 104, 105, 106])
        #expect(topmost.ours(of: "/var/lib/umwelt").map(\.id) == [103])
    }

    /// A new proc over the old one hides what is mounted in that, and what is mounted in the new one is not.
    @Test func whatIsBelowAnotherMountIsHidden() {
        let text =
            text + """
                110 100 0:70 / /proc rw - proc proc rw
                111 110 0:53 /proc/stat /proc/stat ro - fuse.umwelt /var/lib/umwelt ro
                112 90 0:71 / /proc2 rw - proc proc rw
                113 112 0:53 /proc/stat /proc2/stat ro - fuse.umwelt /var/lib/umwelt ro

                """
        let mounts = mounts(text)
        #expect(mounts.reachable.map(\.id) == [100, 110, 111, 112, 113])
        #expect(mounts.topmost.map(\.id) == [110, 111, 112, 113])
        // A mount that is its own parent is no reason to look for ever.
        #expect(self.mounts("1 1 0:1 / / rw - rootfs rootfs rw\n").topmost.count == 1)
    }

    /// A container may stack as many mounts as the kernel allows (mount-max); one that is hidden hides all on it.
    @Test func deepStacksAreNoDeepRecursion() {
        var text = "1 1 0:1 / / rw - rootfs rootfs rw\n2 1 0:2 / /x/y rw - tmpfs t rw\n3 1 0:3 / /x rw - tmpfs t rw\n"
        for id in 4..<100_000 { text += "\(id) \(id == 4 ? 2 : id - 1) 0:4 / /x/y rw - tmpfs t rw\n" }
        // The deepest first, whose way up is the longest.
        let reachable = mounts(text).reversed().reachable
        #expect(Set(reachable.map(\.id)) == [1, 3])
    }

    /// Somebody's paths can be as long as he likes: what they cost grows with their text, not with the square of it.
    @Test func longPathsAreNoWork() {
        let path = String(repeating: "/a", count: 2000)
        var text = "1 1 0:1 / / rw - rootfs rootfs rw\n"
        for id in 2..<100 { text += "\(id) \(id - 1) 0:4 / \(path) rw - fuse.umwelt /var/lib/umwelt rw\n" }
        text += "100 1 0:5 / /b rw - tmpfs t rw\n101 1 0:4 / /b/a rw - fuse.umwelt /var/lib/umwelt rw\n"
        let mounts = mounts(text)
        let began = Clock.monotonic
        #expect(mounts.topmost.map(\.id) == [1, 99, 100])
        #expect(mounts.reachable.count == 100)
        let took = (Clock.monotonic - began) / 1_000_000
        #expect(took < 10_000, "\(took) ms")
    }

    /// Processes in a directory like /proc: in one namespace by two roots, with none of ours, and with more than a glance shows.
    @Test func whatHasNoneIsNotLookedAt() throws {
        let proc = Path("/tmp/umw-survey-\(UInt32.random(in: 0...UInt32.max))")
        defer { try? FileTree.removeAll(proc) }
        let none = text.replacing("fuse.umwelt", with: "fuse.other")
        let long = String(repeating: none, count: MountSurvey.glanceLimit / none.utf8.count + 1)
        for (pid, text) in [(1, text), (2, text), (3, none), (4, long)] {
            let directory = proc.appending(Path("\(pid)"))
            try Directories.make(directory.appending("ns"))
            try Directories.make(directory.appending("root"))
            try FileTree.write(Array(text.utf8), to: directory.appending("mountinfo"))
            if pid == 2 {
                // One file: one namespace.
                #expect(link("\(proc)/1/ns/mnt", "\(directory)/ns/mnt") == 0)
            } else {
                try FileTree.write([], to: directory.appending("ns/mnt"))
            }
        }
        let rounds = MountSurvey.places(proc: proc)
        #expect(rounds.map { $0.map(\.pids) } == [[[1], [3], [4]], [[2]]])
        let first = try #require(rounds.first)
        let found = MountSurvey.withOurs(first, proc: proc)
        #expect(found.map(\.pids) == [[1], [4]])
        #expect(found.map { MountSurvey.look(at: $0, proc: proc).mounts.ours(of: "/var/lib/umwelt").count } == [3, 0])
    }

    /// What a container has mounted itself stays where it is when ours below it goes.
    @Test func whatIsMountedOnOursIsFound() {
        let mounts = mounts(text)
        let others = mounts.without(mounts.ours(of: "/var/lib/umwelt"))
        #expect(others.mapValues { $0.map(\.id) } == [90: [100], 100: [104, 105], 101: [106]])
    }

    @Test func pathsOfDeadFilesAreTheirNames() {
        #expect(Mending.alive(Array("/proc/meminfo//deleted".utf8)) == Array("/proc/meminfo".utf8))
        #expect(Mending.alive(Array("/proc/meminfo".utf8)) == Array("/proc/meminfo".utf8))
        #expect(Mending.withoutContainer(Array("/containers/a/proc/meminfo".utf8)) == Array("/proc/meminfo".utf8))
        #expect(Mending.withoutContainer(Array("/proc/meminfo".utf8)) == nil)
        #expect(Mending.withoutContainer(Array("/containers/a".utf8)) == nil)
    }
}
