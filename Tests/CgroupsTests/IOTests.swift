// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

import Cgroups
import Kernel
import Samples
import Testing

struct IOTests {
    /// LXCFS asks for "blkio" on v2 too, finds none, and shows the host's disks.
    @Test func lxcfsBlkioInsteadOfIOOnV2() throws {
        let fixture = try Fixture.v2()
        try fixture.write("/sys/fs/cgroup/io.stat", "8:0 rbytes=999 wbytes=999 rios=9 wios=9 dbytes=0 dios=0\n")
        try fixture.write("/sys/fs/cgroup/c/io.stat", "8:0 rbytes=1 wbytes=2 rios=3 wios=4 dbytes=5 dios=6\n")
        let sample = try #require(try fixture.cgroup("/c").io().first)
        #expect(sample.readBytes == 1 && sample.writtenBytes == 2 && sample.reads == 3)
        let error = #expect(throws: CgroupError.self) { try fixture.cgroup("/").io() }
        #expect(error?.cause == .unconfined)
    }

    /// Its pod's counts are those of others, too.
    @Test func withoutTheControllerNothingIsCounted() throws {
        let fixture = try Fixture.v2()
        try fixture.write("/sys/fs/cgroup/pod/io.stat", "8:0 rbytes=9 wbytes=9 rios=9 wios=9 dbytes=0 dios=0\n")
        try fixture.write("/sys/fs/cgroup/pod/c/cgroup.events", "")
        #expect(try fixture.cgroup("/pod/c").io().isEmpty)
        #expect(try fixture.cgroup("/pod").io().first?.reads == 9)
    }

    @Test func v1() throws {
        let fixture = try Fixture.v1()
        let base = "/sys/fs/cgroup/blkio/c/blkio.throttle"
        try fixture.write("\(base).io_service_bytes_recursive", "8:0 Read 4096\n8:0 Write 8192\nTotal 12288\n")
        try fixture.write("\(base).io_serviced_recursive", "8:0 Read 1\n8:0 Write 2\nTotal 3\n")
        let sample = try #require(try fixture.cgroup("/c").io().first)
        #expect(sample.readBytes == 4096 && sample.writes == 2)
    }

    @Test func v1WithFiguresOfTheSchedulerAlone() throws {
        let fixture = try Fixture.v1()
        let base = "/sys/fs/cgroup/blkio/c/blkio"
        try fixture.write("\(base).throttle.io_service_bytes_recursive", "Total 0\n")
        try fixture.write("\(base).throttle.io_serviced_recursive", "Total 0\n")
        try fixture.write("\(base).bfq.io_service_bytes_recursive", "8:16 Read 512\nTotal 512\n")
        try fixture.write("\(base).bfq.io_serviced_recursive", "8:16 Read 1\nTotal 1\n")
        #expect(try fixture.cgroup("/c").io().first?.readBytes == 512)
    }

    /// Likewise /proc/pressure/io.
    @Test(arguments: PressureResource.allCases)
    func lxcfsHostPressure(_ resource: PressureResource) throws {
        let fixture = try Fixture.hybrid()
        let name = "\(resource.rawValue).pressure"
        try fixture.write("/sys/fs/cgroup/unified/\(name)", "host\n")
        try fixture.write("/sys/fs/cgroup/unified/c/\(name)", "own\n")
        try fixture.write("/sys/fs/cgroup/unified/d/cgroup.events", "")
        #expect(try fixture.cgroup("/c").pressure(resource) == Array("own\n".utf8))
        #expect(try fixture.cgroup("/d").pressure(resource) == nil)
        #expect(try fixture.cgroup("/").pressure(resource) == nil)
        #expect(try Fixture.v1().cgroup("/c").pressure(resource) == nil)
    }

    @Test(arguments: [CgroupVersion.v1, .v2])
    func pids(_ version: CgroupVersion) throws {
        let fixture = version == .v1 ? try Fixture.v1() : try Fixture.v2()
        let base = version == .v1 ? "/sys/fs/cgroup/pids" : "/sys/fs/cgroup"
        for (path, limit, current) in [("/pod", "10", 9), ("/pod/c", "max", 3)] {
            try fixture.write("\(base)\(path)/pids.max", "\(limit)\n")
            try fixture.write("\(base)\(path)/pids.current", current)
        }
        let (current, limit) = try fixture.cgroup("/pod/c").pids()
        #expect(current == 3 && limit == 10)
        // Its pod's number is that of others, too.
        #expect(throws: CgroupError.self) { try fixture.cgroup("/pod/other").pids() }
    }
}
