// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

import FuseServer
import Glibc
import Kernel
import Synchronization
import Testing

@testable import ProcFS

/// What of /sys/devices/system is shown, and how.
@Suite struct SysTreeTests {
    /// A container with the CPUs 1 and 2 of four.
    private func container(_ tree: FixtureTree) throws -> UmweltFS {
        try tree.cgroup("/c", cpus: "1-2")
        let files = tree.fileSystem()
        let container = try files.table.register(id: Array("c".utf8), route: [])
        try files.table.attach(container, pid: 7, membership: FixtureTree.membership("/c"), start: nil)
        return files
    }

    @Test func onlyItsCPUsAreShown() throws {
        let tree = try FixtureTree()
        let files = try container(tree)
        let names = try files.names("containers/c/sys/devices/system/cpu")
        #expect(names.filter { $0.hasPrefix("cpu") }.sorted() == ["cpu1", "cpu2"])
        #expect(throws: Errno.noEntry) { try files.node("containers/c/sys/devices/system/cpu/cpu0") }
        #expect(throws: Errno.noEntry) { try files.node("containers/c/sys/devices/system/cpu/cpu3/topology") }
        #expect(try files.text("containers/c/sys/devices/system/cpu/cpu2/topology/core_id") == "2\n")
    }

    @Test func listsAndMasksAreFiltered() throws {
        let tree = try FixtureTree()
        let files = try container(tree)
        let cpu = "containers/c/sys/devices/system/cpu"
        for list in ["online", "possible", "present"] {
            #expect(try files.text("\(cpu)/\(list)") == "1-2\n", "\(list)")
        }
        #expect(try files.text("\(cpu)/offline") == "\n")
        #expect(try files.text("\(cpu)/cpu1/topology/thread_siblings_list") == "1-2\n")
        #expect(try files.text("\(cpu)/cpu1/topology/thread_siblings") == "00000006\n")
        #expect(try files.text("containers/c/sys/devices/system/node/node0/cpulist") == "1-2\n")
    }

    /// One of four CPUs each, and one of two.
    @Test func frequencyPoliciesOfItsCPUsAreShown() throws {
        let tree = try FixtureTree()
        for (policy, cpus) in [(0, "0"), (1, "1"), (3, "3"), (4, "0 2")] {
            try tree.write("system/cpu/cpufreq/policy\(policy)/related_cpus", "\(cpus)\n")
            try tree.write("system/cpu/cpufreq/policy\(policy)/stats/total_trans", "1\n")
        }
        try tree.write("system/cpu/cpufreq/boost", "1\n")
        let files = try container(tree)
        let cpufreq = "containers/c/sys/devices/system/cpu/cpufreq"
        #expect(try files.names(cpufreq).sorted() == ["boost", "policy1", "policy4"])
        #expect(try files.text("\(cpufreq)/policy4/related_cpus") == "2\n")
        // Counters of the host.
        #expect(throws: Errno.noEntry) { try files.node("\(cpufreq)/policy4/stats") }
        #expect(throws: Errno.noEntry) { try files.node("\(cpufreq)/policy0/related_cpus") }
        #expect(throws: Errno.noEntry) { try files.node("\(cpufreq)/policy3/stats") }
        #expect(try files.names("sys/devices/system/cpu/cpufreq").count == 5)
    }

    @Test func countersOfTheHostAreNotShown() throws {
        let tree = try FixtureTree()
        let files = try container(tree)
        for path in [
            "cpu/cpuidle", "cpu/power", "cpu/uevent", "cpu/hotplug", "cpu/cpu1/cpuidle", "cpu/cpu1/crash_notes",
            "node/node0/numastat", "node/node0/vmstat",
        ] {
            #expect(throws: Errno.noEntry, "\(path)") { try files.node("containers/c/sys/devices/system/\(path)") }
            #expect(throws: Errno.noEntry, "\(path)") { try files.node("sys/devices/system/\(path)") }
        }
    }

