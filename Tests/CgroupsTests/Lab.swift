// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

import Cgroups
import Glibc
import Kernel

/// Cgroups of the running kernel under a name of our own, in every hierarchy that matters; removed with the object.
final class Lab {
    static let mountinfo = (try? Fd.contents(of: "/proc/self/mountinfo", limit: 1 << 20)) ?? []
    static let machine = Hierarchies(mountinfo: mountinfo)
    static var isRoot: Bool { geteuid() == 0 && machine.directory(of: .memory) != nil }
    static var isV1: Bool { isRoot && machine.version(of: .memory) == .v1 && machine.version(of: .cpuset) == .v1 }

    static var isV2: Bool { isRoot && machine.version(of: .memory) == .v2 && machine.version(of: .cpu) == .v2 }

    let hierarchies: Hierarchies
    let name = "umwelt-test-\(UInt64.random(in: .min ... .max))"
    private var made: [Path] = []
    private var children: [Child] = []

    init(keptDescriptors: Int = 512) throws {
        hierarchies = Hierarchies(mountinfo: Self.mountinfo, keptDescriptors: keptDescriptors)
        try make("")
    }

    deinit {
        for child in children {
            try? child.kill(SIGKILL)
            _ = try? child.wait()
        }
        // What the children started.
        for path in made {
            let text = (try? Fd.contents(of: path.appending("cgroup.procs"), limit: 65536)) ?? []
            for line in String(decoding: text, as: UTF8.self).split(separator: "\n") {
                if let pid = Int32(line), pid > 1 { try? ProcessID.kill(pid, SIGKILL) }
            }
        }
        for path in made.reversed() { try? Self.remove(path) }
    }

    /// The directories of one cgroup, one for each hierarchy, v2's without controllers included.
    func directories(_ path: String) -> [Path] {
        var result: [Path] = []
        for controller in Controller.allCases {
            guard let top = hierarchies.directory(of: controller) else { continue }
            let directory = top.appending(Path("\(name)\(path)"))
            if !result.contains(directory) { result.append(directory) }
        }
        return result
    }

    func make(_ path: String) throws {
        for directory in directories(path) {
            if Self.isV2, let parent = directory.prefixes.dropLast().last {
                // v2 hands controllers down one level at a time.
                for controller in ["cpuset", "cpu", "io", "memory", "pids"] {
                    try? FileTree.write(Array("+\(controller)".utf8), to: parent.appending("cgroup.subtree_control"))
                }
            }
            try FileTree.makeDirectory(directory)
            made.append(directory)
            // A v1 cpuset is empty until it is told.
            guard let parent = directory.prefixes.dropLast().last else { continue }
            for file: Path in ["cpuset.cpus", "cpuset.mems"] {
                guard let text = try? Fd.contents(of: parent.appending(file), limit: 4096), text.count > 1 else {
                    continue
                }
                if Self.isV1 { try? FileTree.write(text, to: directory.appending(file)) }
            }
        }
    }

    func remove(_ path: String) throws {
        for directory in directories(path) {
            try Self.remove(directory)
            made.removeAll { $0 == directory }
        }
    }

    /// Removing waits for the last process to be reaped.
    private static func remove(_ directory: Path) throws {
        let root = try Fd.open("/", [.path, .directory])
        for _ in 0..<100 {
            guard FileTree.isThere(directory) else { return }
            if (try? root.removeDirectory(directory)) != nil { return }
            usleep(10_000)
        }
    }

    func write(_ path: String, _ controller: Controller, _ file: String, _ text: String) throws {
        guard let top = hierarchies.directory(of: controller) else { throw Errno.noEntry }
        try FileTree.write(Array(text.utf8), to: top.appending(Path("\(name)\(path)/\(file)")))
    }

    /// Runs `sh -c script` in the cgroup `path` until the lab ends.
    func run(_ script: String, in path: String) throws -> Child {
        let descriptors = try directories(path).map { directory in
            try Fd.open(directory.appending("cgroup.procs"), .writeOnly).release()
        }
        defer { for descriptor in descriptors { close(descriptor) } }
        var command = Command(
            path: "/bin/sh",
            arguments: ["sh", "-c", script].map { Array($0.utf8) },
            environment: [Array("PATH=/usr/bin:/bin".utf8)]
        )
        command.joins = descriptors
        command.files = [-1, -1, 2]
        let child = try command.spawn()
        children.append(child)
        return child
    }

    func cgroup(_ path: String) -> Cgroup {
        let own = "/\(name)\(path)"
        return hierarchies.cgroup(.everywhere(own))
    }

    /// The membership of a process as the kernel tells it.
    static func membership(of pid: Int32) throws -> Membership {
        let text = try Fd.contents(of: Path("/proc/\(pid)/cgroup"), limit: 65536)
        return Membership(parsing: text.span)
    }
}
