// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

import Cgroups
import Kernel
import Samples

/// A tree of files that looks like a machine's cgroup file systems, below a directory of its own; removed with the object.
final class Fixture {
    let root: Path
    private var points: [String] = []
    private var mounts = "22 1 0:20 / /proc rw,relatime - proc proc rw\n"

    init() throws {
        let name = UInt64.random(in: .min ... .max)
        root = Path("/tmp/umwelt-cgroups-\(name)")
        try FileTree.makeDirectory(root)
    }

    deinit { try? FileTree.removeAll(root, depth: 128) }

    var mountinfo: [UInt8] { Array(mounts.utf8) }

    /// Mounts a v1 hierarchy at /sys/fs/cgroup/NAME.
    ///
    /// `shows`: the part of it that is mounted.
    func mountV1(_ controllers: String, shows: String = "/") throws {
        let point = "/sys/fs/cgroup/\(controllers)"
        points.append(point)
        mounts += "31 22 0:31 \(shows) \(point) rw shared:9 - cgroup cgroup rw,\(controllers)\n"
        try write("\(point)/cgroup.procs", "")
        if shows == "/" { try write("\(point)/release_agent", "\n") }
    }

    func mountV2(_ controllers: String, at point: String = "/sys/fs/cgroup", shows: String = "/") throws {
        points.append(point)
        mounts += "41 22 0:41 \(shows) \(point) rw,nosuid - cgroup2 cgroup2 rw,nsdelegate\n"
        try write("\(point)/cgroup.controllers", "\(controllers)\n")
        if shows != "/" { try write("\(point)/cgroup.events", "populated 1\n") }
    }

    /// A v1 machine: every controller in a hierarchy of its own, but cpu and cpuacct together.
    static func v1() throws -> Fixture {
        let fixture = try Fixture()
        for controllers in ["memory", "cpu,cpuacct", "cpuset", "blkio", "pids", "hugetlb"] {
            try fixture.mountV1(controllers)
        }
        fixture.mounts += "40 22 0:40 / /sys/fs/cgroup/systemd rw - cgroup cgroup rw,name=systemd\n"
        return fixture
    }

    static func v2() throws -> Fixture {
        let fixture = try Fixture()
        try fixture.mountV2("cpuset cpu io memory hugetlb pids rdma misc")
        return fixture
    }

    /// v1, with a v2 hierarchy that has no controllers at /sys/fs/cgroup/unified.
    static func hybrid() throws -> Fixture {
        let fixture = try v1()
        try fixture.mountV2("", at: "/sys/fs/cgroup/unified")
        return fixture
    }

    func write(_ path: String, _ content: String) throws { try write(Path(path), Array(content.utf8)) }

    /// Makes the directories on the way.
    ///
    /// A number, for `content`, gets the newline that the kernel writes.
    func write(_ path: String, _ number: some BinaryInteger) throws { try write(path, "\(number)\n") }

    func write(_ path: Path, _ content: [UInt8]) throws {
        let whole = root.appending(path)
        for directory in whole.prefixes.dropLast() {
            if !FileTree.isThere(directory) { try FileTree.makeDirectory(directory) }
        }
        try FileTree.write(content, to: whole)
    }

    /// Makes the directory of a cgroup in every hierarchy, as the kernel has one for each process's membership.
    func make(_ path: String) throws {
        for point in points { try write("\(point)\(path)/cgroup.procs", "") }
    }

    func remove(_ path: String) throws { try FileTree.removeAll(root.appending(Path(path))) }

    func hierarchies(keptDescriptors: Int = 512) -> Hierarchies {
        Hierarchies(
            mountinfo: mountinfo,
            prefix: root,
            keptDescriptors: keptDescriptors,
            hugePages: root.appending("/sys/kernel/mm/hugepages")
        )
    }

    /// A container at `path` in every hierarchy, v2's included.
    func cgroup(_ path: String) -> Cgroup { hierarchies().cgroup(.everywhere(path)) }
}

extension Membership {
    init(_ text: String) {
        let bytes = Array(text.utf8)
        self.init(parsing: bytes.span)
    }

    static func everywhere(_ path: String) -> Membership {
        Membership(
            "5:memory:\(path)\n4:cpu,cpuacct:\(path)\n3:cpuset:\(path)\n2:blkio,pids,hugetlb:\(path)\n0::\(path)\n"
        )
    }
}

/// What a v1 cgroup without a limit says.
let unlimitedV1 = "9223372036854771712\n"
let mib: UInt64 = 1 << 20

extension Fixture {
    /// The files of a v1 memory cgroup; limits in MiB.
    func memoryV1(_ path: String, limit: UInt64? = nil, usage: UInt64, hierarchical: UInt64? = nil) throws {
        let base = "/sys/fs/cgroup/memory\(path)"
        func text(_ value: UInt64?) -> String { value.map { "\($0 * mib)\n" } ?? unlimitedV1 }
        try write("\(base)/memory.limit_in_bytes", text(limit))
        try write("\(base)/memory.usage_in_bytes", usage * mib)
        try write(
            "\(base)/memory.stat",
            "cache 1\nhierarchical_memory_limit \(text(hierarchical ?? limit))"
                + "hierarchical_memsw_limit \(unlimitedV1)total_cache 4096\ntotal_rss 8192\n"
        )
    }

    /// The files of a v2 memory cgroup; limits in MiB.
    func memoryV2(_ path: String, limit: UInt64? = nil, usage: UInt64) throws {
        let base = "/sys/fs/cgroup\(path)"
        try write("\(base)/cgroup.events", "populated 1\n")
        try write("\(base)/memory.max", limit.map { "\($0 * mib)\n" } ?? "max\n")
        try write("\(base)/memory.current", usage * mib)
        try write("\(base)/memory.stat", "anon 8192\nfile 4096\nfile_mapped 1024\nanon_thp 2048\n")
        try write("\(base)/memory.swap.max", "max\n")
        try write("\(base)/memory.swap.current", 0)
    }
}