    @Test func hostSeesAll() throws {
        let tree = try FixtureTree()
        let files = try container(tree)
        #expect(try files.text("sys/devices/system/cpu/online") == "0-3\n")
        #expect(
            try files.names("sys/devices/system/cpu").filter { $0.hasPrefix("cpu") }.sorted() == [
                "cpu0", "cpu1", "cpu2", "cpu3",
            ]
        )
    }

    @Test func aCPUThatCameIsFound() throws {
        let tree = try FixtureTree()
        let files = tree.fileSystem()
        try tree.write("system/cpu/cpu4/topology/core_id", "4\n")
        #expect(try files.text("sys/devices/system/cpu/cpu4/topology/core_id") == "4\n")
        #expect(try files.names("sys/devices/system/cpu").contains("cpu4"))
    }

    /// Nobody has asked for it by name.
    @Test func aCPUThatCameIsListed() throws {
        let tree = try FixtureTree()
        let files = tree.fileSystem()
        try tree.write("system/cpu/cpu4/topology/core_id", "4\n")
        try tree.write("system/cpu/online", "0-4\n")
        #expect(try files.names("sys/devices/system/cpu").contains("cpu4"))
    }

    /// An entry's position is its own, whatever comes beside it.
    @Test func positionsStay() throws {
        let tree = try FixtureTree(cpus: 12)
        let files = tree.fileSystem()
        let node = try files.node("sys/devices/system/cpu")
        let before = try files.entries(of: node, for: Caller(pid: 0))
        try tree.write("system/cpu/cpu12/topology/core_id", "12\n")
        _ = try files.node("sys/devices/system/cpu/cpu12")
        let after = try files.entries(of: node, for: Caller(pid: 0))
        #expect(after.count == before.count + 1)
        #expect(before.allSatisfy { after.contains($0) })
        #expect(zip(after, after.dropFirst()).allSatisfy { $0.position < $1.position } && after[0].position > 0)
        // As 32-bit programs read them.
        #expect(after.allSatisfy { $0.position + 2 <= UInt64(Int32.max) })
    }

    /// Reading the tree does not come to an end: the list of a policy's CPUs is a pipe that nobody writes to.
    ///
    /// Who asks for a CPU that came waits for that, and nobody else does.
    @Test func aSlowScanHoldsUpNobodyElse() throws {
        let tree = try FixtureTree()
        let files = tree.fileSystem()
        try tree.write("system/cpu/cpu4/topology/core_id", "4\n")
        try tree.write("system/cpu/cpufreq/policy9/stats/total_trans", "1\n")
        let pipe = tree.system.appending("cpu/cpufreq/policy9/related_cpus")
        #expect(mkfifo("\(pipe)", 0o600) == 0)
        let thread = Atomic<Int32>(0)
        let scanned = try Fd.event()
        let scanning = try Thread(name: "scanning") {
            thread.store((try? ThreadSchedule())?.thread ?? 0, ordering: .relaxed)
            if (try? files.node("sys/devices/system/cpu/cpu4")) != nil { scanned.signal() }
        }
        // Until it has come to the pipe.
        for _ in 0..<20_000 where ProcessID.state(thread.load(ordering: .relaxed)) != UInt8(ascii: "S") { usleep(1000) }
        let read = try Fd.event()
        let reading = try Thread(name: "reading") {
            let isRead = (try? files.text("sys/devices/system/cpu/cpu1/topology/core_id")) == "1\n"
            let isNone = (try? files.node("sys/devices/system/cpu/cpu7")) == nil
            if isRead, isNone { read.signal() }
        }
        #expect(try read.waitReadable(milliseconds: 20_000))
        #expect(try !scanned.waitReadable(milliseconds: 0))
        _ = try Fd.open(pipe, [.writeOnly, .nonBlocking])
        scanning.join()
        reading.join()
        #expect(try scanned.waitReadable(milliseconds: 0))
    }

    /// Permissions, sizes and types are sysfs's own, without any right to write.
    @Test func attributesAreSysfss() throws {
        let tree = try FixtureTree()
        let files = try container(tree)
        let file = try files.attributes(of: try files.node("sys/devices/system/cpu/online"), for: Caller(pid: 0))
        #expect(file.mode & 0o170000 == 0o100000)
        #expect(file.mode & 0o222 == 0)
        #expect(file.size == 4096)
        let directory = try files.attributes(of: try files.node("sys/devices/system/cpu/cpu1"), for: Caller(pid: 0))
        #expect(directory.mode == 0o040555)
    }

    @Test(
        arguments: [
            ("cpu/cpu3", 3), ("cpu/cpu3/topology", 3), ("cpu/cpu10/cache/index0", 10), ("cpu/cpufreq", nil),
            ("cpu/cpu", nil),
            ("cpu/cpu1x", nil), ("cpu/cpu1234567", nil), ("node/node0/cpu2", 2),
        ] as [(String, Int?)]
    ) func numbersOfCPUs(path: String, cpu: Int?) {
        #expect(SysRule(path: Array(path.utf8))?.cpu == cpu)
    }

    @Test(arguments: [
        "", "cpu", "memory/memory0", "clocksource/clocksource0", "cpufoo/online", "/", "node/node0/hugepages/x",
    ])
    func restOfTheTreeIsNotShown(path: String) { #expect(SysRule(path: Array(path.utf8)) == nil) }
}
