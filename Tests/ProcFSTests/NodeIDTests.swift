// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

import FuseServer
import Testing

@testable import ProcFS

/// Node numbers outlive the daemon: what they are is computed, and may never change.
@Suite struct NodeIDTests {
    @Test func numbersAreWhatTheyEverWere() {
        #expect(NodeID(key: 0, entry: .root).rawValue == 1)
        #expect(NodeID(key: 0, entry: EntryID(.meminfo)).rawValue == 64)
        #expect(NodeID(key: 0, entry: EntryID(.pressureIO)).rawValue == 74)
        #expect(NodeID(key: 5, entry: .proc).rawValue == 5 << 36 | 3)
        #expect(
            EntryID(sysfsPath: Array("cpu/online".utf8)).rawValue
                == EntryID(sysfsPath: Array("cpu/online".utf8)).rawValue
        )
    }

    @Test func numbersAreReversible() {
        for key in [UInt32(0), 1, 2, 65536, NodeID.keyLimit - 1] {
            for entry in ProcFile.allCases.map({ EntryID($0) }) + [.root, .proc, .system, EntryID(sysfsPath: [1, 2])] {
                let id = NodeID(key: key, entry: entry)
                #expect(NodeID(rawValue: id.rawValue) == id)
                #expect(id.rawValue < 1 << 60)
            }
        }
    }

    @Test func namedEntriesAndSysfsNeverMeet() {
        for file in ProcFile.allCases {
            #expect(EntryID(file).procFile == file)
            #expect(!EntryID(file).isSysfs)
        }
        #expect(Set(ProcFile.allCases.map { EntryID($0).rawValue }).count == ProcFile.allCases.count)
        for text in ["cpu", "node", "cpu/cpu0", "", "cpu/cpu1023/topology/core_id"] {
            #expect(EntryID(sysfsPath: Array(text.utf8)).isSysfs)
            #expect(EntryID(sysfsPath: Array(text.utf8)).procFile == nil)
        }
    }

    /// Every number there is, is a node or none, never a trap.
    @Test func anyNumberIsHarmless() throws {
        let tree = try FixtureTree()
        let files = tree.fileSystem()
        var number: UInt64 = 1
        for _ in 0..<20_000 {
            number = number &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            for node in [number, number & 0xFFF, number & 0xFF | number << 36, .max, 0] {
                _ = try? files.attributes(of: node, for: .init(pid: 0))
                _ = try? files.entries(of: node, for: .init(pid: 0))
                _ = try? files.lookup([97], in: node, for: .init(pid: 0))
                _ = try? files.linkTarget(of: node, for: .init(pid: 0))
                _ = try? files.open(node, for: .init(pid: 0))
            }
        }
        #expect(throws: (any Error).self) { try files.open(.max, for: .init(pid: 0)) }
        #expect(throws: (any Error).self) { try files.open(0, for: .init(pid: 0)) }
    }
}
