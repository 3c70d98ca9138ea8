// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

import Cgroups
import FuseServer
import Kernel
import Samples
import Testing

@testable import ProcFS

/// The table's bounds, and which container a cgroup belongs to.
@Suite struct ContainerTableTests {
    private let table = ContainerTable(hierarchies: Hierarchies(mountinfo: []))

    private func register(_ id: String, at path: String? = nil) throws -> Container {
        let container = try table.register(id: Array(id.utf8), route: Array("test".utf8))
        if let path { try table.attach(container, pid: 9, membership: FixtureTree.membership(path), start: nil) }
        return container
    }

    private func covering(_ path: String) -> String? {
        table.registered(covering: FixtureTree.membership(path)).map { String(decoding: $0.id, as: UTF8.self) }
    }

    @Test(arguments: ["", ".", "..", ".a", "-a", "_a", "a/b", "a b", "a\n", "\u{e9}", "a\0"]) func badNames(id: String)
    {
        #expect(throws: ContainerTable.Refusal.badID) { try table.register(id: Array(id.utf8), route: []) }
    }

    @Test func namesAreAtMost128Bytes() throws {
        _ = try table.register(id: [UInt8](repeating: 97, count: 128), route: [])
        #expect(throws: ContainerTable.Refusal.badID) {
            try table.register(id: [UInt8](repeating: 97, count: 129), route: [])
        }
    }

    @Test func registeredAreBounded() throws {
        for index in 0..<ContainerTable.registeredLimit {
            _ = try table.register(id: Array("c\(index)".utf8), route: [])
        }
        #expect(throws: ContainerTable.Refusal.full) { try table.register(id: [97], route: []) }
        #expect(throws: ContainerTable.Refusal.exists) { try table.register(id: Array("c7".utf8), route: []) }
        #expect(table.deregister(id: Array("c7".utf8)))
        #expect(!table.deregister(id: Array("c7".utf8)))
        let again = try table.register(id: Array("c7".utf8), route: [])
        // Its nodes are others than its predecessor's.
        #expect(again.key > UInt32(ContainerTable.registeredLimit))
    }

    @Test func keysStayWithinTheirBits() throws {
        var keys: Set<UInt32> = []
        for _ in 0..<1000 {
            let container = try register("x")
            #expect(container.key > 0 && container.key < NodeID.keyLimit)
            #expect(keys.insert(container.key).inserted)
            _ = table.deregister(id: Array("x".utf8))
        }
    }

    /// Somebody keeps the cgroup, and starts one container after the other in it.
    @Test func theNextContainerInACgroupIsAnother() {
        let membership = FixtureTree.membership("/kept")
        let (one, two) = (Identity.Start(bootNs: 10, initPID: 7), Identity.Start(bootNs: 20, initPID: 8))
        let first = table.discovered(membership, start: one) { _ in true }
        // A process that came in by nsenter, or of a mount namespace of its own.
        #expect(table.discovered(membership, start: two) { _ in true } === first)
        #expect(table.discovered(membership, start: nil) { _ in false } === first)
        let second = table.discovered(membership, start: two) { $0 == two }
        #expect(second !== first && second.start == two)
        // What is found of the earlier one is late.
        #expect(table.discovered(membership, start: one) { _ in false } === second)
        // Without a pid namespace of its own others go on when the first ends.
        let shared = FixtureTree.membership("/shared")
        let third = table.discovered(shared, start: Identity.Start(bootNs: 10)) { _ in true }
        #expect(table.discovered(shared, start: two) { _ in false } === third)
    }

    /// What the one before is known to have used is not the next one's, where it is the same cgroup.
    @Test func theNextContainerInACgroupBeginsWithItsOwnWork() throws {
        let tree = try FixtureTree()
        try tree.cgroup("/kept")
        let table = ContainerTable(hierarchies: tree.hierarchies, accounts: try AccountStore(cpus: 2))
        let membership = FixtureTree.membership("/kept")
        func next(_ start: UInt64, _ pid: Int32) -> Container {
            table.discovered(membership, start: Identity.Start(bootNs: start, initPID: pid)) { $0.bootNs >= start }
        }
        func advance(_ container: Container, by seconds: UInt64, ageNs: UInt64 = 100_000_000_000) {
            var usage = CPUUsage()
            usage.user = seconds * 1_000_000_000
            container.state.withLock { $0.account.advance(usage: usage, visible: CPUSet([0]), ageNs: ageNs) }
        }
        let first = next(10, 7)
        advance(first, by: 40)
        #expect(first.state.withLock { $0.account.workNs } == 40_000_000_000)
        let second = next(20, 8)
        advance(second, by: 41)
        #expect(second !== first && second.state.withLock { $0.account.workNs } == 1_000_000_000)
        // Made again under its name, it counts from 0.
        for controller in ["memory", "cpuset"] {
            let hierarchy = tree.root.appending(Path(controller))
            try Directories.rename(hierarchy.appending("kept"), to: hierarchy.appending("before"))
        }
        try tree.cgroup("/kept")
        let third = next(30, 9)
        advance(third, by: 5)
        #expect(third !== second && third.state.withLock { $0.account.workNs } == 5_000_000_000)
    }

    /// 10,000 s in 10 s: neither the CPU times nor the load are the container's.
    @Test func whatWasUsedBeforeItBeganIsNoLoad() throws {
        let tree = try FixtureTree()
        try tree.cgroup("/c")
        try tree.write("cpuacct/cgroup.procs", "")
        try tree.write("cpuacct/c/cpuacct.usage_all", "cpu user system\n0 0 0\n1 10000000000000 0\n")
        let mountinfo = """
            30 1 0:30 / \(tree.root)/memory rw - cgroup cgroup rw,memory
            31 1 0:31 / \(tree.root)/cpuset rw - cgroup cgroup rw,cpuset
            32 1 0:32 / \(tree.root)/cpuacct rw - cgroup cgroup rw,cpuacct

            """
        let files = UmweltFS(
            hierarchies: Hierarchies(mountinfo: Array(mountinfo.utf8)),
            proc: tree.proc,
            system: tree.system
        )
        let container = try files.table.register(id: Array("c".utf8), route: [])
        let cgroups = Membership(parsing: Array("5:cpuacct:/c\n4:memory:/c\n3:cpuset:/c\n0::/\n".utf8).span)
        let start = Identity.Start(bootNs: Clock.boot - 10_000_000_000)
        try files.table.attach(container, pid: 7, membership: cgroups, start: start)
        #expect(try files.text("containers/c/proc/loadavg").hasPrefix("0.00 0.00 0.00 "))
        #expect(try files.text("containers/c/proc/stat").hasPrefix("cpu  0 0 0 "))
        // What is told of CPU times goes by those who read them: the load is sampled when nobody does, and after the last process.
        let told = container.state.withLock { $0.account }
        try tree.write("cpuacct/c/cpuacct.usage_all", "cpu user system\n0 0 0\n1 10000500000000 0\n")
        _ = try files.text("containers/c/proc/loadavg")
        let (account, load) = container.state.withLock { ($0.account, $0.loadAccount) }
        #expect(account == told && load?.workNs == 500_000_000)
    }

    /// It costs a look at processes.
    @Test func startIsLookedForOnlyWhereItTells() {
        let membership = FixtureTree.membership("/kept")
        var looks = 0
        func look(_ start: Identity.Start) -> Identity.Start {
            looks += 1
            return start
        }
        let (one, two) = (Identity.Start(bootNs: 10, initPID: 7), Identity.Start(bootNs: 20, initPID: 8))
        let first = table.discovered(membership, start: look(one)) { _ in true }
        for _ in 0..<3 { #expect(table.discovered(membership, start: look(two)) { _ in true } === first) }
        #expect(looks == 1)
        #expect(table.discovered(membership, start: look(two)) { _ in false } !== first)
        #expect(looks == 2)
    }

    @Test func discoveredAreBoundedAndTheLeastReadGoes() {
        var first: Container?
        for index in 0..<(ContainerTable.discoveredLimit + 50) {
            let container = table.discovered(FixtureTree.membership("/d\(index)"), start: nil) { _ in true }
            if index == 0 { first = container }
            // The first is read all the time, and stays.
            first?.state.withLock { $0.lastRead = .max }
        }
        #expect(table.all.count == ContainerTable.discoveredLimit)
        #expect(table.discovered(FixtureTree.membership("/d0"), start: nil) { _ in true } === first)
    }

    @Test func innermostRegisteredContainerIsMeant() throws {
        _ = try register("outer", at: "/a")
        _ = try register("inner", at: "/a/b/c")
        #expect(covering("/a") == "outer")
        #expect(covering("/a/b") == "outer")
        #expect(covering("/a/b/c") == "inner")
        #expect(covering("/a/b/c/d/e") == "inner")
        #expect(covering("/a/b/cc") == "outer")
        #expect(covering("/ab") == nil)
        #expect(covering("/") == nil)
        _ = table.deregister(id: Array("inner".utf8))
        #expect(covering("/a/b/c/d") == "outer")
        _ = table.deregister(id: Array("outer".utf8))
        #expect(covering("/a/b/c") == nil)
    }

    /// Every byte that a name may have, in every place.
    @Test func hostileNamesOfCgroups() throws {
        var names: [[UInt8]] = []
        for byte in UInt8(1)...255 where byte != 10 && byte != 47 { names.append([byte]) }
        names += [Array("a:b".utf8), Array(" (deleted)".utf8), Array("..a".utf8), [UInt8](repeating: 255, count: 255)]
        for (index, name) in names.enumerated() {
            let path = Array("/pods/".utf8) + name
            let container = try table.register(id: Array("n\(index)".utf8), route: [])
            let text = Array("4:memory:".utf8) + path + Array("\n3:cpuset:".utf8) + path + Array("\n0::/\n".utf8)
            try table.attach(container, pid: 5, membership: Membership(parsing: text.span), start: nil)
        }
        for (index, name) in names.enumerated() where name != [46] {
            let path = Array("/pods/".utf8) + name + Array("/x".utf8)
            let text = Array("4:memory:".utf8) + path + Array("\n3:cpuset:".utf8) + path + Array("\n0::/\n".utf8)
            let found = table.registered(covering: Membership(parsing: text.span))
            #expect(found?.id == Array("n\(index)".utf8), "name \(name)")
        }
    }

    /// One that is attached anew leaves nothing where it was.
    @Test func attachedAnewItIsElsewhere() throws {
        let container = try register("one", at: "/a")
        try table.attach(container, pid: 10, membership: FixtureTree.membership("/b"), start: nil)
        #expect(covering("/a") == nil)
        #expect(covering("/b/x") == "one")
        #expect(container.pid == 10)
        _ = table.deregister(id: Array("one".utf8))
        #expect(covering("/b") == nil)
        // One that is gone is not attached.
        try table.attach(container, pid: 10, membership: FixtureTree.membership("/c"), start: nil)
        #expect(covering("/c") == nil)
    }

    /// What was told of the one before is not told of its successor (uptime, CPU times, load).
    @Test func aCgroupMadeAgainUnderItsNameIsAnotherContainer() throws {
        let tree = try FixtureTree()
        try tree.cgroup("/again")
        let table = ContainerTable(hierarchies: tree.hierarchies)
        let membership = FixtureTree.membership("/again")
        let first = table.discovered(membership, start: Identity.Start(bootNs: 1)) { _ in true }
        #expect(table.discovered(membership, start: nil) { _ in true } === first)
        // Kept elsewhere, so that its inode number is not given out again, as cgroupfs never does.
        for controller in ["memory", "cpuset"] {
            let hierarchy = tree.root.appending(Path(controller))
            try Directories.rename(hierarchy.appending("again"), to: hierarchy.appending("before"))
        }
        try tree.cgroup("/again")
        let second = table.discovered(membership, start: Identity.Start(bootNs: 2)) { _ in true }
        #expect(second !== first)
        #expect(second.start == Identity.Start(bootNs: 2))
        #expect(table.all.count == 1)
    }

    /// Faster than they are swept: nothing of them stays, neither here nor in the memory of accounts.
    @Test func shortLivedOnesLeaveNothing() throws {
        let tree = try FixtureTree()
        let accounts = try AccountStore(cpus: 2)
        let table = ContainerTable(hierarchies: tree.hierarchies, accounts: accounts)
        for index in 0..<700 as Range<UInt64> {
            try tree.cgroup("/s\(index)")
            let container = table.discovered(FixtureTree.membership("/s\(index)"), start: Identity.Start(bootNs: index))
            { _ in true }
            #expect(container.state.withLock { $0.accountPlace } != nil)
            for controller in ["memory", "cpuset"] {
                try FileTree.removeAll(tree.root.appending(Path("\(controller)/s\(index)")))
            }
        }
        #expect(table.all.count <= 300)
        // How many places were taken at the most.
        #expect(accounts.memory.load(at: 16) <= 400)
    }

    /// `processes` of /proc/stat, although the newest thread has ended and another process of the daemon tells it.
    @Test func processesOfStatOutliveTheWorker() throws {
        let tree = try FixtureTree()
        try tree.cgroup("/c")
        let accounts = try AccountStore(cpus: 4)
        func stat(_ accounts: AccountStore, newestThread: UInt64) throws -> String {
            let files = UmweltFS(
                hierarchies: tree.hierarchies,
                proc: tree.proc,
                system: tree.system,
                accounts: accounts
            )
            let container = try files.table.register(id: Array("c".utf8), route: [])
            let start = Identity.Start(bootNs: 1)
            try files.table.attach(container, pid: 7, membership: FixtureTree.membership("/c"), start: start)
            var counts = Census()
            counts.newestThread = newestThread
            let census = Container.TimedCensus(counts: counts, takenAt: .max, costNs: 0)
            container.state.withLock { $0.census = census }
            return try files.text("containers/c/proc/stat")
        }
        #expect(try stat(accounts, newestThread: 5000).contains("\nprocesses 5000\n"))
        let next = try AccountStore(adopting: try accounts.memory.fd.duplicate())
        #expect(try stat(next, newestThread: 7).contains("\nprocesses 5000\n"))
        #expect(try stat(next, newestThread: 5001).contains("\nprocesses 5001\n"))
    }

    @Test func sweepForgetsWhatIsGone() throws {
        let tree = try FixtureTree()
        try tree.cgroup("/stays")
        try tree.cgroup("/goes")
        let table = ContainerTable(hierarchies: tree.hierarchies)
        _ = table.discovered(FixtureTree.membership("/stays"), start: nil) { _ in true }
        _ = table.discovered(FixtureTree.membership("/goes"), start: nil) { _ in true }
        table.sweep()
        #expect(table.all.count == 2)
        try FileTree.removeAll(tree.root.appending("memory/goes"))
        try FileTree.removeAll(tree.root.appending("cpuset/goes"))
        table.sweep()
        #expect(table.all.count == 1)
    }
}
