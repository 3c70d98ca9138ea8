// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

import Testing

@testable import ProcView
@testable import Samples

@Suite struct CPUListsTests {
    @Test func lists() {
        #expect(CPULists.online(CPUSet([1])).string == "1\n")
        #expect(CPULists.online(CPUSet([0, 1, 4])).string == "0-1,4\n")
        #expect(CPULists.offline().string == "\n")
    }

    /// LXCFS passes possible and present through: they disagree with online, and software counts the host's CPUs.
    @Test func lxcfsPossibleOfTheHost731() {
        let host = bytes("0-7\n")
        #expect(CPULists.list(host.span, visible: CPUSet([2, 3])).string == "2-3\n")
    }

    @Test(arguments: [
        ("ff\n", [1, 2], "06\n"), ("ffffffff,ffffffff\n", [0, 33], "00000002,00000001\n"), ("3\n", [], "0\n"),
        ("f,ffffffff\n", [35, 99], "8,00000000\n"), ("", [0], "0\n"), ("junk\n", [0], "0000\n"),
    ])
    func masks(_ host: String, _ visible: [Int], _ mask: String) {
        let host = bytes(host)
        #expect(CPULists.mask(host.span, visible: CPUSet(visible)).string == mask)
    }

    @Test func listsOfCpufreqAreSpaced() {
        let host = bytes("0 1 2 3 \n")
        #expect(CPULists.list(host.span, visible: CPUSet([1, 3])).string == "1 3\n")
    }

    @Test func listsThatAreNone() {
        let host = bytes("junk\n")
        #expect(CPULists.list(host.span, visible: CPUSet([0])).string == "\n")
    }
}
