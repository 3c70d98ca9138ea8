// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

import Cgroups
import Kernel
import Testing

/// What a reading costs.
///
/// The bounds are for a debug build on a busy machine; the figures are printed.
@Suite(.enabled(if: Lab.isRoot, "needs root, to make cgroups"), .serialized)
struct SpeedTests {
    private func time(_ name: String, rounds: Int = 5000, _ body: () throws -> Void) rethrows -> Double {
        for _ in 0..<100 { try body() }
        var best = Double.infinity
        for _ in 0..<5 {
            let start = Clock.monotonic
            for _ in 0..<(rounds / 5) { try body() }
            best = min(best, Double(Clock.monotonic - start) / Double(rounds / 5) / 1000)
        }
        print("\(name): \((best * 100).rounded() / 100) us")
        return best
    }

    @Test func readings() throws {
        let lab = try Lab()
        try lab.make("/pod")
        try lab.make("/pod/c")
        let cgroup = lab.cgroup("/pod/c")
        var all: [Double] = []
        all.append(try time("memory(), no limit") { _ = try cgroup.memory() })
        if Lab.isV1 {
            try lab.write("/pod/c", .memory, "memory.limit_in_bytes", "256M")
            try lab.write("/pod", .cpu, "cpu.cfs_quota_us", "50000")
        }
        all.append(try time("memory(), limited, 3 levels") { _ = try cgroup.memory() })
        all.append(try time("memory(swap: false), limited") { _ = try cgroup.memory(swap: false) })
        all.append(try time("cpu()") { _ = try cgroup.cpu() })
        all.append(try time("cpuLimits()") { _ = try cgroup.cpuLimits() })
        all.append((try? time("io()") { _ = try cgroup.io() }) ?? 0)
        all.append((try? time("pids()") { _ = try cgroup.pids() }) ?? 0)
        all.append(try time("pressure(.cpu)") { _ = try cgroup.pressure(.cpu) })
        all.append(try time("census(), no thread", rounds: 500) { _ = try cgroup.census() })
        all.append(try time("inode()") { _ = try cgroup.inode() })
        #expect(all.allSatisfy { $0 < 1000 })
    }
}
