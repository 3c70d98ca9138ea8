// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

import Glibc
import Kernel
import Samples

/// A cgroup in every hierarchy that containers have one in, v1, v2 or both; removed with all below it, and the processes
/// in it killed, when the value goes.
final class LabCgroup {
    /// As /proc/PID/cgroup would print it: `/name`.
    let name: [UInt8]
    private let parent: LabCgroup?

    private struct Hierarchy: Sendable {
        var directory: Path
        var isV1: Bool
        var controllers: [String]
    }

    private static let hierarchies: [Hierarchy] = {
        guard let bytes = try? Fd.contents(of: "/proc/self/mountinfo", limit: 1 << 24) else { return [] }
        let known = ["memory", "cpu", "cpuacct", "cpuset", "pids", "blkio"]
        return MountInfo.parse(bytes.span).compactMap { mount in
            let isV2 = mount.type.elementsEqual("cgroup2".utf8)
            guard isV2 || mount.type.elementsEqual("cgroup".utf8) else { return nil }
            let options = mount.superOptions.split(separator: UInt8(ascii: ",")).map {
                String(decoding: $0, as: UTF8.self)
            }
            let controllers = isV2 ? [] : known.filter(options.contains)
            guard isV2 || !controllers.isEmpty else { return nil }
            return Hierarchy(directory: Path(mount.mountPoint), isV1: !isV2, controllers: controllers)
        }
    }()

    static var isV1: Bool { hierarchies.contains { $0.isV1 && $0.controllers.contains("memory") } }

    init(_ name: [UInt8], in parent: LabCgroup? = nil) throws {
        self.name = (parent?.name ?? []) + [UInt8(ascii: "/")] + name
        self.parent = parent
        for hierarchy in Self.hierarchies {
            let path = hierarchy.directory.appending(Path(self.name))
            try Directories.make(path)
            if hierarchy.isV1 {
                // A new v1 cpuset lets nobody in until it is filled.
                guard hierarchy.controllers.contains("cpuset") else { continue }
                for file in ["cpuset.cpus", "cpuset.mems"] {
                    let above = try Fd.contents(of: hierarchy.directory.appending(Path(file)), limit: 4096)
                    try? FileTree.overwrite(path.appending(Path(file)), above)
                }
            } else {
                let above = hierarchy.directory.appending(Path(parent?.name ?? []))
                if parent != nil { Self.makeInner(above) }
                for controller in ["+memory", "+cpu", "+cpuset", "+pids", "+io"] {
                    try? FileTree.overwrite(above.appending("cgroup.subtree_control"), Array(controller.utf8))
                }
            }
        }
    }

    convenience init(_ name: String, in parent: LabCgroup? = nil) throws { try self.init(Array(name.utf8), in: parent) }

    deinit { remove() }

    /// On v2 a cgroup whose controllers are enabled for its children has no process of its own: as systemd does, those of
    /// the container that was there first move to init.scope.
    private static func makeInner(_ path: Path) {
        let scope = path.appending("init.scope")
        guard let text = try? Fd.contents(of: path.appending("cgroup.procs"), limit: 1 << 20), !text.isEmpty else {
            return
        }
        try? Directories.make(scope)
        for line in text.split(separator: 10) { try? FileTree.overwrite(scope.appending("cgroup.procs"), Array(line)) }
    }

    func child(_ name: String) throws -> LabCgroup { try LabCgroup(name, in: self) }

    /// Where `controller`'s files of it are.
    func directory(_ controller: String) -> Path {
        let hierarchy =
            Self.hierarchies.first { $0.controllers.contains(controller) } ?? Self.hierarchies.first { !$0.isV1 }
        return (hierarchy?.directory ?? "/").appending(Path(name))
    }

    /// Limits memory; on v1 and v2.
    func limitMemory(_ bytes: UInt64) throws {
        let file: Path = Self.isV1 ? "memory.limit_in_bytes" : "memory.max"
        try FileTree.overwrite(directory("memory").appending(file), Array("\(bytes)".utf8))
    }

    /// Limits the CPU time to so many hundredths of a CPU.
    func limitCPU(hundredths: Int) throws {
        let directory = directory("cpu")
        if FileTree.isThere(directory.appending("cpu.cfs_quota_us")) {
            try FileTree.overwrite(directory.appending("cpu.cfs_quota_us"), Array("\(hundredths * 1000)".utf8))
        } else {
            try FileTree.overwrite(directory.appending("cpu.max"), Array("\(hundredths * 1000) 100000".utf8))
        }
    }

    /// The cgroup.procs files to write one's number to.
    var processFiles: [Path] {
        Self.hierarchies.map { hierarchy in
            let path = hierarchy.directory.appending(Path(name))
            let enabled = try? Fd.contents(of: path.appending("cgroup.subtree_control"), limit: 4096)
            guard !hierarchy.isV1, enabled?.contains(where: { $0 > 32 }) == true else {
                return path.appending("cgroup.procs")
            }
            let scope = path.appending("init.scope")
            try? Directories.make(scope)
            return scope.appending("cgroup.procs")
        }
    }

    /// Moves a process there.
    func move(_ pid: Int32) throws {
        for file in processFiles { try FileTree.overwrite(file, Array("\(pid)".utf8)) }
    }

    /// A shell command that moves the shell there.
    var joinCommand: String {
        processFiles.map { "echo 0 > '\($0)'" }.joined(separator: "; ")
    }

    /// The processes in it, in the order of their numbers.
    var processes: [Int32] {
        guard let file = processFiles.first, let text = try? Fd.contents(of: file, limit: 1 << 20) else { return [] }
        return text.split(separator: 10).compactMap { Int32(String(decoding: $0, as: UTF8.self)) }.sorted()
    }

    func killAll() {
        for hierarchy in Self.hierarchies { Self.kill(below: hierarchy.directory.appending(Path(name))) }
    }

    /// Kills what is in it and removes it.
    ///
    /// Errors are let pass: the name is the test's own.
    func remove() {
        for attempt in 0..<100 {
            killAll()
            var isGone = true
            for hierarchy in Self.hierarchies where !Self.remove(hierarchy.directory.appending(Path(name))) {
                isGone = false
            }
            if isGone { return }
            usleep(UInt32(1000 * (attempt + 1)))
        }
    }

    private static func children(_ path: Path) -> [Path] {
        guard let entries = try? Fd.open(path, [.readOnly, .directory]).entries(limit: 10_000) else { return [] }
        return entries.filter { $0.type == 4 }.map { path.appending(Path($0.name)) }
    }

    private static func kill(below path: Path) {
        for child in children(path) { kill(below: child) }
        guard let text = try? Fd.contents(of: path.appending("cgroup.procs"), limit: 1 << 20) else { return }
        for line in text.split(separator: 10) {
            guard let pid = Int32(String(decoding: line, as: UTF8.self)), pid > 1 else { continue }
            try? ProcessID.kill(pid, SIGKILL)
        }
    }

    private static func remove(_ path: Path) -> Bool {
        for child in children(path) { _ = remove(child) }
        do throws(Errno) { try Directories.remove(path) } catch { return error == .noEntry }
        return true
    }
}

extension FileTree {
    /// Writes to a file that is there, in one call, as the kernel's files want it.
    static func overwrite(_ path: Path, _ bytes: [UInt8]) throws(Errno) { try Fd.open(path, .writeOnly).write(bytes) }
}
