// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

import Samples
import Testing

@testable import umwelt

@Suite struct LimitCheckTests {
    /// A host of 1 GiB, CPUs 0, 1 and 3, every controller.
    private static var host: HostFacts {
        var facts = HostFacts()
        facts.memoryTotal = 1 << 30
        facts.swapTotal = 1 << 20
        facts.cpus = CPUSet([0, 1, 3])
        facts.processLimit = 32768
        facts.layout = .v1
        facts.controllers = ["memory", "cpu", "cpuset", "pids"]
        facts.accountsForSwap = true
        return facts
    }

    private func complaint(_ facts: HostFacts = host, _ change: (inout RunOptions) -> Void) -> String? {
        var options = RunOptions(name: "c", command: ["true"])
        change(&options)
        do throws(Failure) {
            try LimitCheck.check(options, facts)
            return nil
        } catch {
            #expect(error.code == 1)
            return error.message
        }
    }

    @Test func whatTheHostHasIsGiven() {
        #expect(
            complaint {
                $0.memory = ByteSize("1G")
                $0.swap = ByteSize("1M")
                $0.cpus = CPUAmount("3")
                $0.cpuset = CPUSet([1, 3])
                $0.pids = 32768
            } == nil
        )
    }

    @Test func moreThanTheHostHasIsRefusedByName() {
        #expect(complaint { $0.memory = ByteSize("2G") } == "--memory 2G is more than the host has (1G); ask for less")
        #expect(complaint { $0.cpus = CPUAmount("3.01") }?.contains("the host has (3)") == true)
        #expect(
            complaint { $0.cpuset = CPUSet([1, 2]) }?.contains("--cpuset 1-2: a container here can have CPUs 0-1,3")
                == true
        )
        #expect(complaint { $0.swap = ByteSize("2M") }?.contains("(1M)") == true)
        #expect(complaint { $0.pids = 32769 } == "--pids 32769 is more than the host has (32768); ask for less")
    }

    /// Where /proc/sys is not to be read, the kernel holds the limit all the same.
    @Test func processesOfAHostThatDoesNotSay() {
        var facts = Self.host
        facts.processLimit = nil
        #expect(complaint(facts) { $0.pids = 4_194_304 } == nil)
    }

    @Test(arguments: ["memory", "cpu", "cpuset", "pids"])
    func aMissingControllerIsNamedWithARemedy(_ controller: String) {
        var facts = Self.host
        facts.controllers.remove(controller)
        let ask: (inout RunOptions) -> Void = {
            $0.memory = ByteSize("6M")
            $0.cpus = CPUAmount("1")
            $0.cpuset = CPUSet([0])
            $0.pids = 1
        }
        let onV1 = complaint(facts, ask)
        #expect(onV1?.contains("'\(controller)'") == true)
        #expect(onV1?.contains("mount -t cgroup -o \(controller)") == true)
        facts.layout = .unified
        #expect(complaint(facts, ask)?.contains("cgroup.controllers") == true)
    }

    @Test func swapWithoutAccounting() {
        var facts = Self.host
        facts.accountsForSwap = false
        #expect(complaint(facts) { $0.swap = ByteSize("1M") }?.contains("swapaccount=1") == true)
        // A limit on memory alone needs none, nor does a limit on swap where there is no swap.
        #expect(complaint(facts) { $0.memory = ByteSize("6M") } == nil)
        facts.swapTotal = 0
        #expect(complaint(facts) { $0.swap = ByteSize("0") } == nil)
        #expect(complaint(facts) { $0.swap = ByteSize("1") }?.contains("(none)") == true)
    }
}
