// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

import Glibc
import Kernel
import Samples
import Testing

@testable import ProcFS

/// The entries of sysfs on a host of many CPUs.
@Suite struct SysTableTests {
    /// 85 entries for each CPU, as an x86-64 host has them.
    private func manyCPUs(_ cpus: Int) throws -> (tree: FixtureTree, paths: Set<String>) {
        let tree = try FixtureTree(cpus: 0)
        var paths: Set<String> = []
        func make(_ directory: String, _ files: [String]) throws {
            try Directories.make(tree.system.appending(Path(directory)))
            for file in files {
                var path = "\(directory)/\(file)"[...]
                try FileTree.write(Array("0\n".utf8), to: tree.system.appending(Path(String(path))))
                while let slash = path.lastIndex(of: "/") {
                    paths.insert(String(path))
                    path = path[..<slash]
                }
            }
        }
        for cpu in 0..<cpus {
            try make("cpu/cpu\(cpu)", ["online"])
            try make("cpu/cpu\(cpu)/topology", (0..<15).map { "figure\($0)" } + ["core_cpus", "core_cpus_list"])
            for index in 0..<4 { try make("cpu/cpu\(cpu)/cache/index\(index)", (0..<10).map { "figure\($0)" }) }
            try make("cpu/cpufreq/policy\(cpu)", (0..<12).map { "figure\($0)" })
            try make("cpu/cpufreq/policy\(cpu)/ondemand", ["powersave_bias", "sampling_rate", "up_threshold"])
            try tree.write("system/cpu/cpufreq/policy\(cpu)/related_cpus", "\(cpu)\n")
            try #require(symlink("../../cpu/cpu\(cpu)", "\(tree.system)/node/node0/cpu\(cpu)") == 0)
            try #require(symlink("../../node/node0", "\(tree.system)/cpu/cpu\(cpu)/node0") == 0)
            paths.formUnion(["cpu/cpufreq/policy\(cpu)/related_cpus", "node/node0/cpu\(cpu)", "cpu/cpu\(cpu)/node0"])
        }
        for path in ["cpu/online", "cpu/possible", "cpu/present", "cpu/offline", "node/online", "node/node0"] {
            paths.insert(path)
        }
        paths.formUnion(["node/node0/meminfo", "node/node0/cpulist"])
        return (tree, paths)
    }

    private func below(_ path: String, in table: SysTable) -> [(path: String, id: EntryID, node: SysTree.Node)] {
        table.children(of: EntryID(sysfsPath: Array(path.utf8))).flatMap { child in
            let own = String(decoding: child.node.path, as: UTF8.self)
            return [(own, child.id, child.node)] + (child.node.type == .directory ? below(own, in: table) : [])
        }
    }

    /// All that there is, each by its own number, in the order of positions; and it takes 2 kB for a CPU.
    @Test func aCPUTakesLittle() throws {
        let (tree, paths) = try manyCPUs(256)
        let table = SysTable(SysScan(of: tree.system))
        #expect(paths.count > 85 * 256)
        let found = below("cpu", in: table) + below("node", in: table)
        #expect(found.count == paths.count)
        #expect(Set(found.map(\.path)) == paths)
        for (path, id, node) in found {
            guard id == EntryID(sysfsPath: Array(path.utf8)), table.node(id)?.path == node.path,
                path.hasSuffix("/\(String(decoding: node.name, as: UTF8.self))"),
                let rule = SysRule(path: node.path), rule.treatment == node.treatment, rule.cpu == node.cpu,
                rule.memoryNode == node.memoryNode
            else {
                Issue.record("\(path): \(node)")
                break
            }
        }
        for directory in ["cpu", "cpu/cpufreq", "cpu/cpu255/topology"] {
            let positions = table.children(of: EntryID(sysfsPath: Array(directory.utf8))).map(\.id.position)
            #expect(positions.count > 15 && positions == positions.sorted())
        }
        #expect(bytes(of: table) < 256 * 2000)
    }

    private func bytes(of table: SysTable) -> Int {
        var result = table.records.capacity * MemoryLayout<SysTable.Record>.stride
        result += 4 * (table.order.capacity + table.starts.capacity) + table.text.capacity
        result += table.owners.capacity * MemoryLayout<SysTable.Owner>.stride
        // A set has an array of its own.
        return result + table.policies.reduce(0) { $0 + 64 + ($1.last ?? 0) / 8 }
    }

    /// What is below a directory is shown to whom that is.
    @Test func ownersAreInherited() throws {
        let tree = try FixtureTree(cpus: 2)
        try tree.write("system/cpu/cpufreq/policy0/ondemand/sampling_rate", "1\n")
        try tree.write("system/cpu/cpufreq/policy0/related_cpus", "0\n")
        try tree.write("system/cpu/cpufreq/policy1/ondemand/sampling_rate", "1\n")
        try tree.write("system/cpu/cpufreq/policy1/related_cpus", "1 70 3\n")
        try tree.write("system/cpu/cpufreq/policy2/ondemand/sampling_rate", "1\n")
        try tree.write("system/cpu/cpufreq/policy3/related_cpus", "\n")
        try tree.write("system/cpu/cpu1/node0/of", "1\n")
        let table = SysTable(SysScan(of: tree.system))
        func node(_ path: String) throws -> SysTree.Node {
            try #require(table.node(EntryID(sysfsPath: Array(path.utf8))))
        }
        #expect(try node("cpu/cpufreq/policy0/ondemand/sampling_rate").policyCPUs == CPUSet([0]))
        #expect(try node("cpu/cpufreq/policy1/ondemand/sampling_rate").policyCPUs == CPUSet([1, 3, 70]))
        #expect(try node("cpu/cpufreq/policy2/ondemand/sampling_rate").policyCPUs == nil)
        #expect(try node("cpu/cpufreq/policy3").policyCPUs == CPUSet())
        #expect(try node("cpu/cpufreq").depends == false)
        let inner = try node("cpu/cpu1/node0/of")
        #expect(inner.cpu == 1 && inner.memoryNode == 0)
        #expect(try node("cpu").type == .directory)
        #expect(try node("cpu").path == Array("cpu".utf8))
        #expect(table.children(of: EntryID(sysfsPath: Array("cpu/cpu1/node0/of".utf8))).isEmpty)
        #expect(table.node(EntryID(sysfsPath: [])) == nil)
    }

    /// No tree at all, or an empty one.
    @Test func nothingIsThere() {
        let table = SysTable(SysScan(of: "/nowhere"))
        #expect(table.children(of: EntryID(sysfsPath: Array("cpu".utf8))).isEmpty)
        #expect(table.children(of: EntryID(sysfsPath: Array("node".utf8))).isEmpty)
        #expect(table.node(EntryID(sysfsPath: Array("node".utf8)))?.type == .directory)
    }
}
