// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

import Glibc
import Cgroups
import Kernel
import Samples
import Testing

struct MemoryTests {
    @Test func v1WithoutALimit() throws {
        let fixture = try Fixture.v1()
        try fixture.memoryV1("/c", usage: 30)
        let sample = try fixture.cgroup("/c").memory()
        #expect(sample.limit == nil)
        #expect(sample.headroom == nil)
        #expect(sample.usage == 30 * mib)
        #expect(sample.swapLimit == nil)
        #expect(sample.stat.file == 4096)
        #expect(sample.stat.anon == 8192)
    }

    /// A 200 MiB pod with a 300 MiB container: the pod's limit counts, and what the sibling has taken of it.
    @Test(arguments: [CgroupVersion.v1, .v2])
    func lxcfsSiblingsUsageIgnored(_ version: CgroupVersion) throws {
        let fixture: Fixture
        switch version {
        case .v1:
            fixture = try Fixture.v1()
            try fixture.memoryV1("/pod", limit: 200, usage: 180)
            try fixture.memoryV1("/pod/a", limit: 300, usage: 30, hierarchical: 200)
        case .v2:
            fixture = try Fixture.v2()
            try fixture.memoryV2("/pod", limit: 200, usage: 180)
            try fixture.memoryV2("/pod/a", limit: 300, usage: 30)
        }
        let sample = try fixture.cgroup("/pod/a").memory()
        #expect(sample.limit == 200 * mib)
        #expect(sample.headroom == 20 * mib)
        #expect(sample.usage == 30 * mib)
    }

    /// A reader that comes again at once: the container's own limit and everybody's usage are what they are then.
    @Test func v1LimitAndUsageBetweenTwoReads() throws {
        let fixture = try Fixture.v1()
        try fixture.memoryV1("/pod", limit: 200, usage: 180)
        try fixture.memoryV1("/pod/a", limit: 300, usage: 30, hierarchical: 200)
        let cgroup = try fixture.cgroup("/pod/a")
        #expect(try cgroup.memory().headroom == 20 * mib)
        try fixture.memoryV1("/pod", limit: 200, usage: 190)
        #expect(try cgroup.memory().headroom == 10 * mib)
        try fixture.memoryV1("/pod/a", limit: 35, usage: 30)
        let sample = try cgroup.memory()
        #expect(sample.limit == 35 * mib)
        #expect(sample.headroom == 5 * mib)
    }

    /// A limit that is not the least, and counts since less is left of it, is known anew after 10 ms.
    @Test func v1LimitOfAnotherLevelIsSeenBeforeLong() throws {
        let fixture = try Fixture.v1()
        try fixture.memoryV1("/pod", limit: 200, usage: 180)
        try fixture.memoryV1("/pod/a", limit: 100, usage: 10, hierarchical: 100)
        let cgroup = try fixture.cgroup("/pod/a")
        #expect(try cgroup.memory().headroom == 20 * mib)
        try fixture.memoryV1("/pod", limit: 185, usage: 180)
        usleep(11_000)
        #expect(try cgroup.memory().headroom == 5 * mib)
    }

    /// Limits that are of another moment than memory.stat are not kept: MemTotal is what memory.stat says the next time.
    @Test func v1LimitsOfAnotherMomentAreNotKept() throws {
        let fixture = try Fixture.v1()
        try fixture.memoryV1("/c", limit: 200, usage: 10, hierarchical: 100)
        let cgroup = try fixture.cgroup("/c")
        _ = try cgroup.memory()
        try fixture.memoryV1("/c", limit: 100, usage: 10, hierarchical: 100)
        #expect(try cgroup.memory().limit == 100 * mib)
    }

    /// The headroom can be least at a level whose limit is not.
    @Test func headroomAndLimitAtDifferentLevels() throws {
        let fixture = try Fixture.v2()
        try fixture.memoryV2("/a", limit: 1000, usage: 995)
        try fixture.memoryV2("/a/b", usage: 500)
        try fixture.memoryV2("/a/b/c", limit: 100, usage: 10)
        let sample = try fixture.cgroup("/a/b/c").memory()
        #expect(sample.limit == 100 * mib)
        #expect(sample.headroom == 5 * mib)
    }

