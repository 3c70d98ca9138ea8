// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

import Testing

@testable import ProcView
@testable import Samples

@Suite struct DiskstatsTests {
    static let names = [
        DiskName(major: 7, minor: 0, name: bytes("loop0")), DiskName(major: 8, minor: 0, name: bytes("sda")),
        DiskName(major: 254, minor: 16, name: bytes("vdb")),
    ]

    /// LXCFS on v2 prints the host's file: it asks for a controller `blkio`, which v2 calls `io`.
    @Test func lxcfsHostDiskstatsOnV2653() {
        var disk = IOSample(major: 254, minor: 16)
        (disk.reads, disk.readBytes, disk.writes, disk.writtenBytes) = (10, 4096, 20, 10_241)
        (disk.discards, disk.discardedBytes) = (3, 51_200)
        let unknown = IOSample(major: 99, minor: 9)
        let idle = IOSample(major: 8, minor: 0)
        #expect(
            Diskstats.text([unknown, disk, idle], names: Self.names).string
                == " 254      16 vdb 10 0 8 0 20 0 20 0 0 0 0 3 0 100 0 0 0\n"
        )
    }

    @Test func theFieldsAreTheKernels() {
        var disk = IOSample(major: 8, minor: 0)
        disk.reads = .max
        let line = Diskstats.text([disk], names: Self.names).string
        #expect(line.split(separator: " ").count == 20)
        #expect(line.hasPrefix("   8       0 sda 18446744073709551615 0 0 0 "))
    }

    @Test func withoutIONothing() {
        #expect(Diskstats.text([], names: Self.names).bytes.isEmpty)
    }
}
