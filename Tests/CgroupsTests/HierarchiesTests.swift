// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

import Cgroups
import Kernel
import Testing

struct HierarchiesTests {
    @Test func v1() throws {
        let hierarchies = try Fixture.v1().hierarchies()
        for controller in Controller.allCases { #expect(hierarchies.version(of: controller) == .v1) }
        #expect(!hierarchies.hasUnified)
    }

    @Test func hybrid() throws {
        let fixture = try Fixture.hybrid()
        let hierarchies = fixture.hierarchies()
        #expect(hierarchies.version(of: .memory) == .v1)
        #expect(hierarchies.hasUnified)
        #expect(hierarchies.directory(of: .cpu) == hierarchies.directory(of: .cpuacct))
        #expect(hierarchies.directory(of: .cpu) == fixture.root.appending("/sys/fs/cgroup/cpu,cpuacct"))
    }

    @Test func v2() throws {
        let hierarchies = try Fixture.v2().hierarchies()
        for controller in Controller.allCases { #expect(hierarchies.version(of: controller) == .v2) }
    }

    @Test func eachControllerForItself() throws {
        let fixture = try Fixture()
        try fixture.mountV1("cpuset")
        try fixture.mountV2("memory io", at: "/sys/fs/cgroup/unified")
        let hierarchies = fixture.hierarchies()
        #expect(hierarchies.version(of: .cpuset) == .v1)
        #expect(hierarchies.version(of: .memory) == .v2)
        #expect(hierarchies.version(of: .io) == .v2)
        #expect(hierarchies.version(of: .pids) == nil)
        // v2 accounts for CPU time without a controller.
        #expect(hierarchies.version(of: .cpuacct) == .v2)
    }

    @Test func nothingMounted() throws {
        let hierarchies = try Fixture().hierarchies()
        let cgroup = hierarchies.cgroup(.everywhere("/a"))
        #expect(throws: CgroupError.self) { try cgroup.memory() }
        #expect(try cgroup.cpu().usage.user == 0)
        #expect(!cgroup.isConfined(.memory))
    }

    @Test func somethingMountedLater() throws {
        let fixture = try Fixture()
        let hierarchies = fixture.hierarchies()
        #expect(!hierarchies.refresh(mountinfo: fixture.mountinfo))
        try fixture.mountV1("memory")
        #expect(hierarchies.refresh(mountinfo: fixture.mountinfo))
        #expect(hierarchies.version(of: .memory) == .v1)
        #expect(!hierarchies.refresh(mountinfo: fixture.mountinfo))
    }

    @Test func aCoveredMountIsPassedOver() throws {
        let fixture = try Fixture()
        let covered = "50 22 0:50 / /covered rw - cgroup2 cgroup2 rw\n"
        try fixture.mountV2("memory")
        let hierarchies = Hierarchies(mountinfo: Array(covered.utf8) + fixture.mountinfo, prefix: fixture.root)
        #expect(hierarchies.version(of: .memory) == .v2)
    }

    @Test func aPartOfTheHierarchyIsMounted() throws {
        let fixture = try Fixture()
        try fixture.mountV1("memory", shows: "/docker/ab")
        try fixture.memoryV1("", limit: 100, usage: 60)
        try fixture.memoryV1("/in", usage: 10, hierarchical: 100)
        let hierarchies = fixture.hierarchies()
        let inside = try hierarchies.cgroup(Membership("4:memory:/docker/ab/in\n")).memory()
        #expect(inside.limit == 100 * mib)
        #expect(inside.headroom == 40 * mib)
        #expect(try hierarchies.cgroup(Membership("4:memory:/docker/ab\n")).memory().usage == 60 * mib)
        // What the mount does not show cannot be told.
        let outside = hierarchies.cgroup(Membership("4:memory:/docker/cd\n"))
        #expect(throws: CgroupError.self) { try outside.memory() }
    }

    @Test func theHostsTreeSeenFromACgroupNamespace() throws {
        let fixture = try Fixture()
        try fixture.mountV1("memory", shows: "/../..")
        try fixture.memoryV1("/pods/c", limit: 7, usage: 1)
        let hierarchies = fixture.hierarchies()
        #expect(try hierarchies.cgroup(Membership("4:memory:/../../pods/c\n")).memory().limit == 7 * mib)
        // Names unknown: between the two roots.
        #expect(throws: CgroupError.self) { try hierarchies.cgroup(Membership("4:memory:/../c\n")).memory() }
        #expect(throws: CgroupError.self) {
            try hierarchies.cgroup(Membership("4:memory:/../../../../etc\n")).memory()
        }
    }

    @Test func namesWithEveryLegalByte() throws {
        let fixture = try Fixture.v2()
        // One name can hold 255 bytes.
        let bytes = (1...255).map(UInt8.init).filter { $0 != 10 && $0 != 47 }
        let path = Path([47] + bytes)
        try fixture.write(Path("/sys/fs/cgroup").appending(path).appending("memory.max"), Array("4096\n".utf8))
        try fixture.write(Path("/sys/fs/cgroup").appending(path).appending("memory.current"), Array("1024\n".utf8))
        let line = Array("0::".utf8) + path.bytes + [10]
        let sample = try fixture.hierarchies().cgroup(Membership(parsing: line.span)).memory()
        #expect(sample.limit == 4096)
        #expect(sample.headroom == 3072)
    }
}
