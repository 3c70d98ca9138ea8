// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

import Cgroups
import Kernel
import Testing

struct CensusTests {
    /// Threads from `first` on with the states given, in /proc; the comm is one that a naive parser trips over.
    private func threads(_ states: String, in fixture: Fixture, from first: Int = 100) throws -> [Int] {
        var result: [Int] = []
        for (index, state) in states.enumerated() {
            let thread = first + index
            let rest = String(repeating: "0 ", count: 18) + "\(1000 + index) " + String(repeating: "0 ", count: 30)
            try fixture.write("/proc/\(thread)/stat", "\(thread) (a) R (\n) \(state) \(rest)\n")
            try fixture.write("/proc/\(thread)/status", "Name:\ta\nNSpid:\t\(thread)\t\(thread - 99)\n")
            result.append(thread)
        }
        return result
    }

    private func list(_ threads: [Int]) -> String { threads.map { "\($0)\n" }.joined() }

    @Test(arguments: [CgroupVersion.v1, .v2])
    func subtree(_ version: CgroupVersion) throws {
        let fixture = version == .v1 ? try Fixture.v1() : try Fixture.v2()
        let base = version == .v1 ? "/sys/fs/cgroup/memory" : "/sys/fs/cgroup"
        let file = version == .v1 ? "tasks" : "cgroup.threads"
        let all = try threads("SRDZIR", in: fixture)
        try fixture.write("\(base)/c/\(file)", list(Array(all.prefix(2))))
        try fixture.write("\(base)/c/a/\(file)", list(Array(all[2...3])))
        // 0: not in this pid namespace. 999: has ended meanwhile.
        try fixture.write("\(base)/c/a/b/d/e/f/\(file)", list(Array(all[4...]) + [0, 999]))
        for directory in ["/c/a/b", "/c/a/b/d", "/c/a/b/d/e"] { try fixture.write("\(base)\(directory)/\(file)", "") }
        // Not the container's.
        try fixture.write("\(base)/other/\(file)", list(try threads("RRRR", in: fixture, from: 500)))
        let census = try fixture.cgroup("/c").census(proc: fixture.root.appending("/proc"))
        #expect(census.running == 2)
        #expect(census.blocked == 1)
        #expect(census.threads == 7)
        // As the container numbers it.
        #expect(census.newestThread == 6)
    }

    @Test(arguments: [CgroupVersion.v1, .v2]) func processesOfASubtree(_ version: CgroupVersion) throws {
        let fixture = version == .v1 ? try Fixture.v1() : try Fixture.v2()
        let base = version == .v1 ? "/sys/fs/cgroup/memory" : "/sys/fs/cgroup"
        try fixture.write("\(base)/c/cgroup.procs", "30\n10\n0\nx\n99999999999\n")
        try fixture.write("\(base)/c/a/cgroup.procs", "20\n")
        try fixture.write("\(base)/other/cgroup.procs", "40\n")
        #expect(try fixture.cgroup("/c").processes() == [10, 20, 30])
        #expect(throws: CgroupError.self) { try fixture.cgroup("/none").processes() }
    }

    @Test func manyThreadsAreSampled() throws {
        let fixture = try Fixture.v2()
        let some = try threads("RSSS", in: fixture)
        try fixture.write("/sys/fs/cgroup/c/cgroup.threads", list((0..<5000).map { some[$0 / 8 % 4] }))
        let census = try fixture.cgroup("/c").census(proc: fixture.root.appending("/proc"))
        #expect(census.threads == 5000)
        #expect((1200...1300).contains(census.running))
    }

    @Test func goneAndUnconfined() throws {
        let fixture = try Fixture.v2()
        let gone = #expect(throws: CgroupError.self) { try fixture.cgroup("/c").census() }
        #expect(gone?.cause == .gone)
        let host = #expect(throws: CgroupError.self) { try fixture.cgroup("/").census() }
        #expect(host?.cause == .unconfined)
    }

    @Test(arguments: ["", "x\n", "-1\n", "99999999999999999999999999\n", "100 200\n", "\n\n\n"])
    func hostileLists(_ text: String) throws {
        let fixture = try Fixture.v2()
        try fixture.write("/sys/fs/cgroup/c/cgroup.threads", text)
        let census = try fixture.cgroup("/c").census(proc: fixture.root.appending("/proc"))
        #expect(census.running == 0)
    }
}
