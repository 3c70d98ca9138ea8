// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

import Cgroups
import Kernel
import Samples
import Synchronization
import Testing

struct KeptFilesTests {
    @Test func boundHoldsWithTenThousandCgroups() throws {
        let fixture = try Fixture.v2()
        let hierarchies = fixture.hierarchies(keptDescriptors: 32)
        for index in 0..<10_000 {
            let name = "/n\(index)"
            if index < 200 { try fixture.memoryV2(name, limit: UInt64(index + 1), usage: 1) }
            let cgroup = hierarchies.cgroup(.everywhere(name))
            if index < 200 {
                #expect(try cgroup.memory().limit == UInt64(index + 1) * mib)
            } else {
                let error = #expect(throws: CgroupError.self) { try cgroup.memory() }
                #expect(error?.cause == .gone)
            }
            #expect(hierarchies.keptDescriptors <= 32)
        }
    }

    /// The descriptors of a container that is no longer of interest go with its handle.
    @Test func descriptorsGoWithTheHandle() throws {
        let fixture = try Fixture.v2()
        try fixture.memoryV2("/c", limit: 10, usage: 1)
        let hierarchies = fixture.hierarchies()
        do {
            let cgroup = hierarchies.cgroup(.everywhere("/c"))
            _ = try cgroup.memory()
            #expect(hierarchies.keptDescriptors > 0)
            _ = cgroup.membership
        }
        #expect(hierarchies.keptDescriptors == 0)
    }

    @Test func evictionLosesNothing() throws {
        let fixture = try Fixture.v2()
        let names = (0..<20).map { "/c\($0)" }
        for (index, name) in names.enumerated() { try fixture.memoryV2(name, limit: UInt64(index + 5), usage: 1) }
        let hierarchies = fixture.hierarchies(keptDescriptors: 8)
        let cgroups = names.map { hierarchies.cgroup(.everywhere($0)) }
        for _ in 0..<5 {
            for (index, cgroup) in cgroups.enumerated() {
                #expect(try cgroup.memory().limit == UInt64(index + 5) * mib)
                #expect(hierarchies.keptDescriptors <= 8)
            }
        }
    }

    @Test func aCgroupRemovedIsGone() throws {
        let fixture = try Fixture.v2()
        try fixture.memoryV2("/c", limit: 10, usage: 1)
        let cgroup = fixture.hierarchies(keptDescriptors: 8).cgroup(.everywhere("/c"))
        let inode = try cgroup.inode()
        #expect(cgroup.isThere(inode: inode))
        #expect(!cgroup.isThere(inode: inode &+ 1))
        try fixture.remove("/sys/fs/cgroup/c")
        #expect(!cgroup.isThere(inode: inode))
        let error = #expect(throws: CgroupError.self) { try cgroup.cpu() }
        #expect(error?.cause == .gone)
    }

    /// While a cgroup is removed its files go first; another of its name is found to have them.
    @Test func aFileThatIsMissingOnceMayCome() throws {
        let fixture = try Fixture.v1()
        try fixture.make("/c")
        let cgroup = fixture.cgroup("/c")
        #expect(try cgroup.cpuLimits().quotaCPUs == nil)
        try fixture.remove("/sys/fs/cgroup/cpu,cpuacct/c")
        try fixture.write("/sys/fs/cgroup/cpu,cpuacct/c/cpu.cfs_period_us", 100000)
        try fixture.write("/sys/fs/cgroup/cpu,cpuacct/c/cpu.cfs_quota_us", 100000)
        #expect(try cgroup.cpuLimits().quotaCPUs == 1)
    }

    /// Readers of the same and of different containers, with a limit so small that every reading evicts.
    @Test func severalThreads() throws {
        let fixture = try Fixture.v2()
        for index in 0..<6 { try fixture.memoryV2("/c\(index)", limit: UInt64(index + 5), usage: 1) }
        let hierarchies = fixture.hierarchies(keptDescriptors: 8)
        let failures = Mutex<[String]>([])
        let threads = try (0..<4).map { number in
            try Thread(name: "reader \(number)") {
                for round in 0..<500 {
                    let index = (round &+ number) % 6
                    do {
                        let sample = try hierarchies.cgroup(.everywhere("/c\(index)")).memory()
                        guard sample.limit != UInt64(index + 5) * mib else { continue }
                        failures.withLock { $0.append("\(index): \(sample)") }
                    } catch {
                        failures.withLock { $0.append("\(error)") }
                    }
                }
            }
        }
        for thread in threads { thread.join() }
        #expect(failures.withLock { $0 }.isEmpty)
        #expect(hierarchies.keptDescriptors <= 8)
    }
}
