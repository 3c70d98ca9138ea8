// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

import Glibc
import Kernel
import NodeLink
import Testing

extension DaemonSuite {
    /// What remains in the daemon of containers that have gone.
    @Suite(.serialized) struct DaemonMemoryTests {
        /// The release build's bound; a debug build is measured against itself alone.
        private static let boundKB: UInt64 = 6 << 10

        private static let files =
            "meminfo cpuinfo stat uptime loadavg diskstats swaps slabinfo pressure/cpu pressure/memory pressure/io"

        /// Short-lived containers, each a cgroup and a pid namespace, registered, read whole by caller and by path.
        private func containers(_ count: Int, _ lab: DaemonLab, _ name: String) throws {
            let parent = try lab.cgroup(name)
            let host = try lab.shell()
            for index in 0..<count {
                let cgroup = try parent.child("\(index)")
                defer { cgroup.remove() }
                // Without a cgroup namespace, as Docker's on v1, each has to be found by its pid namespace's init.
                let namespaces = index % 2 == 0 ? "-m -C -p" : "-m -p"
                try host.run(
                    """
                    (\(cgroup.joinCommand); exec unshare \(namespaces) -f sh -c '
                      cd \(lab.mount)/proc && cat \(Self.files) ../sys/devices/system/cpu/online >/dev/null && echo read; exec sleep 30') >/dev/null 2>&1 &
                    """
                )
                guard let pid = try waitForInit(cgroup) else { throw LabError("no container \(index)") }
                try lab.register("\(name)-\(index)", pid: pid)
                let byPath = try host.run(
                    "cd \(lab.mount)/containers/\(name)-\(index)/proc && cat \(Self.files) >/dev/null"
                )
                #expect(byPath.code == 0, "\(byPath.text)")
            }
        }

        private func waitForInit(_ cgroup: LabCgroup) throws -> Int32? {
            for _ in 0..<1000 {
                // unshare, and its child: the namespace's first.
                let processes = cgroup.processes
                if processes.count >= 2 { return processes[1] }
                usleep(2000)
            }
            return nil
        }

        /// Of keeper and worker, in kB, what they share counted twice.
        private struct Memory {
            /// VmRSS.
            var resident: UInt64
            /// Without the pages of the program's file, which come and go with what was called last.
            var own: UInt64
        }

        /// Once neither holds what it needed for a moment: the median of eleven seconds, for each second pages are given back,
        /// and each tenth the table is swept.
        private func memory(_ lab: DaemonLab) throws -> Memory {
            let processes = [lab.keeperPID, lab.workerPID]
            func sum(_ fields: [String]) throws -> UInt64 {
                try processes.reduce(0) { sum, process in
                    try fields.reduce(sum) { $0 + (try #require(DaemonLab.memory(of: process, $1))) }
                }
            }
            var resident: [UInt64] = []
            var own: [UInt64] = []
            for _ in 0..<37 {
                usleep(300_000)
                resident.append(try sum(["VmRSS"]))
                own.append(try sum(["RssAnon", "RssShmem"]))
            }
            return Memory(resident: resident.sorted()[18], own: own.sorted()[18])
        }

        @Test func thousandContainersLeaveNothing() throws {
            let lab = try DaemonLab()
            let count = Programs.share(of: 1000)
            let idle = try memory(lab)
            try containers(count, lab, "a")
            let first = try memory(lab)
            try containers(count, lab, "b")
            let second = try memory(lab)
            print("memory: keeper and worker, idle \(idle), after \(count) \(first), after twice as many \(second)")
            // Half a kB for each container is more than what a heap of small blocks differs by from run to run.
            #expect(second.own <= first.own + 512)
            if Programs.isRelease { #expect(max(first.resident, second.resident) <= Self.boundKB) }
            #expect(try lab.request(Message(.containers)).isEmpty)
        }
    }
}