    /// Where a parent is short of memory the kernel takes the page cache of all below it.
    @Test(arguments: [CgroupVersion.v1, .v2])
    func othersCacheIsAvailable(_ version: CgroupVersion) throws {
        let fixture = version == .v1 ? try Fixture.v1() : try Fixture.v2()
        let (base, total) = version == .v1 ? ("/sys/fs/cgroup/memory", "total_") : ("/sys/fs/cgroup", "")
        func stat(_ path: String, file: UInt64, limit: UInt64) throws {
            try fixture.write(
                "\(base)\(path)/memory.stat",
                "hierarchical_memory_limit \(limit * mib)\n\(total)inactive_file \(file * mib)\n"
            )
        }
        func add(_ path: String, limit: UInt64, usage: UInt64, file: UInt64, least: UInt64) throws {
            if version == .v1 {
                try fixture.memoryV1(path, limit: limit, usage: usage)
            } else {
                try fixture.memoryV2(path, limit: limit, usage: usage)
            }
            try stat(path, file: file, limit: least)
        }
        try add("/pod", limit: 300, usage: 290, file: 270, least: 300)
        try add("/pod/c", limit: 400, usage: 5, file: 2, least: 300)
        var sample = try fixture.cgroup("/pod/c").memory()
        #expect(sample.headroom == 10 * mib && sample.available == 280 * mib)
        // The container's own limit is the less.
        try add("/pod/c", limit: 100, usage: 5, file: 2, least: 100)
        sample = try fixture.cgroup("/pod/c").memory()
        #expect(sample.headroom == 10 * mib && sample.available == 97 * mib)
        // Of two readings of different moments: never less than the container's own.
        try stat("/pod", file: 1, limit: 300)
        usleep(1_100_000)
        sample = try fixture.cgroup("/pod/c").memory()
        #expect(sample.headroom == 10 * mib && sample.available == 12 * mib)
    }

    /// MemFree: 18446744073709448484 kB.
    @Test(arguments: [CgroupVersion.v1, .v2])
    func lxcfsUnderflowWhenUsageExceedsALimitJustLowered(_ version: CgroupVersion) throws {
        let fixture = version == .v1 ? try Fixture.v1() : try Fixture.v2()
        if version == .v1 {
            try fixture.memoryV1("/c", limit: 10, usage: 30)
        } else {
            try fixture.memoryV2("/c", limit: 10, usage: 30)
        }
        #expect(try fixture.cgroup("/c").memory().headroom == 0)
    }

    /// The limit is the pod's; the container has no memory controller of its own, and LXCFS shows the host.
    @Test func lxcfsHostValuesWhereTheControllerIsNotEnabledAtTheLeaf() throws {
        let fixture = try Fixture.v2()
        try fixture.memoryV2("/pod", limit: 300, usage: 100)
        try fixture.write("/sys/fs/cgroup/pod/c/cgroup.events", "populated 1\n")
        let sample = try fixture.cgroup("/pod/c").memory()
        #expect(sample.limit == 300 * mib)
        #expect(sample.headroom == 200 * mib)
        #expect(sample.usage == 100 * mib)
        #expect(sample.stat.anon == 8192)
    }

    /// The root's files are the host's.
    @Test func theRootNeverAnswers() throws {
        let fixture = try Fixture.v2()
        try fixture.write("/sys/fs/cgroup/memory.stat", "anon 1\n")
        try fixture.write("/sys/fs/cgroup/memory.current", "1\n")
        try fixture.write("/sys/fs/cgroup/c/cgroup.events", "populated 1\n")
        for path in ["/c", "/"] {
            let cgroup = fixture.cgroup(path)
            let error = #expect(throws: CgroupError.self) { try cgroup.memory() }
            #expect(error?.cause == .unconfined)
        }
        let v1 = try Fixture.v1()
        try v1.memoryV1("", usage: 999)
        let error = #expect(throws: CgroupError.self) { try v1.cgroup("/").memory() }
        #expect(error?.cause == .unconfined)
    }

    /// SwapFree: 18446744073709551292 kB (swap.max 0, with swap left from before).
    @Test func lxcfsUnderflowOfSwap() throws {
        let fixture = try Fixture.v2()
        try fixture.memoryV2("/c", limit: 100, usage: 10)
        try fixture.write("/sys/fs/cgroup/c/memory.swap.max", 0)
        try fixture.write("/sys/fs/cgroup/c/memory.swap.current", 5 * mib)
        let sample = try fixture.cgroup("/c").memory()
        #expect(sample.swapLimit == 0)
        #expect(sample.swapHeadroom == 0)
        #expect(sample.swapUsage == 5 * mib)
    }

