// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

import CBench
import Glibc

/// The cgroup hierarchies of the machine, v1, hybrid or v2.
struct Hierarchies {
    struct Mount {
        let path: String
        let isV2: Bool
        let controllers: Set<String>
    }

    let mounts: [Mount]
    var isV2: Bool { mounts.allSatisfy(\.isV2) }

    init() throws {
        var mounts: [Mount] = []
        for line in (System.text(of: "/proc/self/mounts") ?? "").split(separator: "\n") {
            let fields = line.split(separator: " ").map(String.init)
            guard fields.count > 3, fields[2] == "cgroup" || fields[2] == "cgroup2" else { continue }
            let options = Set(fields[3].split(separator: ",").map(String.init))
            mounts.append(Mount(path: fields[1], isV2: fields[2] == "cgroup2", controllers: options))
        }
        guard !mounts.isEmpty else { throw Failure("no cgroup hierarchy is mounted") }
        self.mounts = mounts
        for mount in mounts where mount.isV2 && isV2 {
            for controller in ["memory", "cpu", "cpuset", "io", "pids"] {
                System.write("+\(controller)", to: mount.path + "/cgroup.subtree_control")
            }
        }
    }

    /// Removes the cgroups of runs that were killed, and of these processes, which have ended.
    ///
    /// Whether all of them could be.
    @discardableResult
    func removeStale(_ ended: [Int32] = []) -> Bool {
        var isClean = true
        for mount in mounts {
            for name in System.names(in: mount.path) where name.hasPrefix(ControlGroup.prefix) {
                let owner = name.dropFirst(ControlGroup.prefix.count).split(separator: "-").first.flatMap { Int32($0) }
                guard let owner, ended.contains(owner) || kill(owner, 0) != 0 else { continue }
                if rmdir(mount.path + "/" + name) != 0 { isClean = false }
            }
        }
        return isClean
    }
}

/// A container's cgroup in each hierarchy, made directly.
struct ControlGroup {
    static let prefix = "umwelt-bench."
    /// What every container of the benchmark may use.
    static let memoryBytes: UInt64 = 256 << 20

    let directories: [String]

    /// `cpus`: confined to the first so many CPUs, with a quota of as many, never used up; nil: any, as for the
    /// short-lived, whose making the cpuset controller would slow down.
    init(_ hierarchies: Hierarchies, name: String, cpus: Int?) throws {
        var directories: [String] = []
        for mount in hierarchies.mounts {
            let isWanted = !mount.controllers.isDisjoint(with: ["memory", "cpu", "cpuacct", "blkio", "pids", "cpuset"])
            guard mount.isV2 || isWanted else { continue }
            if cpus == nil, mount.controllers.contains("cpuset"), !mount.isV2 { continue }
            let path = "\(mount.path)/\(Self.prefix)\(getpid())-\(name)"
            guard mkdir(path, 0o755) == 0 || errno == EEXIST else {
                for made in directories { rmdir(made) }
                throw Failure("cannot make a cgroup in \(mount.path): \(System.words(ofError: errno))")
            }
            directories.append(path)
            if let cpus {
                let parent = mount.path
                let nodes = System.text(of: parent + "/cpuset.mems") ?? "0"
                System.write(nodes, to: path + "/cpuset.mems")
                System.write(cpus > 1 ? "0-\(cpus - 1)" : "0", to: path + "/cpuset.cpus")
                System.write("\(cpus * 100_000)", to: path + "/cpu.cfs_quota_us")
                System.write("\(cpus * 100_000) 100000", to: path + "/cpu.max")
            }
            System.write("\(Self.memoryBytes)", to: path + "/memory.limit_in_bytes")
            System.write("\(Self.memoryBytes)", to: path + "/memory.max")
        }
        self.directories = directories
    }

    /// Moves the calling process in.
    func join() -> Bool { directories.allSatisfy { System.write("0", to: $0 + "/cgroup.procs") } }

    /// How often the quota held the container up; to be 0.
    var throttledCount: UInt64 {
        directories.compactMap { System.text(of: $0 + "/cpu.stat").flatMap { System.number("nr_throttled", in: $0) } }
            .max() ?? 0
    }

    /// Takes it away, once its last process has gone.
    func remove() {
        for directory in directories {
            for _ in 0..<200 where rmdir(directory) != 0 && errno == EBUSY { usleep(5000) }
        }
    }
}
