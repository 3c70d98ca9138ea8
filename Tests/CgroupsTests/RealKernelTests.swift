// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

import Cgroups
import Glibc
import Kernel
import Samples
import Synchronization
import Testing

/// Against the running kernel, with cgroups of our own.
@Suite(.enabled(if: Lab.isRoot, "needs root, to make cgroups"))
struct RealKernelTests {
    /// pod: 200 MiB, in it a container with 300 MiB, whose neighbour holds a part of what the pod has.
    @Test(.enabled(if: Lab.isV1, "needs cgroup v1"))
    func limitsOnThePath() throws {
        let lab = try Lab()
        for path in ["/pod", "/pod/a", "/pod/b"] { try lab.make(path) }
        try lab.write("/pod", .memory, "memory.limit_in_bytes", "200M")
        try lab.write("/pod/a", .memory, "memory.limit_in_bytes", "300M")
        let child = try lab.run("x=$(head -c 20000000 /dev/zero | tr '\\0' x); sleep 60", in: "/pod/b")
        let cgroup = lab.cgroup("/pod/a")
        var sample = try cgroup.memory()
        for _ in 0..<200 where (sample.headroom ?? 0) > 180 * mib {
            usleep(20_000)
            sample = try cgroup.memory()
        }
        #expect(sample.limit == 200 * mib)
        #expect(sample.usage < 10 * mib)
        #expect((sample.headroom ?? .max) <= 185 * mib)
        #expect(try Lab.membership(of: child.pid)[.memory] == Path("/\(lab.name)/pod/b"))
        // Swap is not limited, or the kernel does not account for it.
        #expect(sample.swapLimit == nil)
    }

    /// A container without a limit of its own, whose neighbour has the pod's memory full of page cache: it can have all of that.
    @Test(.enabled(if: Lab.isV1 || Lab.isV2, "needs a memory controller"))
    func othersCacheIsAvailable() throws {
        let lab = try Lab()
        for path in ["/pod", "/pod/a", "/pod/b"] { try lab.make(path) }
        try lab.write("/pod", .memory, Lab.isV1 ? "memory.limit_in_bytes" : "memory.max", "100M")
        // On a disk: what is on tmpfs is not given back.
        let file = Path("/var/tmp/\(lab.name)")
        defer { try? FileTree.removeAll(file) }
        _ = try lab.run("head -c \(60 * mib) /dev/zero > \(file); sync \(file); exec sleep 600", in: "/pod/b")
        let cgroup = lab.cgroup("/pod/a")
        var sample = try cgroup.memory()
        // The kernel counts what is on the lists a moment later.
        for _ in 0..<500 where (sample.headroom ?? 0) > 45 * mib || (sample.available ?? 0) < 92 * mib {
            usleep(20_000)
            sample = try cgroup.memory()
        }
        #expect(sample.limit == 100 * mib)
        #expect((sample.headroom ?? .max) <= 45 * mib)
        #expect((sample.available ?? 0) >= 92 * mib && (sample.available ?? .max) <= 100 * mib, "\(sample)")
    }

    @Test(.enabled(if: Lab.isV1, "needs cgroup v1"))
    func swapOfV1() throws {
        let lab = try Lab()
        try lab.write("", .memory, "memory.limit_in_bytes", "64M")
        // Without swap accounting there is no such file.
        guard (try? lab.write("", .memory, "memory.memsw.limit_in_bytes", "96M")) != nil else { return }
        #expect(try lab.cgroup("").memory().swapLimit == 32 * mib)
        try lab.write("", .memory, "memory.swappiness", "0")
        #expect(try lab.cgroup("").memory().swapLimit == 0)
    }

    @Test(.enabled(if: Lab.isV1, "needs cgroup v1"))
    func quotaAndCpuset() throws {
        let lab = try Lab()
        try lab.make("/c")
        #expect(try lab.cgroup("/c").cpuLimits().quotaCPUs == nil)
        try lab.write("", .cpu, "cpu.cfs_quota_us", "150000")
        try lab.write("/c", .cpu, "cpu.cfs_quota_us", "50000")
        try lab.write("/c", .cpuset, "cpuset.cpus", "0")
        let limits = try lab.cgroup("/c").cpuLimits()
        #expect(limits.quotaCPUs == 1)
        #expect(limits.cpuset == CPUSet([0]))
        #expect(limits.memoryNodes?.contains(0) == true)
        try lab.write("/c", .cpu, "cpu.cfs_quota_us", "-1")
        // A handle already made sees it.
        let cgroup = lab.cgroup("/c")
        #expect(try cgroup.cpuLimits().quotaCPUs == 2)
        try lab.write("", .cpu, "cpu.cfs_quota_us", "-1")
        #expect(try cgroup.cpuLimits().quotaCPUs == nil)
    }

