// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

import Cgroups
import Kernel
import Samples
import Testing

struct CPUTests {
    @Test func v1() throws {
        let fixture = try Fixture.v1()
        try fixture.write("/sys/fs/cgroup/cpu,cpuacct/c/cpu.cfs_quota_us", 150000)
        try fixture.write("/sys/fs/cgroup/cpu,cpuacct/c/cpu.cfs_period_us", 100000)
        try fixture.write("/sys/fs/cgroup/cpu,cpuacct/c/cpu.stat", "nr_periods 1\nthrottled_time 777\n")
        try fixture.write("/sys/fs/cgroup/cpu,cpuacct/c/cpuacct.usage_all", "cpu user system\n0 10 20\n1 60 80\n")
        try fixture.write("/sys/fs/cgroup/cpu,cpuacct/c/cpuacct.usage_percpu", "30 70 \n")
        try fixture.write("/sys/fs/cgroup/cpuset/c/cpuset.effective_cpus", "0-3,5\n")
        try fixture.write("/sys/fs/cgroup/cpuset/c/cpuset.effective_mems", "0\n")
        let sample = try fixture.cgroup("/c").cpu()
        #expect(sample.quotaCPUs == 2)
        #expect(sample.cpuset == CPUSet([0, 1, 2, 3, 5]))
        #expect(sample.memoryNodes == CPUSet([0]))
        #expect(sample.usage.user == 40)
        #expect(sample.usage.system == 60)
        #expect(sample.usage.perCPU[1] == CPUTimes(user: 30, system: 40))
        #expect(sample.usage.throttled == 777)
        #expect(try fixture.cgroup("/c").cpuLimits().usage == CPUUsage())
    }

    @Test func v1OfKernelsWithoutUsageAll() throws {
        let fixture = try Fixture.v1()
        try fixture.make("/c")
        try fixture.write("/sys/fs/cgroup/cpu,cpuacct/c/cpuacct.usage_percpu", "100 300\n")
        try fixture.write("/sys/fs/cgroup/cpu,cpuacct/c/cpuacct.stat", "user 1\nsystem 1\n")
        let usage = try fixture.cgroup("/c").cpu().usage
        #expect(usage.user == 200 && usage.system == 200)
        #expect(usage.perCPU.count == 2)
    }

    @Test func v2() throws {
        let fixture = try Fixture.v2()
        try fixture.write("/sys/fs/cgroup/c/cpu.max", "50000 100000\n")
        try fixture.write("/sys/fs/cgroup/c/cpu.stat", "usage_usec 3\nuser_usec 1\nsystem_usec 2\nthrottled_usec 4\n")
        try fixture.write("/sys/fs/cgroup/c/cpuset.cpus.effective", "1\n")
        let sample = try fixture.cgroup("/c").cpu()
        #expect(sample.quotaCPUs == 1)
        #expect(sample.cpuset == CPUSet([1]))
        #expect(sample.usage.user == 1000)
        #expect(sample.usage.system == 2000)
        #expect(sample.usage.throttled == 4000)
    }

    /// 6.0 looks at the leaf alone.
    @Test(arguments: [CgroupVersion.v1, .v2])
    func lxcfsQuotaOfTheLeafAlone(_ version: CgroupVersion) throws {
        let fixture = version == .v1 ? try Fixture.v1() : try Fixture.v2()
        try fixture.make("/pod/c/in")
        for (path, quota) in [("/pod", 200_000), ("/pod/c", 700_000), ("/pod/c/in", -1)] {
            if version == .v1 {
                try fixture.write("/sys/fs/cgroup/cpu,cpuacct\(path)/cpu.cfs_quota_us", quota)
                try fixture.write("/sys/fs/cgroup/cpu,cpuacct\(path)/cpu.cfs_period_us", 100_000)
            } else {
                try fixture.write("/sys/fs/cgroup\(path)/cpu.max", "\(quota < 0 ? "max" : "\(quota)") 100000\n")
            }
        }
        #expect(try fixture.cgroup("/pod/c/in").cpuLimits().quotaCPUs == 2)
        #expect(try fixture.cgroup("/").cpuLimits().quotaCPUs == nil)
    }

