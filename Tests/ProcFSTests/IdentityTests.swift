// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

import Cgroups
import FuseServer
import Kernel
import Testing

@testable import ProcFS

/// Who a caller is, in a /proc made of files: without cgroup namespaces, which a thread would have to enter.
struct IdentityTests {
    private let tree: FixtureTree

    init() throws {
        tree = try FixtureTree()
        try tree.cgroup("/c")
        try tree.write("memory/c/cgroup.procs", "")
    }

    /// A process; `numbers`: in each pid namespace.
    private func process(
        _ numbers: [Int],
        start: Int,
        hosts: [String] = ["cgroup"],
        parent: Int = 1,
        in place: String = "/c"
    ) throws {
        let pid = numbers.first ?? 0
        let cgroup = "4:memory:\(place)\n3:cpuset:\(place)\n0::/\n"
        try tree.process(pid, cgroup: cgroup, namespaces: "own", start: start, parent: parent)
        try tree.write(
            "proc/\(pid)/status",
            "Name:\tx\nNSpid:\t\(numbers.map { "\($0)" }.joined(separator: "\t"))\n"
        )
        for name in hosts { try tree.share(name, of: 1, with: pid) }
    }

    /// Those in /c; in the order of a v2 kernel, which is none.
    private func members(_ pids: [Int]) throws {
        try tree.write("memory/c/cgroup.procs", pids.map { "\($0)\n" }.joined())
    }

    /// When the container began that the caller is in.
    private func start(for pid: Int32, of files: UmweltFS) throws -> Identity.Start? {
        let text = try files.text("proc/meminfo", caller: Caller(pid: pid))
        #expect(text.hasPrefix("MemTotal:          65536 kB\n"))
        #expect(files.table.all.count == 1)
        return files.table.all.first?.start
    }

    /// A sandbox in a container (bubblewrap, a browser) has a pid and a mount namespace of its own, and is younger.
    @Test func aContainerBeganWithItsFirstProcessWhoeverReads() throws {
        // Not of it: a login shell, and who made it from there.
        try process([20], start: 20, hosts: ["pid", "cgroup", "mnt"])
        try process([30], start: 30, hosts: ["pid", "cgroup"])
        try process([70, 1], start: 100)
        try tree.share("pid", of: 70, with: 30, as: "pid_for_children")
        try process([71, 2], start: 400)
        try tree.share("pid", of: 70, with: 71)
        try process([80, 10, 1], start: 500)
        try members([80, 71, 20, 70, 30])
        let began = Identity.Start(bootNs: 1_000_000_000, initPID: 70)
        for reader in [80, 71, 70] as [Int32] {
            let files = tree.fileSystem()
            #expect(try start(for: reader, of: files) == began, "read first by \(reader)")
        }
        // That one ends, and another one reads: the container is the same.
        let files = tree.fileSystem()
        _ = try start(for: 80, of: files)
        let container = files.table.all.first
        try FileTree.removeAll(tree.proc.appending("80"))
        try process([90, 11, 1], start: 900)
        try members([70, 71, 90])
        #expect(try start(for: 90, of: files) == began)
        #expect(files.table.all.first === container)
    }

    private func identity() -> Identity {
        Identity(
            processes: ProcessSource(root: tree.proc),
            table: ContainerTable(hierarchies: tree.hierarchies)
        )
    }

    /// The cgroup by which a caller is placed; nil: it is the host's.
    private func place(_ pid: Int32, by identity: Identity) throws -> String? {
        guard case .container(let container) = try identity.subject(of: pid) else { return nil }
        return container.membership?[.memory].map { "\($0)" }
    }

    /// nsenter -m from a service of the host, while others had all processes looked at for too long: for now it is placed
    /// by its cgroup.
    @Test func aWalkOfTheNodeIsPostponed() throws {
        try process([70, 1], start: 100)
        try process([90], start: 200, hosts: ["pid", "cgroup"], in: "/s")
        try tree.share("mnt", of: 70, with: 90)
        for pid in [1, 90] { try tree.write("proc/\(pid)/root/x", "") }
        let identity = identity()
        identity.walks.withLock { $0.spend(100_000_000_000, at: Clock.monotonic) }
        #expect(try place(90, by: identity) == "/s")
        #expect(try place(1, by: identity) == nil)
        // It is not kept.
        identity.walks.withLock { $0 = Allowance() }
        #expect(try place(90, by: identity) == "/c")
    }

    /// Before Linux 6.11, where a pid namespace does not tell its init: what unshare(1) starts finds it above itself.
    @Test func theInitOfACallerIsAboveIt() throws {
        try process([70, 1], start: 100)
        try process([71, 5], start: 200, parent: 70)
        try process([72, 6], start: 300, parent: 71, in: "/c/deeper")
        for pid in [71, 72] { try tree.share("pid", of: 70, with: pid) }
        let identity = identity()
        identity.walks.withLock { $0.spend(100_000_000_000, at: Clock.monotonic) }
        #expect(try place(72, by: identity) == "/c")
    }

    @Test func aTenthOfTheTimeAndASecondAtOnce() {
        var allowance = Allowance()
        var spent: UInt64 = 0
        for now in stride(from: 0, to: 100_000_000_000, by: 1_000_000) as StrideTo<UInt64>
        where allowance.allowsMore(at: now) {
            allowance.spend(20_000_000, at: now)
            spent += 20_000_000
            if now == 1_000_000_000 { #expect(spent <= 1_200_000_000) }
        }
        #expect((10_900_000_000...11_100_000_000).contains(spent))
        allowance.spend(.max, at: .max)
        #expect(allowance.allowsMore(at: .max))
        #expect(!allowance.allowsMore(at: 0))
    }

    /// With the host's pid namespace there is no init to go by.
    @Test func aContainerInTheHostsPIDNamespaceBeganWithItsFirstProcess() throws {
        try process([70], start: 100, hosts: ["pid", "cgroup"])
        try process([71], start: 700, hosts: ["pid", "cgroup"])
        try members([71, 70])
        // Of another root than the host's.
        for pid in [70, 71] { try tree.write("proc/\(pid)/root/x", "") }
        try tree.write("proc/1/root/x", "")
        #expect(try start(for: 71, of: tree.fileSystem()) == Identity.Start(bootNs: 1_000_000_000))
    }
}
