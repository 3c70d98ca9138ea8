// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

import FuseServer
import FuseWire
import Kernel
import Testing

@testable import ProcFS

/// The tree of files on a host made of files.
@Suite struct UmweltFSTests {
    @Test func treeIsLXCFSs() throws {
        let tree = try FixtureTree()
        let files = tree.fileSystem()
        #expect(try files.names("") == ["containers", "proc", "sys"])
        #expect(
            try files.names("proc") == [
                "meminfo", "cpuinfo", "stat", "uptime", "loadavg", "diskstats", "swaps", "slabinfo", "pressure",
            ]
        )
        #expect(try files.names("proc/pressure") == ["cpu", "memory", "io"])
        #expect(try files.names("sys/devices/system") == ["cpu", "node"])
        for path in ["none", "proc/none", "proc/meminfo/x", "containers/none", "sys/none", "sys/devices/system/memory"]
        {
            #expect(throws: Errno.noEntry, "\(path)") { try files.node(path) }
        }
    }

    @Test func everyEntryIsFoundUnderItsNode() throws {
        let tree = try FixtureTree()
        let files = tree.fileSystem()
        var directories: [UInt64] = [1]
        var seen = 0
        while let node = directories.popLast() {
            for entry in try files.entries(of: node, for: Caller(pid: 0)) {
                let found = try files.lookup(entry.name, in: node, for: Caller(pid: 0))
                #expect(found.attributes.node == entry.node)
                #expect(found.attributes.mode >> 12 == entry.type)
                if entry.type == 4 { directories.append(entry.node) }
                seen += 1
            }
        }
        #expect(seen > 40)
    }

    @Test func registeredContainerReadsItsOwn() throws {
        let tree = try FixtureTree()
        try tree.cgroup("/c")
        let files = tree.fileSystem()
        let container = try files.table.register(id: Array("c".utf8), route: [])
        // Before it is attached the files are there and empty of content.
        #expect(throws: Errno.noEntry) { try files.text("containers/c/proc/meminfo") }
        try files.table.attach(container, pid: 7, membership: FixtureTree.membership("/c"), start: nil)
        #expect(try files.text("containers/c/proc/meminfo").hasPrefix("MemTotal:          65536 kB\n"))
        let cpuinfo = try files.text("containers/c/proc/cpuinfo")
        #expect(cpuinfo.contains("processor\t: 1") && cpuinfo.contains("processor\t: 2"))
        #expect(!cpuinfo.contains("processor\t: 0") && !cpuinfo.contains("processor\t: 3"))
        let node = try files.node("containers/c/proc/meminfo")
        #expect(try files.open(node, for: Caller(pid: 0)).owner == UInt64(container.key))
        #expect(files.table.deregister(id: Array("c".utf8)))
        // What was bound into the container says so.
        #expect(throws: Errno.noEntry) { try files.open(node, for: Caller(pid: 0)) }
    }

    @Test func cgroupThatIsGoneIsNoEntry() throws {
        let tree = try FixtureTree()
        try tree.cgroup("/c")
        let files = tree.fileSystem()
        let container = try files.table.register(id: Array("c".utf8), route: [])
        try files.table.attach(container, pid: 7, membership: FixtureTree.membership("/c"), start: nil)
        #expect(try files.text("containers/c/proc/meminfo").contains("MemTotal"))
        try FileTree.removeAll(tree.root.appending("memory/c"))
        try FileTree.removeAll(tree.root.appending("cpuset/c"))
        // Real cgroup files say ENODEV at once; a removed regular file stays readable through what is open, so afresh:
        let later = tree.fileSystem()
        let again = try later.table.register(id: Array("c".utf8), route: [])
        try later.table.attach(again, pid: 7, membership: FixtureTree.membership("/c"), start: nil)
        #expect(throws: Errno.noEntry) { try later.text("containers/c/proc/meminfo") }
    }

    @Test func hostProcessReadsTheHostsFiles() throws {
        let tree = try FixtureTree()
        let files = tree.fileSystem()
        try tree.process(50, cgroup: "4:memory:/system.slice/x\n0::/\n", namespaces: "1")
        for pid in [Int32(0), 1] {
            #expect(try files.text("proc/stat", caller: Caller(pid: pid)) == "host stat\n")
            #expect(try files.text("proc/meminfo", caller: Caller(pid: pid)).hasPrefix("MemTotal:       16000000 kB"))
        }
        #expect(throws: (any Error).self) { try files.text("proc/stat", caller: Caller(pid: 4_000_000)) }
        #expect(try files.text("proc/stat", caller: Caller(pid: -1)) == "host stat\n")
    }

    /// Nobody's question for a size reads the host's file: slabinfo is for root alone, and takes the kernel long.
    ///
    /// By caller, one node is everybody's: where it is large for one, no size of it holds for long.
    @Test(arguments: ["stat", "slabinfo"], [false, true]) func sizesAreToldWithoutTheHostsFile(
        file: String,
        wasLarge: Bool
    ) throws {
        let tree = try FixtureTree()
        try tree.cgroup("/c")
        let size = 1 << 20
        let large = String(repeating: "x", count: size)
        if wasLarge { try tree.write("proc/\(file)", large) }
        try tree.process(60, cgroup: "4:memory:/c\n3:cpuset:/c\n0::/\n", namespaces: "60")
        let files = tree.fileSystem()
        let container = try files.table.register(id: Array("c".utf8), route: [])
        try files.table.attach(container, pid: 60, membership: FixtureTree.membership("/c"), start: nil)
        let node = try files.node("proc/\(file)", caller: Caller(pid: 60))
        try tree.write("proc/\(file)", large)
        let before = try bytesRead()
        for pid in [Int32(60), 1] {
            let attributes = try files.attributes(of: node, for: Caller(pid: pid))
            #expect(attributes.size == 4096)
            #expect(attributes.areSteady == (file == "stat" && !wasLarge))
        }
        #expect(try bytesRead() - before < size)
        // Who has opened it knows its size.
        #expect(try files.open(node, for: Caller(pid: 1)).content.count == size)
        #expect(!files.isTold(size: size, of: node))
        let opened = try bytesRead()
        let hosts = try files.attributes(of: node, for: Caller(pid: 1))
        #expect(hosts.size == UInt64(size) && !hosts.areSteady)
        let its = try files.attributes(of: node, for: Caller(pid: 60))
        #expect(its.size == 4096 && !its.areSteady)
        #expect(try bytesRead() - opened < size)
    }

    /// By path, the kernel keeps the size, and an open tells when there is another: no question at each open of a large file.
    @Test func aContainersSizesAreSteady() throws {
        let tree = try FixtureTree(cpus: 200)
        try tree.cgroup("/c", cpus: "0-199")
        let files = tree.fileSystem()
        let container = try files.table.register(id: Array("c".utf8), route: [])
        try files.table.attach(container, pid: 7, membership: FixtureTree.membership("/c"), start: nil)
        let node = try files.node("containers/c/proc/cpuinfo")
        func attributes() throws -> Attributes { try files.attributes(of: node, for: Caller(pid: 0)) }
        func open() throws -> (size: Int, isTold: Bool) {
            let size = try files.open(node, for: Caller(pid: 0)).content.count
            return (size, files.isTold(size: size, of: node))
        }
        #expect(try attributes().areSteady)
        let all = try open()
        #expect(all.size > 4096 && all.isTold)
        #expect(try attributes().size == UInt64(all.size))
        try tree.cgroup("/c", cpus: "0-149")
        let fewer = try open()
        #expect(fewer.size > 4096 && fewer.size < all.size && !fewer.isTold)
        #expect(try attributes().size == UInt64(fewer.size))
        #expect(try open().isTold)
        try tree.cgroup("/c", cpus: "0")
        #expect(try !open().isTold)
        #expect(try attributes().size == 4096)
        #expect(try open().isTold)
        // One that began later does not know what the kernel has.
        let later = tree.fileSystem()
        let again = try later.table.register(id: Array("c".utf8), route: [])
        try later.table.attach(again, pid: 7, membership: FixtureTree.membership("/c"), start: nil)
        #expect(!later.isTold(size: 100, of: node))
    }

    /// A CPU that comes is in cpuinfo as soon as in the other files, although the host's is kept for longer; one of which the
    /// host's says nothing does not have that read at each open.
    @Test func cpuinfoHasTheCPUsThatAreOnline() throws {
        let tree = try FixtureTree(cpus: 2)
        try tree.cgroup("/c", cpus: "0-3")
        let files = tree.fileSystem()
        let container = try files.table.register(id: Array("c".utf8), route: [])
        try files.table.attach(container, pid: 7, membership: FixtureTree.membership("/c"), start: nil)
        func processors() throws -> [String] {
            try files.text("containers/c/proc/cpuinfo").split(separator: "\n").filter { $0.hasPrefix("processor") }
                .compactMap { $0.split(separator: " ").last.map(String.init) }
        }
        func bring(online: String, blocks: Int) throws {
            let block = { (cpu: Int) in "processor\t: \(cpu)\nflags\t\t: \(String(repeating: "x", count: 50_000))\n\n" }
            try tree.write("proc/cpuinfo", (0..<blocks).map(block).joined())
            try tree.write("system/cpu/online", online)
            while try files.text("containers/c/sys/devices/system/cpu/online") != online {}
        }
        #expect(try processors() == ["0", "1"])
        try bring(online: "0-2\n", blocks: 3)
        #expect(try processors() == ["0", "1", "2"])
        try bring(online: "0-3\n", blocks: 3)
        let (began, before) = (Clock.monotonic, try bytesRead())
        for _ in 0..<20 { #expect(try processors() == ["0", "1", "2"]) }
        let due = Int((Clock.monotonic - began) / 50_000_000) + 2
        #expect(try bytesRead() - before < due * 150_000 + 100_000)
    }

    @Test func callerInARegisteredContainersCgroupReadsIts() throws {
        let tree = try FixtureTree()
        try tree.cgroup("/c")
        try tree.process(60, cgroup: "4:memory:/c/deeper\n3:cpuset:/c\n0::/\n", namespaces: "60")
        let files = tree.fileSystem()
        let container = try files.table.register(id: Array("c".utf8), route: [])
        try files.table.attach(container, pid: 60, membership: FixtureTree.membership("/c"), start: nil)
        #expect(try files.text("proc/meminfo", caller: Caller(pid: 60)).hasPrefix("MemTotal:          65536 kB\n"))
        #expect(try files.view(Array("proc/meminfo".utf8), for: 60).starts(with: "MemTotal:          65536 kB\n".utf8))
        #expect(throws: Errno.noEntry) { try files.view(Array("proc/none".utf8), for: 60) }
        #expect(throws: (any Error).self) { try files.view(Array("".utf8), for: 60) }
    }
}
