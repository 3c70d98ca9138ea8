// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

import Testing

@testable import ProcView
@testable import Samples

@Suite struct VisibleCPUsTests {
    struct Case: Sendable {
        var cpuset: [Int]?
        var quota: Int?
        var online: [Int]
        var visible: [Int]
    }

    @Test(arguments: [
        Case(cpuset: nil, quota: nil, online: [0, 1], visible: [0, 1]),
        Case(cpuset: [1], quota: nil, online: [0, 1], visible: [1]),
        Case(cpuset: [0, 1, 2, 3], quota: nil, online: [0, 1], visible: [0, 1]),
        Case(cpuset: [2, 3, 5], quota: 2, online: [0, 1, 2, 3, 4, 5], visible: [2, 3]),
        Case(cpuset: nil, quota: 1, online: [0, 1], visible: [0]),
        Case(cpuset: nil, quota: 0, online: [0, 1], visible: [0]),
        Case(cpuset: nil, quota: -5, online: [0, 1], visible: [0]),
        Case(cpuset: nil, quota: .max, online: [0, 1], visible: [0, 1]),
        Case(cpuset: [7], quota: nil, online: [0, 1], visible: [0, 1]),
        Case(cpuset: [], quota: 1, online: [0, 1], visible: [0]),
        Case(cpuset: [3], quota: 4, online: [], visible: [0]),
    ])
    func firstOfTheCandidates(_ example: Case) {
        var sample = CPUSample()
        sample.cpuset = example.cpuset.map { CPUSet($0) }
        sample.quotaCPUs = example.quota
        #expect(VisibleCPUs.of(sample, hostOnline: CPUSet(example.online)).numbers == example.visible)
    }

    /// LXCFS prints an empty /proc/cpuinfo where it can read no cpuset.
    @Test func lxcfsEmptyCPUInfoWithoutCpuset() {
        let visible = VisibleCPUs.of(CPUSample(), hostOnline: CPUSet([0, 1]))
        #expect(!CPUInfoView.text(Hosts.cpuinfo(Captured.cpuinfoX86), visible: visible).bytes.isEmpty)
    }

    /// LXCFS calls CPUs 2-3 `0, 1` in cpuinfo, `cpu2, cpu3` in stat and `0-1` in online (with --enable-cfs).
    @Test func lxcfsNumbersDisagree() {
        var sample = CPUSample()
        sample.cpuset = CPUSet([2, 3, 6])
        sample.quotaCPUs = 2
        let visible = VisibleCPUs.of(sample, hostOnline: CPUSet(0..<8))
        var account = CPUAccount()
        account.advance(usage: CPUUsage(), visible: visible, ageNs: 1)
        let stat = cpuLines(StatView.text(account, bootTime: 0, processes: 0, tasks: TaskCounts()))
        #expect(Set(stat.keys) == ["cpu", "cpu2", "cpu3"])
        let info = CPUInfoView.text(Hosts.cpuinfo(CPUInfos.x86), visible: visible)
        #expect(CPUInfo(parsing: info.bytes.span).blocks.map(\.processor) == [2, 3])
        #expect(CPULists.online(visible).string == "2-3\n")
    }
}