    @Test func swapOfV2WalksTheAncestors() throws {
        let fixture = try Fixture.v2()
        try fixture.memoryV2("/pod", usage: 100)
        try fixture.write("/sys/fs/cgroup/pod/memory.swap.max", 50 * mib)
        try fixture.write("/sys/fs/cgroup/pod/memory.swap.current", 45 * mib)
        try fixture.memoryV2("/pod/c", usage: 10)
        try fixture.write("/sys/fs/cgroup/pod/c/memory.swap.max", 60 * mib)
        try fixture.write("/sys/fs/cgroup/pod/c/memory.swap.current", 1 * mib)
        let sample = try fixture.cgroup("/pod/c").memory()
        #expect(sample.swapLimit == 50 * mib)
        #expect(sample.swapHeadroom == 5 * mib)
        #expect(sample.swapUsage == 1 * mib)
        let without = try fixture.cgroup("/pod/c").memory(swap: false)
        #expect(without.swapLimit == nil && without.swapUsage == 0)
    }

    /// LXCFS shows the whole of memsw.limit as swap.
    @Test func lxcfsMemoryCountedAsSwapOnV1() throws {
        let fixture = try Fixture.v1()
        try fixture.memoryV1("/c", limit: 100, usage: 40)
        let base = "/sys/fs/cgroup/memory/c"
        try fixture.write("\(base)/memory.memsw.limit_in_bytes", 150 * mib)
        try fixture.write("\(base)/memory.memsw.usage_in_bytes", 60 * mib)
        try fixture.write("\(base)/memory.swappiness", 60)
        try fixture.write(
            "\(base)/memory.stat",
            "hierarchical_memory_limit \(100 * mib)\nhierarchical_memsw_limit \(150 * mib)\n"
        )
        var sample = try fixture.cgroup("/c").memory()
        #expect(sample.swapLimit == 50 * mib)
        #expect(sample.swapUsage == 20 * mib)
        #expect(sample.swapHeadroom == 30 * mib)
        try fixture.write("\(base)/memory.swappiness", 0)
        sample = try fixture.cgroup("/c").memory()
        #expect(sample.swapLimit == 20 * mib)
        #expect(sample.swapHeadroom == 0)
    }

    /// Memory is bounded at one level and memsw at another, as with Docker in Docker.
    @Test func swapOfV1IsBoundedByAllLevelsTogether() throws {
        let fixture = try Fixture.v1()
        func add(_ path: String, limits: (UInt64, UInt64), usage: (UInt64, UInt64), least: (UInt64, UInt64)) throws {
            try fixture.memoryV1(path, limit: limits.0, usage: usage.0)
            let base = "/sys/fs/cgroup/memory\(path)"
            try fixture.write("\(base)/memory.memsw.limit_in_bytes", limits.1 * mib)
            try fixture.write("\(base)/memory.memsw.usage_in_bytes", usage.1 * mib)
            try fixture.write(
                "\(base)/memory.stat",
                "hierarchical_memory_limit \(least.0 * mib)\nhierarchical_memsw_limit \(least.1 * mib)\n"
            )
        }
        try add("/o", limits: (100, 100), usage: (40, 72), least: (100, 100))
        try add("/o/c", limits: (40, 80), usage: (40, 72), least: (40, 80))
        var sample = try fixture.cgroup("/o/c").memory()
        #expect(sample.swapLimit == 40 * mib && sample.swapUsage == 32 * mib && sample.swapHeadroom == 8 * mib)
        try add("/o", limits: (60, 200), usage: (60, 142), least: (60, 200))
        try add("/o/c", limits: (100, 150), usage: (60, 142), least: (60, 150))
        sample = try fixture.cgroup("/o/c").memory()
        #expect(sample.swapLimit == 90 * mib && sample.swapUsage == 82 * mib && sample.swapHeadroom == 8 * mib)
        // A sibling has 80 MiB, and 20 in swap: of 150 there are 50 left, 20 of them memory.
        try add("/o", limits: (100, 150), usage: (80, 100), least: (100, 150))
        try add("/o/c", limits: (500, 900), usage: (0, 0), least: (100, 150))
        sample = try fixture.cgroup("/o/c").memory()
        #expect(sample.headroom == 20 * mib && sample.swapLimit == 50 * mib && sample.swapHeadroom == 30 * mib)
    }

