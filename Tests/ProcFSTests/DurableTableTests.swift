// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

import Cgroups
import Glibc
import Kernel
import Testing

@testable import ProcFS

/// What of the container table outlives the process.
struct DurableTableTests {
    private let boot = Array("b-1".utf8)

    private func text(_ changes: [DurableTable.Change]) -> [UInt8] {
        DurableTable.header(boot: boot) + changes.flatMap(DurableTable.line)
    }

    private var changes: [DurableTable.Change] {
        let membership = Membership(parsing: Array("4:memory:/a b%\n3:blkio:/x\n0::/\u{e9}\n".utf8).span)
        let start = Identity.Start(bootNs: .max, clockOffsetNs: -5)
        return [
            .registered(key: 1, id: Array("one".utf8), route: []),
            .registered(key: 2, id: Array("two".utf8), route: [0, 10, 32, 37, 255]),
            .attached(key: 2, pid: 77, start: start, membership: membership),
            .refuge(key: 2, namespace: 4_026_531_841), .succeeded(key: 2, pid: 78, startNs: 9),
            .registered(key: 3, id: Array("three".utf8), route: Array("run".utf8)),
            .deregistered(key: 1),
        ]
    }

    @Test func whatWasWrittenIsRead() {
        let table = DurableTable(parsing: text(changes), boot: boot)
        #expect(table.entries.keys.sorted() == [2, 3])
        #expect(table.entries[2]?.route == [0, 10, 32, 37, 255])
        #expect(table.entries[2]?.pid == 78 && table.entries[2]?.processStartNs == 9)
        #expect(table.entries[2]?.refuge == 4_026_531_841)
        #expect(table.entries[2]?.start == Identity.Start(bootNs: .max, clockOffsetNs: -5))
        #expect(table.entries[2]?.membership.unified == Path("/\u{e9}"))
        #expect(table.entries[2]?.membership[.memory] == "/a b%")
        #expect(table.entries[2]?.membership[.io] == "/x")
        #expect(table.lastKey == 3)
        // And the shorter text says the same.
        #expect(DurableTable(parsing: text(table.changes), boot: boot) == table)
    }

    /// The writer may end at any byte; what it had finished is there.
    @Test func everyTruncationIsATableOfTheLinesBefore() {
        let whole = text(changes)
        var counts: Set<Int> = []
        for length in 0...whole.count {
            let table = DurableTable(parsing: Array(whole.prefix(length)), boot: boot)
            counts.insert(table.entries.count)
            #expect(table.entries.count <= 3)
        }
        #expect(counts == [0, 1, 2, 3])
    }

    @Test func anotherBootsTableIsEmpty() {
        #expect(DurableTable(parsing: text(changes), boot: Array("b-2".utf8)).entries.isEmpty)
        #expect(DurableTable(parsing: [], boot: boot).entries.isEmpty)
    }

    @Test(arguments: [
        "+ 0 a r", "+ 16777216 a r", "+ x a r", "+ 1 .. r", "+ 1 a", "@ 1 0 5 5 %", "@ 1 -3 5 5 %",
        "@ 1 99999999999 5 5 %",
        "- x", "p 2 0 5", "p 9 7 7", "p 1 5", "?", "", "+ 1 a%2 r", "k 99999999999", "m 2 0", "m 2 -1", "m 2",
    ]) func nonsenseIsLeftOut(line: String) {
        let table = DurableTable(parsing: text([]) + Array("\(line)\n".utf8) + text(changes).dropFirst(0), boot: boot)
        #expect(table.entries.count <= 3)
        let alone = DurableTable(parsing: text([]) + Array("\(line)\n".utf8), boot: boot)
        #expect(alone.entries.values.allSatisfy { ContainerTable.isValid(id: $0.id) && $0.pid >= 0 })
    }