    @Test(.enabled(if: Lab.isV2, "needs cgroup v2 with controllers"))
    func limitsOfV2() throws {
        let lab = try Lab()
        for path in ["/pod", "/pod/a"] { try lab.make(path) }
        try lab.write("/pod", .memory, "memory.max", "200M")
        try lab.write("/pod/a", .memory, "memory.max", "300M")
        try lab.write("/pod", .cpu, "cpu.max", "150000 100000")
        try lab.write("/pod/a", .cpuset, "cpuset.cpus", "0")
        let cgroup = lab.cgroup("/pod/a")
        #expect(try cgroup.memory().limit == 200 * mib)
        #expect(try cgroup.cpuLimits().quotaCPUs == 2)
        #expect(try cgroup.cpuLimits().cpuset == CPUSet([0]))
        // The controllers are taken from the container while its files are open: the pod's count.
        try lab.write("/pod", .memory, "cgroup.subtree_control", "-memory -cpuset")
        let sample = try cgroup.memory()
        #expect(sample.limit == 200 * mib)
        #expect(sample.usage <= 200 * mib)
        #expect(try cgroup.cpuLimits().cpuset?.contains(0) == true)
    }

    @Test func usageThreadsAndPressure() throws {
        let lab = try Lab()
        try lab.make("/c")
        let cgroup = lab.cgroup("/c")
        #expect(try cgroup.cpu().usage.user == 0)
        #expect(try cgroup.census() == Census())
        let busy = try lab.run("while :; do :; done", in: "/c")
        let idle = try lab.run("sleep 60", in: "/c")
        var usage = CPUUsage()
        for _ in 0..<200 where usage.user < 50_000_000 {
            usleep(20_000)
            usage = try cgroup.cpu().usage
        }
        #expect(usage.user >= 50_000_000)
        // sh may run its last command in a child of its own.
        let census = try cgroup.census()
        #expect(census.running >= 1)
        #expect((2...3).contains(census.threads))
        #expect(census.newestThread >= UInt64(max(busy.pid, idle.pid)))
        if cgroup.isConfined(.pids) {
            // It may be starting just now, between the two readings.
            var counts = (try cgroup.pids().current, try cgroup.census().threads)
            for _ in 0..<50 where counts.0 != counts.1 {
                usleep(20_000)
                counts = (try cgroup.pids().current, try cgroup.census().threads)
            }
            #expect(counts.0 == counts.1)
        }
        if FileTree.isThere("/proc/pressure/cpu"), lab.hierarchies.hasUnified {
            let text = try #require(try cgroup.pressure(.cpu))
            #expect(text.starts(with: "some avg10=".utf8))
        }
        _ = try? cgroup.io()
    }

    /// Who made the container's pid namespace is in its cgroup too, and older: its own number is no number of the container.
    @Test func makerOfTheNamespaceInTheCgroup() throws {
        let lab = try Lab()
        try lab.make("/c")
        let process = try lab.run("unshare --pid --fork sh -c 'sleep 60 & wait'", in: "/c")
        var census = Census()
        for _ in 0..<200 where census.threads < 3 {
            usleep(20_000)
            census = try lab.cgroup("/c").census()
        }
        #expect((1...20).contains(census.newestThread) && census.newestThread < UInt64(process.pid))
    }

    /// ENODEV from a kept descriptor: gone, and the next one under the name is another.
    @Test func removedAndMadeAgain() throws {
        let lab = try Lab()
        try lab.make("/c")
        let cgroup = lab.cgroup("/c")
        let inode = try cgroup.inode()
        _ = try cgroup.memory()
        _ = try cgroup.cpu()
        try lab.remove("/c")
        let error = #expect(throws: CgroupError.self) { try cgroup.memory() }
        #expect(error?.cause == .gone)
        let other = #expect(throws: CgroupError.self) { try cgroup.cpu() }
        #expect(other?.cause == .gone)
        #expect(!cgroup.isThere(inode: inode))
        try lab.make("/c")
        if Lab.isV1 { try lab.write("/c", .memory, "memory.limit_in_bytes", "8M") }
        let sample = try cgroup.memory()
        if Lab.isV1 { #expect(sample.limit == 8 * mib) }
    }

    /// Readings while the cgroup comes and goes are right or `gone`.
    @Test func readersOfACgroupThatComesAndGoes() throws {
        let lab = try Lab(keptDescriptors: 16)
        let cgroup = lab.cgroup("/c")
        let readers = Readers()
        let threads = try (0..<2).map { number in
            try Thread(name: "reader \(number)") {
                while !readers.stop.load(ordering: .acquiring) {
                    do throws(CgroupError) {
                        _ = try cgroup.memory()
                        _ = try cgroup.cpu()
                    } catch {
                        guard error.cause != .gone else { continue }
                        readers.failures.withLock { $0.append("\(error)") }
                    }
                }
            }
        }
        for _ in 0..<200 {
            try lab.make("/c")
            try lab.remove("/c")
        }
        readers.stop.store(true, ordering: .releasing)
        for thread in threads { thread.join() }
        #expect(readers.failures.withLock { $0 }.isEmpty)
    }

    private final class Readers: Sendable {
        let stop = Atomic<Bool>(false)
        let failures = Mutex<[String]>([])
    }

    @Test func manyRealCgroupsKeepFewDescriptors() throws {
        let lab = try Lab(keptDescriptors: 24)
        for index in 0..<100 {
            try lab.make("/c\(index)")
            let cgroup = lab.cgroup("/c\(index)")
            _ = try cgroup.memory()
            _ = try cgroup.cpu()
            #expect(lab.hierarchies.keptDescriptors <= 24)
        }
    }
}
