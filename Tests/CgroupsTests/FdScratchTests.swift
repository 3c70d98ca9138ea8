// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

import Kernel
import Testing

@testable import Cgroups

/// Files of one record, of any length.
@Suite struct FdScratchTests {
    /// What is longer than a page comes by one read of all of it, never by pages: the kernel makes the record anew for each
    /// reader that begins, so another thread's pages are of another moment.
    @Test(arguments: [(0, 1), (4095, 1), (4096, 2), (10_000, 2), (70_000, 4)])
    func aRecordIsReadWhole(size: Int, reads: Int) throws {
        let fixture = try Fixture()
        let content = (0..<size).map { UInt8(truncatingIfNeeded: $0 / 7) }
        let path = fixture.root.appending("record")
        try FileTree.write(content, to: path)
        let file = try Fd.open(path)
        let before = try Self.reads()
        let isWhole = try file.withContents(limit: 1 << 20) { (span) in
            span.count == size && span.indices.allSatisfy { span[$0] == content[$0] }
        }
        let after = try Self.reads()
        #expect(isWhole)
        #expect(after - before - 2 == reads)
    }

    @Test(arguments: [1, 4096, 4097, 20_000, 1 << 20]) func limitIsKept(limit: Int) throws {
        let fixture = try Fixture()
        let path = fixture.root.appending("record")
        try FileTree.write([UInt8](repeating: 1, count: 50_000), to: path)
        #expect(try Fd.open(path).withContents(limit: limit) { $0.count } == min(limit, 50_000))
    }

    /// How many reads this thread had done (proc_pid_io(5), syscr) before the two by which it learns that.
    private static func reads() throws -> Int {
        let text = try Fd.contents(of: "/proc/thread-self/io", limit: 4096)
        let lines = String(decoding: text, as: UTF8.self).split(separator: "\n")
        let count = lines.first { $0.hasPrefix("syscr") }?.split(separator: " ").last ?? ""
        return Int(count) ?? 0
    }
}
