// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

import Testing

@testable import Samples

@Suite struct CgroupMembershipTests {
    @Test func captured() {
        let text = bytes(Captured.pidCgroup)
        let lines = CgroupMembership.parse(text.span)
        #expect(lines.count == 10)
        #expect(lines.first { $0.has("memory") }.map { string($0.path) } == "/docker/2006f56c24357973701c43f3e592e511")
        #expect(lines.first { $0.has("name=systemd") }.map { string($0.path) } == "/")
        #expect(lines.last?.isUnified == true)
    }

    @Test func controllersMountedTogether() {
        let text = bytes("3:cpu,cpuacct:/a\n")
        let line = CgroupMembership.parse(text.span).first
        #expect(line?.has("cpu") == true)
        #expect(line?.has("cpuacct") == true)
        #expect(line?.has("cpuset") == false)
        #expect(line?.isUnified == false)
    }

    /// mkdir(2) in cgroupfs refuses a newline, and nothing else.
    @Test func pathsHoldEveryLegalByte() {
        let name = (1...255).map { UInt8($0) }.filter { $0 != UInt8(ascii: "\n") && $0 != UInt8(ascii: "/") }
        let text = bytes("0::/a:b c/") + name + bytes("\n")
        #expect(CgroupMembership.parse(text.span).first?.path == bytes("/a:b c/") + name)
    }

    @Test func whatIsNoLineIsLeftOut() {
        let text = bytes("0:/\nx:y:/z\n1:cpu:relative\n:cpu:/\n2:cpu:/ok (deleted)\n")
        #expect(CgroupMembership.parse(text.span).map { string($0.path) } == ["/ok (deleted)"])
    }
}

@Suite struct ProcessStatTests {
    static let tail =
        " 18646 18646 4618 0 -1 4194304 99 0 0 0 0 0 0 0 20 0 3 0 169982 3133440 412 18446744073709551615 1 1 1 0 0"
        + " 0 0 0 0 0 0 0 17 1 0 0 0 0 0 0\n"

    @Test func captured() {
        let text = bytes("18660 (cat) R" + Self.tail)
        let stat = ProcessStat(parsing: text.span)
        #expect(stat?.state == UInt8(ascii: "R"))
        #expect(stat?.parent == 18646)
        #expect(stat?.threads == 3)
        #expect(stat?.startTicks == 169_982)
        #expect(stat?.processor == 1)
    }

    /// LXCFS counts blanks from the left: a space or `)` in PID 1's name makes its uptime -184467440737095520.00 (#732).
    @Test(arguments: ["a b", ")", "a) R 1 2 3 (", "\n", "(((", ") S 0 0 0", ""])
    func lxcfsUptimeFromCommandName732(_ name: String) {
        let text = bytes("1 (\(name)) S" + Self.tail)
        let stat = ProcessStat(parsing: text.span)
        #expect(stat?.state == UInt8(ascii: "S"))
        #expect(stat?.startTicks == 169_982)
    }

    @Test func everyTruncationBeforeTheLastFieldIsRefused() {
        let text = bytes("1 (a b) S" + Self.tail)
        let needed = bytes("1 (a b) S 18646 18646 4618 0 -1 4194304 99 0 0 0 0 0 0 0 20 0 3 0 169982 3133440 412").count
        for count in 0..<needed {
            let part = Array(text.prefix(count))
            #expect(ProcessStat(parsing: part.span) == nil)
        }
    }
}

@Suite struct ProcessStatusTests {
    @Test func namespacePIDs() {
        let text = bytes("Name:\tNSpid:\\n\nUmask:\t0022\nNSpid:\t4711\t12\t1\nNSpid:\t9\n")
        #expect(ProcessStatus(parsing: text.span).namespacePIDs == [4711, 12, 1])
    }

    @Test func boundedAndAbsent() {
        let many = bytes("NSpid:" + String(repeating: "\t1", count: 100))
        #expect(ProcessStatus(parsing: many.span).namespacePIDs.count == ProcessStatus.capacity)
        let none = bytes("Name:\tx\n")
        #expect(ProcessStatus(parsing: none.span).namespacePIDs.isEmpty)
    }
}

@Suite struct MountInfoTests {
    @Test func captured() {
        let text = bytes(Captured.mountinfo)
        let mounts = MountInfo.parse(text.span)
        #expect(mounts.count == 8)
        #expect(mounts.first { $0.hasSuperOption("memory") }.map { string($0.mountPoint) } == "/sys/fs/cgroup/memory")
        #expect(mounts.first { string($0.type) == "cgroup2" }.map { string($0.mountPoint) } == "/sys/fs/cgroup/unified")
        #expect(mounts[0].minor == 21)
        #expect(string(mounts[7].root) == "/a b")
        #expect(string(mounts[7].mountPoint) == "/mnt/tab\tnl\nbs\\")
    }

    @Test func whatIsNoLineIsLeftOut() {
        let text = bytes(
            "1 2 3:4 / / rw\n1 2 3:4 / / rw - \n1 2 99999999999:4 / / rw - t s o\nx\n\n5 1 0:1 / /m rw - t\n"
        )
        #expect(MountInfo.parse(text.span).map(\.id) == [5])
    }
}

@Suite struct TimeOffsetsTests {
    @Test func captured() {
        let text = bytes(Captured.timensOffsets)
        #expect(TimeOffsets(parsing: text.span) == TimeOffsets())
    }

    @Test func negativeSecondsAndHostileOnes() {
        let text = bytes("monotonic         -86400 500000000\nboottime   9223372036854775807 999999999\n")
        let offsets = TimeOffsets(parsing: text.span)
        #expect(offsets.monotonicNs == -86_399_500_000_000)
        #expect(offsets.boottimeNs == .max)
        let low = bytes("boottime -9223372036854775808 -1\n")
        #expect(TimeOffsets(parsing: low.span).boottimeNs == .min)
    }
}
