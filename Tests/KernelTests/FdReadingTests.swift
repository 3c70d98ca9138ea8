// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

import Kernel
import Testing

/// Files of /proc as the kernel makes them: of one record, and of many.
@Suite struct FdReadingTests {
    /// The kernel ends a read of a file of many records at a record's end, before the page is full: the first 4096
    /// bytes of /proc/kallsyms come as some 4070.
    ///
    /// What follows belongs to the file all the same.
    @Test func shortReadIsNotTheEnd() throws {
        let contents = try Fd.contents(of: "/proc/kallsyms", limit: 300_000)
        #expect(contents.count == 300_000)
    }

    @Test(arguments: [1, 100, 4096, 4097, 70_000]) func limitIsKept(limit: Int) throws {
        #expect(try Fd.contents(of: "/proc/kallsyms", limit: limit).count == limit)
    }

    @Test func fileOfOneRecordComesWhole() throws {
        let stat = try Fd.contents(of: "/proc/self/stat", limit: 65536)
        #expect(stat.last == UInt8(ascii: "\n"))
        #expect(stat.count { $0 == UInt8(ascii: "\n") } == 1)
    }

    @Test func keptDescriptorReadsFromTheStartEachTime() throws {
        let file = try Fd.open("/proc/version")
        let first = try file.contents(limit: 4096)
        #expect(!first.isEmpty)
        #expect(try file.contents(limit: 4096) == first)
    }

    @Test func emptyFileIsEmpty() throws {
        #expect(try Fd.contents(of: "/dev/null", limit: 4096) == [])
    }
}
