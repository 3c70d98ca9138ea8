// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

import Testing

@testable import ProcView
@testable import Samples

@Suite struct CPUInfoViewTests {
    @Test(arguments: [
        (Captured.cpuinfoX86, CPUSet(0..<2)), (CPUInfos.x86, CPUSet(0..<8)), (CPUInfos.arm64, CPUSet(0..<4)),
        (CPUInfos.arm32, CPUSet(0..<2)), (CPUInfos.ppc64, CPUSet([0, 8, 16])), (CPUInfos.s390x, CPUSet(0..<3)),
        (CPUInfos.loongarch64, CPUSet(0..<2)),
    ])
    func allCPUsInSightIsTheHostsFile(_ text: String, _ cpus: CPUSet) {
        #expect(CPUInfoView.text(Hosts.cpuinfo(text), visible: cpus).string == text)
    }

    @Test func numbersStayTheKernels() {
        let text = CPUInfoView.text(Hosts.cpuinfo(CPUInfos.x86), visible: CPUSet([2, 3])).string
        #expect(text.contains("processor\t: 2\n"))
        #expect(text.contains("processor\t: 3\n"))
        #expect(!text.contains("processor\t: 0\n"))
        #expect(text.hasSuffix("power management:\n\n"))
    }

    /// LXCFS leaves both as they are, so that lscpu and others find more siblings than processors.
    @Test func lxcfsSiblingsAndCoresOfTheHost() {
        // CPUs 0 and 4: two threads of core 0 of package 0. CPU 2: core 0 of package 1.
        let text = CPUInfoView.text(Hosts.cpuinfo(CPUInfos.x86), visible: CPUSet([0, 2, 4])).string
        let siblings = text.split(separator: "\n").filter { $0.hasPrefix("siblings") }
        let cores = text.split(separator: "\n").filter { $0.hasPrefix("cpu cores") }
        #expect(siblings == ["siblings\t: 2", "siblings\t: 1", "siblings\t: 2"])
        #expect(cores == ["cpu cores\t: 1", "cpu cores\t: 1", "cpu cores\t: 1"])
    }

    /// LXCFS stops at the last CPU it shows, and loses what stands after it.
    @Test func lxcfsTrailerLost() {
        let power = CPUInfoView.text(Hosts.cpuinfo(CPUInfos.ppc64), visible: CPUSet([8])).string
        #expect(power.hasPrefix("processor\t: 8\n"))
        #expect(power.contains("\n\ntimebase\t: 512000000\n"))
        #expect(power.hasSuffix("MMU\t\t: Radix\n"))
        let arm = CPUInfoView.text(Hosts.cpuinfo(CPUInfos.arm32), visible: CPUSet([0])).string
        #expect(arm.hasSuffix("Serial\t\t: 00000000d0f5a3b2\n"))
    }

    @Test func s390xCountsWhatIsInSight() {
        let text = CPUInfoView.text(Hosts.cpuinfo(CPUInfos.s390x), visible: CPUSet([1])).string
        #expect(text.contains("# processors    : 1\n"))
        #expect(text.contains("processor 1: version"))
        #expect(!text.contains("processor 0: version"))
        #expect(!text.contains("cpu number      : 2\n"))
    }
}