    @Test func journalOutlivesItsProcess() throws {
        let tree = try FixtureTree()
        let path = tree.root.appending("table")
        do {
            let table = ContainerTable(hierarchies: tree.hierarchies, journal: try TableJournal(at: path))
            for index in 0..<1000 { _ = try table.register(id: Array("c\(index)".utf8), route: []) }
            for index in 0..<1000 where index % 2 == 0 { _ = table.deregister(id: Array("c\(index)".utf8)) }
            let container = try #require(table.container(id: Array("c501".utf8)))
            try table.attach(container, pid: 9, membership: FixtureTree.membership("/c"), start: nil)
        }
        let again = ContainerTable(hierarchies: tree.hierarchies, journal: try TableJournal(at: path))
        #expect(again.registered.map(\.id) == (0..<1000).filter { $0 % 2 == 1 }.map { Array("c\($0)".utf8) })
        #expect(again.container(id: Array("c501".utf8))?.pid == 9)
        #expect(again.registered(covering: FixtureTree.membership("/c"))?.id == Array("c501".utf8))
        // Keys are not given out again.
        let last = try #require(again.registered.last).key
        #expect(try again.register(id: Array("new".utf8), route: []).key == last + 1)
    }

    /// A disk without room for the table written anew: the process that comes serves on with it as it is.
    @Test func journalThatCannotBeWrittenAnewGoesOn() throws {
        let tree = try FixtureTree()
        let path = tree.root.appending("table")
        do {
            let table = ContainerTable(hierarchies: tree.hierarchies, journal: try TableJournal(at: path))
            for name in ["a", "b"] { _ = try table.register(id: Array(name.utf8), route: []) }
        }
        // Cut short by a full disk.
        let text = try Fd.contents(of: path, limit: 4096)
        try FileTree.write(text + Array("+ 9 half".utf8), to: path, mode: 0o600)
        try Directories.make(Path("\(path).new"))
        do {
            let table = ContainerTable(hierarchies: tree.hierarchies, journal: try TableJournal(at: path))
            #expect(table.registered.map(\.id) == [Array("a".utf8), Array("b".utf8)])
            _ = try table.register(id: Array("c".utf8), route: [])
        }
        let again = ContainerTable(hierarchies: tree.hierarchies, journal: try TableJournal(at: path))
        #expect(again.registered.map(\.id) == ["a", "b", "c"].map { Array($0.utf8) })
        // What is no table is not taken for one, as long as it cannot be replaced.
        try FileTree.write(Array("something\n".utf8), to: path, mode: 0o600)
        #expect(throws: Errno.self) { try TableJournal(at: path) }
    }

    /// A table that is there and cannot be read is not taken for an empty one, which would replace it.
    @Test func journalThatCannotBeReadIsKept() throws {
        let tree = try FixtureTree()
        let path = tree.root.appending("table")
        let kept = tree.root.appending("kept")
        do {
            let table = ContainerTable(hierarchies: tree.hierarchies, journal: try TableJournal(at: path))
            _ = try table.register(id: Array("a".utf8), route: [])
        }
        try Directories.rename(path, to: kept)
        // A loop of links: rename(2) would replace it.
        #expect(symlink("\(path)", "\(path)") == 0)
        #expect(throws: Errno.self) { try TableJournal(at: path) }
        try Directories.rename(kept, to: path)
        let again = ContainerTable(hierarchies: tree.hierarchies, journal: try TableJournal(at: path))
        #expect(again.registered.map(\.id) == [Array("a".utf8)])
    }

    /// A container that comes and goes for ever does not fill the disk.
    @Test func journalStaysSmall() throws {
        let tree = try FixtureTree()
        let path = tree.root.appending("table")
        let table = ContainerTable(hierarchies: tree.hierarchies, journal: try TableJournal(at: path))
        for _ in 0..<5000 {
            _ = try table.register(id: Array("a".utf8), route: [])
            _ = table.deregister(id: Array("a".utf8))
        }
        #expect(try FileStatus.of(path).size < 200_000)
    }
}