    /// Without any limit, too: what is not swapped out has no swap.
    @Test func swappinessWithoutLimits() throws {
        let fixture = try Fixture.v1()
        try fixture.memoryV1("/c", usage: 40)
        let base = "/sys/fs/cgroup/memory/c"
        try fixture.write("\(base)/memory.memsw.limit_in_bytes", unlimitedV1)
        try fixture.write("\(base)/memory.memsw.usage_in_bytes", 60 * mib)
        try fixture.write("\(base)/memory.swappiness", 0)
        var sample = try fixture.cgroup("/c").memory()
        #expect(sample.limit == nil)
        #expect(sample.swapLimit == 20 * mib && sample.swapHeadroom == 0)
        try fixture.write("\(base)/memory.swappiness", 60)
        sample = try fixture.cgroup("/c").memory()
        #expect(sample.swapLimit == nil && sample.swapHeadroom == nil)
    }

    @Test func missingSwapAccountingIsNoLimit() throws {
        let fixture = try Fixture.v1()
        try fixture.memoryV1("/c", limit: 100, usage: 40)
        let sample = try fixture.cgroup("/c").memory()
        #expect(sample.limit == 100 * mib)
        #expect(sample.swapLimit == nil && sample.swapHeadroom == nil && sample.swapUsage == 0)
    }

    @Test func hugePages() throws {
        let fixture = try Fixture.v2()
        try fixture.write("/sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages", 4)
        try fixture.write("/sys/kernel/mm/hugepages/hugepages-1048576kB/nr_hugepages", 0)
        try fixture.memoryV2("/pod", usage: 1)
        try fixture.memoryV2("/pod/c", usage: 1)
        try fixture.write("/sys/fs/cgroup/pod/hugetlb.2MB.max", 4 * mib)
        // A sibling has some, too.
        try fixture.write("/sys/fs/cgroup/pod/hugetlb.2MB.current", 3 * mib)
        try fixture.write("/sys/fs/cgroup/pod/c/hugetlb.2MB.max", "max\n")
        try fixture.write("/sys/fs/cgroup/pod/c/hugetlb.2MB.current", 2 * mib)
        let sample = try fixture.cgroup("/pod/c").memory(hugetlb: true)
        #expect(sample.hugetlb == [HugetlbSample(pageSize: 2 * mib, limit: 4 * mib, headroom: 1 * mib)])
        #expect(try fixture.cgroup("/pod/c").memory().hugetlb.isEmpty)
    }

    @Test(arguments: ["", "\n", "garbage\n", "-5\n", "\u{0}\u{0}", " \n"])
    func aMalformedLimitIsAnErrorAndNotTheHosts(_ text: String) throws {
        for version in [CgroupVersion.v1, .v2] {
            let fixture = version == .v1 ? try Fixture.v1() : try Fixture.v2()
            if version == .v1 {
                try fixture.memoryV1("/c", limit: 10, usage: 1)
                try fixture.write("/sys/fs/cgroup/memory/c/memory.limit_in_bytes", text)
            } else {
                try fixture.memoryV2("/c", limit: 10, usage: 1)
                try fixture.write("/sys/fs/cgroup/c/memory.max", text)
            }
            let error = #expect(throws: CgroupError.self) { try fixture.cgroup("/c").memory() }
            #expect(error?.cause == .malformed)
        }
    }

    @Test func hugeNumbersSaturate() throws {
        let fixture = try Fixture.v2()
        try fixture.memoryV2("/c", limit: 10, usage: 1)
        try fixture.write("/sys/fs/cgroup/c/memory.current", "99999999999999999999999999\n")
        let sample = try fixture.cgroup("/c").memory()
        #expect(sample.usage == .max)
        #expect(sample.headroom == 0)
    }

    @Test func anEndlessFileIsReadToItsBound() throws {
        let fixture = try Fixture.v2()
        try fixture.memoryV2("/c", limit: 10, usage: 1)
        try fixture.write("/sys/fs/cgroup/c/memory.stat", String(repeating: "x 1\n", count: 1 << 20))
        #expect(try fixture.cgroup("/c").memory().limit == 10 * mib)
    }

    @Test func depthIsBoundedAndTheHostsLevelsCount() throws {
        let fixture = try Fixture.v2()
        let deep = "/pod" + String(repeating: "/d", count: 100)
        try fixture.memoryV2("/pod", limit: 50, usage: 20)
        try fixture.memoryV2(deep, usage: 1)
        let sample = try fixture.cgroup(deep).memory()
        #expect(sample.limit == 50 * mib)
        #expect(sample.headroom == 30 * mib)
        #expect(sample.usage == 1 * mib)
    }
}