    /// cpuset.cpus 0-3 inside a parent with 0-1: two CPUs.
    @Test(arguments: [CgroupVersion.v1, .v2])
    func lxcfsCpusetRequestedInsteadOfEffective(_ version: CgroupVersion) throws {
        let fixture = version == .v1 ? try Fixture.v1() : try Fixture.v2()
        try fixture.make("/c")
        if version == .v1 {
            try fixture.write("/sys/fs/cgroup/cpuset/c/cpuset.cpus", "0-3\n")
            try fixture.write("/sys/fs/cgroup/cpuset/c/cpuset.effective_cpus", "0-1\n")
        } else {
            try fixture.write("/sys/fs/cgroup/c/cpuset.cpus", "0-3\n")
            try fixture.write("/sys/fs/cgroup/c/cpuset.cpus.effective", "0-1\n")
        }
        #expect(try fixture.cgroup("/c").cpuLimits().cpuset == CPUSet([0, 1]))
    }

    @Test func cpusetOfTheNearestAncestorThatHasOne() throws {
        let fixture = try Fixture.v2()
        try fixture.write("/sys/fs/cgroup/cpuset.cpus.effective", "0-7\n")
        try fixture.write("/sys/fs/cgroup/pod/cpuset.cpus.effective", "2-3\n")
        try fixture.write("/sys/fs/cgroup/pod/c/cgroup.events", "")
        try fixture.write("/sys/fs/cgroup/d/cgroup.events", "")
        #expect(try fixture.cgroup("/pod/c").cpuLimits().cpuset == CPUSet([2, 3]))
        #expect(try fixture.cgroup("/d").cpuLimits().cpuset == CPUSet(0..<8))
    }

    /// The times of the host's CPUs are not the container's, on v2 without a cpu controller neither.
    @Test func lxcfsHostTimesOnV2() throws {
        let fixture = try Fixture.hybrid()
        try fixture.write("/sys/fs/cgroup/cpu,cpuacct/cpuacct.usage_all", "cpu user system\n0 999 999\n")
        try fixture.write("/sys/fs/cgroup/unified/cpu.stat", "user_usec 999\nsystem_usec 999\n")
        try fixture.write("/sys/fs/cgroup/unified/c/cpu.stat", "user_usec 1\nsystem_usec 2\n")
        let own = fixture.hierarchies().cgroup(Membership("4:cpu,cpuacct:/\n0::/c\n"))
        #expect(try own.cpu().usage.user == 1000)
        #expect(own.isConfined(.cpuacct))
        let none = fixture.hierarchies().cgroup(Membership("4:cpu,cpuacct:/\n0::/\n"))
        #expect(try none.cpu().usage.user == 0)
        #expect(!none.isConfined(.cpuacct))
    }

    /// On a hybrid system the container may be where its engine is in v2.
    @Test func theEnginesV2CgroupIsNotTheContainers() throws {
        let fixture = try Fixture.hybrid()
        try fixture.write("/sys/fs/cgroup/unified/engine/cpu.stat", "user_usec 999\n")
        try fixture.write("/sys/fs/cgroup/unified/engine/cpu.pressure", "some\n")
        let cgroup = fixture.hierarchies().cgroup(Membership("4:memory:/docker/ab\n0::/engine\n"))
        #expect(try cgroup.cpu().usage.user == 0)
        #expect(try cgroup.pressure(.cpu) == nil)
    }

    @Test(arguments: ["", "garbage", "max", "0 0\n", "1 0\n", "99999999999999999999999 1\n", "-1 -1\n", "\n\n\n"])
    func hostileQuotas(_ text: String) throws {
        let fixture = try Fixture.v2()
        try fixture.write("/sys/fs/cgroup/c/cpu.max", text)
        try fixture.write("/sys/fs/cgroup/c/cpu.stat", text)
        _ = try fixture.cgroup("/c").cpu()
    }
}
