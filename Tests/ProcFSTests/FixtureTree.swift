// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

import Cgroups
import FuseServer
import Glibc
import Kernel

@testable import ProcFS

/// A host made of files: /proc with processes, /sys/devices/system, one v1 memory hierarchy and v2.
///
/// Goes with the value.
final class FixtureTree {
    let root: Path
    var proc: Path { root.appending("proc") }
    var system: Path { root.appending("system") }

    init(cpus: Int = 4) throws {
        root = Path("/tmp/umf\(getpid())-\(UInt32.random(in: 0...UInt32.max))")
        try write(
            "proc/meminfo",
            "MemTotal:       16000000 kB\nMemFree:         8000000 kB\nMemAvailable:   12000000 kB\n"
        )
        let stanza = { (cpu: Int) in "processor\t: \(cpu)\nmodel name\t: Fixture\ncpu MHz\t\t: 1000.000\n\n" }
        try write("proc/cpuinfo", (0..<cpus).map(stanza).joined())
        for file in ["stat", "uptime", "loadavg", "diskstats", "swaps", "slabinfo"] {
            try write("proc/\(file)", "host \(file)\n")
        }
        try write("proc/pressure/cpu", "host pressure\n")
        try process(1, cgroup: "4:memory:/\n0::/\n", namespaces: "1")
        for list in ["online", "possible", "present"] { try write("system/cpu/\(list)", "0-\(cpus - 1)\n") }
        try write("system/cpu/offline", "\n")
        for hidden in ["cpuidle/current_driver", "power/control", "uevent", "hotplug/states"] {
            try write("system/cpu/\(hidden)", "host\n")
        }
        for cpu in 0..<cpus {
            try write("system/cpu/cpu\(cpu)/topology/core_id", "\(cpu)\n")
            try write("system/cpu/cpu\(cpu)/topology/thread_siblings_list", "0-\(cpus - 1)\n")
            try write("system/cpu/cpu\(cpu)/topology/thread_siblings", "0000000f\n")
            try write("system/cpu/cpu\(cpu)/cpuidle/state0/usage", "12345\n")
            try write("system/cpu/cpu\(cpu)/crash_notes", "1\n")
        }
        try write("system/node/online", "0\n")
        try write(
            "system/node/node0/meminfo",
            "Node 0 MemTotal:       16000000 kB\nNode 0 MemFree:         8000000 kB\n"
        )
        try write("system/node/node0/numastat", "numa_hit 99\n")
        try write("system/node/node0/vmstat", "nr_free_pages 99\n")
        try write("system/node/node0/cpulist", "0-\(cpus - 1)\n")
        try write("cpuset/cgroup.procs", "")
        try write("cpuset/release_agent", "")
        try write("memory/cgroup.procs", "")
        try write("memory/release_agent", "")
    }

    deinit { try? FileTree.removeAll(root) }

    func write(_ path: String, _ text: String) throws {
        let whole = root.appending(Path(path))
        try Directories.make(Path(whole.bytes[..<(whole.bytes.lastIndex(of: 47) ?? 0)]))
        try FileTree.write(Array(text.utf8), to: whole)
    }

    /// A process whose namespaces are its own; `share` gives it those of others.
    ///
    /// `start`: in ticks of 10 ms.
    func process(_ pid: Int, cgroup: String, namespaces: String, start: Int = 100, parent: Int = 1) throws {
        try write("proc/\(pid)/cgroup", cgroup)
        try write(
            "proc/\(pid)/stat",
            "\(pid) (fixture) S \(parent) 1 1 0 -1 0 0 0 0 0 1 1 0 0 20 0 1 0 \(start) 1 1"
                + String(repeating: " 0", count: 30)
        )
        for name in ["pid", "cgroup", "mnt", "time"] { try write("proc/\(pid)/ns/\(name)", namespaces) }
    }

    /// Makes a namespace of `pid` (`own`, by default the one of that name) one of another process.
    func share(_ name: String, of other: Int, with pid: Int, as own: String? = nil) throws {
        let theirs = proc.appending(Path("\(other)/ns/\(name)"))
        let mine = proc.appending(Path("\(pid)/ns/\(own ?? name)"))
        unlink("\(mine)")
        guard link("\(theirs)", "\(mine)") == 0 else { throw Errno(rawValue: errno) }
    }

    /// A cgroup with 64 MiB and the CPUs `cpus`.
    func cgroup(_ path: String, cpus: String = "1-2") throws {
        try write("memory\(path)/memory.limit_in_bytes", "67108864\n")
        try write("memory\(path)/memory.usage_in_bytes", "1048576\n")
        try write("memory\(path)/memory.stat", "cache 0\nrss 0\nhierarchical_memory_limit 67108864\n")
        try write("cpuset\(path)/cpuset.effective_cpus", cpus + "\n")
        try write("cpuset\(path)/cpuset.cpus", cpus + "\n")
        try write("cpuset\(path)/cpuset.effective_mems", "0\n")
        try write("cpuset\(path)/cpuset.mems", "0\n")
    }

    var hierarchies: Hierarchies {
        let text = """
            30 1 0:30 / \(root)/memory rw - cgroup cgroup rw,memory
            31 1 0:31 / \(root)/cpuset rw - cgroup cgroup rw,cpuset

            """
        return Hierarchies(mountinfo: Array(text.utf8))
    }

    func fileSystem() -> UmweltFS { UmweltFS(hierarchies: hierarchies, proc: proc, system: system) }

    /// The membership of a container at `path`.
    static func membership(_ path: String) -> Membership {
        Membership(parsing: Array("4:memory:\(path)\n3:cpuset:\(path)\n0::/\n".utf8).span)
    }
}

extension UmweltFS {
    /// The node at a path below the mount.
    func node(_ path: String, caller: Caller = Caller(pid: 0)) throws -> UInt64 {
        var node: UInt64 = 1
        for name in path.split(separator: "/") {
            node = try lookup(Array(name.utf8), in: node, for: caller).attributes.node
        }
        return node
    }

    func text(_ path: String, caller: Caller = Caller(pid: 0)) throws -> String {
        String(decoding: try open(try node(path, caller: caller), for: caller).content, as: UTF8.self)
    }

    func names(_ path: String, caller: Caller = Caller(pid: 0)) throws -> [String] {
        try entries(of: try node(path, caller: caller), for: caller).map { String(decoding: $0.name, as: UTF8.self) }
    }
}

/// Bytes that this thread has read so far (proc_pid_io(5)).
func bytesRead() throws -> Int {
    let text = String(decoding: try Fd.contents(of: "/proc/thread-self/io", limit: 4096), as: UTF8.self)
    let words = text.split(separator: "\n").first?.split(separator: " ") ?? []
    return Int(words.last ?? "") ?? 0
}
