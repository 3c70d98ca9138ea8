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
                try host.run(
                    """
                    (\(cgroup.joinCommand); exec unshare -m -C -p -f sh -c '
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

        @Test func thousandContainersLeaveNothing() throws {
            let lab = try DaemonLab()
            let count = Programs.share(of: 1000)
            let idle = try #require(lab.memory())
            try containers(count, lab, "a")
            let first = try #require(lab.memory())
            try containers(count, lab, "b")
            let second = try #require(lab.memory())
            print(
                "memory: idle \(idle) kB, after \(count) \(first) kB, after twice as many \(second) kB, \(Programs.umweltd)"
            )
            #expect(second <= first + 256)
            if "\(Programs.umweltd)".contains("release") || getenv("UMWELT_BIN_DIR") != nil {
                #expect(first <= Self.boundKB)
                #expect(second <= Self.boundKB)
            }
            usleep(1_500_000)
            #expect(try lab.request(Message(.containers)).isEmpty)
        }
    }
}
