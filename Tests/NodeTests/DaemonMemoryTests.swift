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

        /// VmRSS of keeper and worker, what they share counted twice, once neither holds what it needed for a moment: the
        /// least of eleven seconds, for each second pages are given back, and each tenth the table is swept.
        private func resident(_ lab: DaemonLab) throws -> UInt64 {
            let processes = [lab.keeperPID, lab.workerPID]
            var least = UInt64.max
            for _ in 0..<37 {
                usleep(300_000)
                let sum = try processes.reduce(0) { $0 + (try #require(DaemonLab.memory(of: $1, "VmRSS"))) }
                least = min(least, sum)
            }
            return least
        }

        @Test func thousandContainersLeaveNothing() throws {
            let lab = try DaemonLab()
            let count = Programs.share(of: 1000)
            let idle = try resident(lab)
            try containers(count, lab, "a")
            let first = try resident(lab)
            try containers(count, lab, "b")
            let second = try resident(lab)
            print(
                "memory: keeper and worker, idle \(idle) kB, after \(count) \(first) kB, after twice as many \(second) kB, \(Programs.umweltd)"
            )
            // Which pages a heap of small blocks fills differs by 260 kB from run to run; half a kB for each container is more.
            #expect(second <= first + 512)
            if Programs.isRelease { #expect(max(first, second) <= Self.boundKB) }
            #expect(try lab.request(Message(.containers)).isEmpty)
        }
    }
}
