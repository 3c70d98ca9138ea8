// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

import Glibc
import Kernel

/// A cgroup that a test makes, with limits set and changed while it lives; on v1, one directory in each hierarchy.
struct PeerCgroup {
    /// Below every hierarchy's root, with a leading slash.
    let path: String

    /// Whether the controllers are on the v2 hierarchy.
    static let isV2 = FileTree.isThere("/sys/fs/cgroup/cgroup.controllers")
    /// v1: the directories of all hierarchies, those without a controller too, as engines use them.
    private static let hierarchies: [Path] = {
        let root: Path = "/sys/fs/cgroup"
        let entries = (try? Fd.open(root, [.readOnly, .directory]).entries(limit: 100)) ?? []
        return entries.filter { $0.type == 4 }.map { root.appending(Path($0.name)) }
            .filter { FileTree.isThere($0.appending("cgroup.procs")) }
    }()

    /// Makes it, and has `lab` remove it with all below it.
    ///
    /// One with cgroups below it cannot have processes of its own on v2.
    init(path: String, isLeaf: Bool = false, lab: PeerLab) throws {
        self.path = path
        if Self.isV2 {
            try Self.enableControllers(in: "/sys/fs/cgroup")
            try FileTree.makeDirectory(directory("memory"))
            if !isLeaf { try Self.enableControllers(in: directory("memory")) }
        } else {
            for hierarchy in Self.hierarchies { try FileTree.makeDirectory(hierarchy.appending(Path(path))) }
            for file in ["cpuset.cpus", "cpuset.mems"] {
                let above = Path(
                    Array(directory("cpuset").bytes.reversed().drop { $0 != UInt8(ascii: "/") }.reversed())
                )
                let parent = try Fd.contents(of: above.appending(Path(file)), limit: 4096)
                try write("cpuset", file, String(decoding: parent, as: UTF8.self))
            }
        }
        let made = self
        lab.atEnd { made.remove() }
    }

    /// One that somebody else makes, runc for instance, and removes.
    init(madeByOthers path: String) { self.path = path }

    static func uniqueName(_ name: String) -> String {
        "umwelt-test-\(getpid())-\(UInt16.random(in: 0...UInt16.max))-\(name)"
    }

    func directory(_ controller: String) -> Path {
        Self.isV2 ? Path("/sys/fs/cgroup\(path)") : Path("/sys/fs/cgroup/\(controller)\(path)")
    }

    func write(_ controller: String, _ file: String, _ value: String) throws {
        do throws(Errno) {
            try Fd.open(directory(controller).appending(Path(file)), .writeOnly).write(Array(value.utf8))
        } catch {
            throw PeerFailure("\(directory(controller))/\(file) <- \(value): \(error)")
        }
    }

    func read(_ controller: String, _ file: String) -> String? {
        (try? Fd.contents(of: directory(controller).appending(Path(file)), limit: 1 << 16))
            .map { String(decoding: $0, as: UTF8.self) }
    }

    /// The number that a line of a `key value` file has.
    func number(_ controller: String, _ file: String, _ key: String) -> UInt64? {
        for line in (read(controller, file) ?? "").split(separator: "\n") {
            let fields = line.split(separator: " ")
            if fields.count == 2, fields[0] == key { return UInt64(fields[1]) }
        }
        return nil
    }

    /// The single number in a file.
    func number(_ controller: String, _ file: String) -> UInt64? {
        read(controller, file).flatMap { UInt64($0.split(separator: "\n").first ?? "") }
    }

    /// nil: no limit.
    ///
    /// EBUSY where the kernel cannot reclaim enough for it (v1).
    func setMemory(_ bytes: UInt64?) throws {
        if Self.isV2 {
            try write("memory", "memory.max", bytes.map(String.init) ?? "max")
        } else {
            try write("memory", "memory.limit_in_bytes", bytes.map(String.init) ?? "-1")
        }
    }

    /// v2 alone; v1 has memory and swap in one limit.
    func setSwap(_ bytes: UInt64?) throws { try write("memory", "memory.swap.max", bytes.map(String.init) ?? "max") }

    func setCPUs(_ cpus: Double?) throws {
        let quota = cpus.map { String(Int($0 * 100_000)) }
        if Self.isV2 {
            try write("cpu", "cpu.max", "\(quota ?? "max") 100000")
        } else {
            try write("cpu", "cpu.cfs_quota_us", quota ?? "-1")
        }
    }

    func setCpuset(_ list: String) throws { try write("cpuset", "cpuset.cpus", list) }

    /// Moves a process in.
    func add(_ pid: Int32) throws {
        if Self.isV2 { return try write("memory", "cgroup.procs", "\(pid)") }
        for hierarchy in Self.hierarchies {
            try Fd.open(hierarchy.appending(Path(path)).appending("cgroup.procs"), .writeOnly)
                .write(Array("\(pid)".utf8))
        }
    }

    var usageBytes: UInt64? { number("memory", Self.isV2 ? "memory.current" : "memory.usage_in_bytes") }

    /// CPU time used, in ticks of 10 ms.
    var usedTicks: (user: Double, system: Double) {
        if Self.isV2 {
            return (
                Double(number("cpu", "cpu.stat", "user_usec") ?? 0) / 10_000,
                Double(number("cpu", "cpu.stat", "system_usec") ?? 0) / 10_000
            )
        }
        let user = Double(number("cpuacct", "cpuacct.usage_user") ?? 0)
        let system = Double(number("cpuacct", "cpuacct.usage_sys") ?? 0)
        // These two are counted by the tick; how much it was in all is measured.
        let used = Double(number("cpuacct", "cpuacct.usage") ?? 0) / 10_000_000
        let part = user + system > 0 ? user / (user + system) : 1
        return (used * part, used * (1 - part))
    }

    /// Kills what is in it and removes it, and all below it.
    func remove() {
        guard !Self.isV2 else { return Self.removeTree(directory("memory")) }
        for hierarchy in Self.hierarchies { Self.removeTree(hierarchy.appending(Path(path))) }
    }

    private static func removeTree(_ directory: Path) {
        guard let entries = try? Fd.open(directory, [.readOnly, .directory]).entries(limit: 10_000) else { return }
        for entry in entries where entry.type == 4 { removeTree(directory.appending(Path(entry.name))) }
        for attempt in 0..<200 {
            if (try? Directories.remove(directory)) != nil || !FileTree.isThere(directory) { return }
            let procs = (try? Fd.contents(of: directory.appending("cgroup.procs"), limit: 1 << 16)) ?? []
            for line in String(decoding: procs, as: UTF8.self).split(separator: "\n") {
                if let pid = Int32(line), pid > 1, attempt > 20 { try? ProcessID.kill(pid, SIGKILL) }
            }
            usleep(10_000)
        }
    }

    /// Enables for the children of `directory` every controller that can be.
    private static func enableControllers(in directory: Path) throws {
        let names = try Fd.contents(of: directory.appending("cgroup.controllers"), limit: 4096)
        let file = try Fd.open(directory.appending("cgroup.subtree_control"), .writeOnly)
        for name in String(decoding: names, as: UTF8.self).split(whereSeparator: { $0 == " " || $0 == "\n" }) {
            try? file.write(Array("+\(name)".utf8))
        }
    }
}
