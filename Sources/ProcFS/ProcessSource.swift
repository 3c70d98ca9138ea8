// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

import Cgroups
import Kernel
import Samples

/// What /proc tells of processes.
///
/// All reads are bounded; none touches a file system of the process itself.
struct ProcessSource: Sendable {
    /// `/proc`, or a fixture.
    let root: Path

    /// The namespaces that tell containers apart, as inode numbers of nsfs.
    struct Namespaces: Hashable, Sendable {
        var pid: UInt64
        var cgroup: UInt64
        var mount: UInt64
        var time: UInt64
    }

    /// A process's directory in /proc, held open: it stays this process's, and fails with ESRCH once that has ended.
    final class Handle: Sendable {
        let pid: Int32
        private let directory: Fd
        private let cgroupFile: Fd

        fileprivate init(pid: Int32, name: Path, root: Path) throws(Errno) {
            self.pid = pid
            let directory = try Fd.open(root.appending(name), [.path, .directory])
            cgroupFile = try directory.open("cgroup")
            self.directory = directory
        }

        /// /proc/PID/cgroup, as the calling thread's cgroup namespace shows it.
        ///
        /// ESRCH where the process is gone.
        func cgroupText() throws(Errno) -> [UInt8] { try cgroupFile.contents(limit: 65536) }

        /// A namespace that the kernel does not have (time before 5.6) counts as 0.
        func namespaces() throws(Errno) -> Namespaces {
            func inode(_ name: Path) -> UInt64 { (try? directory.status(of: name))?.inode ?? 0 }
            return Namespaces(
                pid: try directory.status(of: "ns/pid").inode,
                cgroup: inode("ns/cgroup"),
                mount: inode("ns/mnt"),
                time: inode("ns/time")
            )
        }

        /// Whether what it starts is in another pid namespace than itself: it makes a container (unshare), or enters one.
        ///
        /// No, before Linux 4.12.
        var startsElsewhere: Bool {
            guard let children = try? directory.status(of: "ns/pid_for_children").inode,
                let own = try? directory.status(of: "ns/pid").inode
            else { return false }
            return children != own
        }

        func namespace(_ name: Path) throws(Errno) -> Fd { try directory.open(Path("ns").appending(name)) }

        func contents(of file: Path, limit: Int = 65536) throws(Errno) -> [UInt8] {
            try directory.contents(of: file, limit: limit)
        }

        /// Which directory is its root: device and inode.
        func rootDirectory() throws(Errno) -> FileStatus { try directory.status(of: "root") }
    }

    func handle(_ pid: Int32) throws(Errno) -> Handle { try Handle(pid: pid, name: Path("\(pid)"), root: root) }

    /// Who stands for the host, the best first: process 1, also where the daemon is in a container with the host's pid
    /// namespace; where that is more privileged than the daemon, and so not to be looked into, the first kernel thread,
    /// which has the namespaces the kernel booted with; and this process itself.
    var hosts: [Handle] {
        var result: [Handle] = []
        if let first = try? handle(1) { result.append(first) }
        if let second = try? handle(2), let stat = try? second.contents(of: "stat"),
            stat.starts(with: "2 (kthreadd) ".utf8)
        {
            result.append(second)
        }
        if let own = try? Handle(pid: 0, name: "self", root: root) { result.append(own) }
        return result
    }

    /// The numbers of all processes, at most `limit` of them, ascending.
    func processes(limit: Int) -> [Int32] {
        guard let directory = try? Fd.open(root, [.readOnly, .directory]),
            let entries = try? directory.entries(limit: limit)
        else { return [] }
        return entries.compactMap { Int32(String(decoding: $0.name, as: UTF8.self)) }.sorted()
    }

    /// When the process was started, in nanoseconds of the boot clock; from field 22 of /proc/PID/stat (USER_HZ).
    func start(of pid: Int32) -> UInt64? {
        guard let bytes = try? Fd.contents(of: root.appending(Path("\(pid)/stat")), limit: 4096) else { return nil }
        return ProcessStat(parsing: bytes.span).map { $0.startTicks.multiplied(orMax: 10_000_000) }
    }

    /// Whether the process that was started then runs: one that has ended and is not waited for yet does not.
    func isRunning(_ pid: Int32, since bootNs: UInt64) -> Bool {
        guard let bytes = try? Fd.contents(of: root.appending(Path("\(pid)/stat")), limit: 4096),
            let stat = ProcessStat(parsing: bytes.span)
        else { return false }
        return stat.startTicks.multiplied(orMax: 10_000_000) == bootNs && stat.state != UInt8(ascii: "Z")
    }

    /// The process that made it, or that took it over; 0 where that is in a pid namespace above.
    func parent(of pid: Int32) -> Int32? {
        guard let bytes = try? Fd.contents(of: root.appending(Path("\(pid)/stat")), limit: 4096) else { return nil }
        return ProcessStat(parsing: bytes.span).map { Int32(clamping: $0.parent) }
    }

    /// The CPU a thread last ran on.
    ///
    /// By the thread's own directory: what is not below `task` sums up all threads of the process.
    func lastCPU(of thread: Int32) -> Int? {
        let path = root.appending(Path("\(thread)/task/\(thread)/stat"))
        guard let bytes = try? Fd.contents(of: path, limit: 4096) else { return nil }
        return ProcessStat(parsing: bytes.span).map { Int(clamping: $0.processor) }
    }
}
