// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

import Glibc
import Kernel
import NodeLink
import Samples
import Synchronization

/// One umweltd of its own, with its mount point and socket in a short temporary directory, and what a test needs around
/// it.
///
/// All of it goes when the value goes.
final class DaemonLab {
    let directory: Path
    private(set) var daemon: Child?
    /// The process group of a keeper that was killed.
    private var orphaned: Int32?
    private var shells: [LabShell] = []
    private var cgroups: [LabCgroup] = []

    private static let sequence = Atomic<Int>(0)
    let name: String

    var mount: Path { directory.appending("m") }
    var socket: Path { directory.appending("s") }
    var log: Path { directory.appending("log") }

    /// Starts the daemon, unless `isStarted` is false.
    ///
    /// `wrapper`: a program in front of it (`unshare -m`).
    init(arguments: [String] = [], wrapper: [String] = [], isStarted: Bool = true) throws {
        name = "umw\(getpid())-\(Self.sequence.wrappingAdd(1, ordering: .relaxed).newValue)"
        directory = Path("/tmp/\(name)")
        try Directories.make(directory)
        // Where `umwelt --state-dir` looks.
        symlink("\(socket)", "\(directory)/umweltd.sock")
        if isStarted { try start(arguments, wrapper: wrapper) }
    }

    deinit {
        for shell in shells { shell.end() }
        cgroups = []
        end()
        if let orphaned { try? ProcessID.kill(-orphaned, SIGKILL) }
        for _ in 0..<4 { try? Mount.unmount(mount, lazily: true) }
        try? Mount.unmount(directory, lazily: true)
        try? FileTree.removeAll(directory)
    }

    /// `program`: another file than the built one; `place`: another mount point than the lab's.
    func start(
        _ arguments: [String] = [],
        wrapper: [String] = [],
        program: Path = Programs.umweltd,
        at place: Path? = nil
    ) throws {
        let ready = try Fd.pipe()
        let log = try Fd.open(log, [.writeOnly, .create, .truncate])
        var command = Command(
            path: "/usr/bin/env",
            arguments: (["env"] + wrapper + ["\(program)", "--socket", "\(socket)", "--ready-fd", "3"]
                + arguments
                + ["\(place ?? mount)"]).map { Array($0.utf8) },
            environment: Programs.environment
        )
        command.files = [-1, log.raw, log.raw, ready.writing.raw]
        command.group = .own
        let child = try command.spawn()
        daemon = child
        for _ in 0..<150 {
            if try ready.reading.waitReadable(milliseconds: 100) { return }
            if let status = try child.poll() {
                daemon = nil
                throw LabError("umweltd ended with \(status): \(said)")
            }
        }
        throw LabError("umweltd is not ready after 15 s: \(said)")
    }

    /// What the daemon printed.
    var said: String { String(decoding: (try? Fd.contents(of: log, limit: 65536)) ?? [], as: UTF8.self) }

    /// Ends the daemon: SIGTERM, and after ten seconds what it takes.
    func end() {
        guard let child = daemon else { return }
        try? child.kill(SIGTERM)
        if waitForEnd(seconds: 10) != nil {
            // A worker that has taken its keeper's place.
            try? ProcessID.kill(-child.pid, SIGKILL)
            return
        }
        // First those who would make another connection.
        try? ProcessID.kill(-child.pid, SIGKILL)
        _ = try? child.wait()
        daemon = nil
        abortConnection()
    }

    /// How the daemon ended; nil where it still runs after so long.
    func waitForEnd(seconds: Int) -> ExitStatus? {
        guard let child = daemon else { return nil }
        for _ in 0..<(seconds * 100) {
            if let status = try? child.poll() {
                daemon = nil
                return status
            }
            usleep(10_000)
        }
        return nil
    }

    /// SIGKILL for keeper and worker at once: nobody is left to take over.
    func crash() throws {
        guard let daemon else { return }
        try ProcessID.kill(-daemon.pid, SIGKILL)
        _ = try daemon.wait()
        self.daemon = nil
        // The worker is nobody's child by now.
        for _ in 0..<500 {
            do throws(Errno) { try ProcessID.kill(-daemon.pid, 0) } catch { return }
            usleep(2000)
        }
    }

    /// SIGKILL for the keeper alone; its worker goes on.
    func killKeeper() throws {
        try daemon?.kill(SIGKILL)
        _ = try daemon?.wait()
        orphaned = daemon?.pid
        daemon = nil
    }

    /// The process that serves now; waits for one where there is none at the moment.
    var workerPID: Int32 {
        guard let fields = try? request(Message(.hello)), fields.count > 1 else { return 0 }
        return Int32(String(decoding: fields[1], as: UTF8.self)) ?? 0
    }

    /// The one that serves after `worker`; nil: none comes.
    ///
    /// One that is given up answers until the next one serves.
    func worker(after worker: Int32) -> Int32? {
        for _ in 0..<250 * Programs.patience {
            let pid = workerPID
            if pid > 0, pid != worker { return pid }
            usleep(20_000)
        }
        return nil
    }

    /// The child of a keeper that is its worker (a helper goes by another name), whether it serves or not; the last one of
    /// several.
    static func worker(of keeper: Int32) -> Int32? {
        let text = (try? Fd.contents(of: Path("/proc/\(keeper)/task/\(keeper)/children"), limit: 4096)) ?? []
        return text.split(separator: 32).compactMap { Int32(String(decoding: $0, as: UTF8.self)) }.last { pid in
            (try? Fd.contents(of: Path("/proc/\(pid)/comm"), limit: 64))?.starts(with: "umweltd-worker".utf8) == true
        }
    }

    /// The same; waits for one where there is none at the moment.
    static func serving(_ keeper: Int32) throws -> Int32 {
        for _ in 0..<500 {
            if let pid = worker(of: keeper) { return pid }
            usleep(10_000)
        }
        throw LabError("no worker serves")
    }

    /// What is mounted at the mount point, the topmost last; without touching it.
    var mounts: [(type: String, device: String)] {
        let bytes = (try? Fd.contents(of: "/proc/self/mountinfo", limit: 1 << 24)) ?? []
        var result: [(type: String, device: String)] = []
        for line in bytes.split(separator: 10) {
            let fields = line.split(separator: 32)
            guard fields.count > 8, fields[4].elementsEqual(mount.bytes), let dash = fields.firstIndex(of: [45]) else {
                continue
            }
            result.append(
                (String(decoding: fields[dash + 1], as: UTF8.self), String(decoding: fields[2], as: UTF8.self))
            )
        }
        return result
    }

    /// Ends every wait for the daemon, through fusectl.
    func abortConnection() {
        guard let minor = mounts.last?.device.split(separator: ":").last else { return }
        var connections: Path = "/sys/fs/fuse/connections"
        if !FileTree.isThere(connections.appending(Path("\(minor)/abort"))) {
            connections = directory.appending("c")
            try? Directories.make(connections)
            try? Mount.mount("none", on: connections, type: "fusectl")
            defer { try? Mount.unmount(connections, lazily: true) }
            try? FileTree.overwrite(connections.appending(Path("\(minor)/abort")), [49, 10])
            return
        }
        try? FileTree.overwrite(connections.appending(Path("\(minor)/abort")), [49, 10])
    }

    // MARK: Containers

    func cgroup(_ suffix: String = "") throws -> LabCgroup {
        let cgroup = try LabCgroup(suffix.isEmpty ? name : "\(name)-\(suffix)")
        cgroups.append(cgroup)
        return cgroup
    }

    func shell(_ wrapper: [String] = [], in cgroup: LabCgroup? = nil) throws -> LabShell {
        let shell = try LabShell(wrapper: wrapper, cgroup: cgroup) { [unowned self] in abortConnection() }
        shells.append(shell)
        return shell
    }

    /// Namespaces as an engine makes them, the init a shell.
    func container(
        in cgroup: LabCgroup,
        privateCgroups: Bool = true,
        hostPID: Bool = false,
        hasOwnRoot: Bool = true,
        more: [String] = []
    ) throws -> LabContainer {
        var wrapper = ["unshare", "-m", "-u", "-i"] + more
        if privateCgroups { wrapper.append("-C") }
        if !hostPID { wrapper += ["-p", "-f"] }
        let shell = try shell(wrapper, in: cgroup)
        let container = LabContainer(shell: shell, cgroup: cgroup)
        if hasOwnRoot { try container.enterRoot(lab: self) }
        return container
    }

    /// A client of the daemon.
    func request(_ message: Message) throws -> [[UInt8]] {
        var link = try Link(connectingTo: socket)
        return try link.request(message)
    }

    /// `umwelt ARGUMENTS`, for this daemon.
    func umwelt(_ arguments: String) throws -> LabShell.Output {
        let program = Programs.directory.appending("umwelt")
        return try shell().run("'\(program)' \(arguments) --state-dir \(directory)", seconds: 60)
    }

    func register(_ id: String, pid: Int32) throws {
        _ = try request(Message(.register, [Array(id.utf8), Array("test".utf8), Array("\(pid)".utf8)]))
    }

    /// `VmRSS` and the like of the worker, in kB.
    func memory(_ field: String = "VmRSS") -> UInt64? { Self.memory(of: workerPID, field) }

    /// The process that was started.
    var keeperPID: Int32 { daemon?.pid ?? 0 }

    static func memory(of pid: Int32, _ field: String) -> UInt64? {
        guard pid > 0, let bytes = try? Fd.contents(of: Path("/proc/\(pid)/status"), limit: 65536) else {
            return nil
        }
        return LabShell.Output(text: String(decoding: bytes, as: UTF8.self), code: 0).number(field + ":")
    }

    /// A line of the daemon's counters.
    func counter(_ name: String) throws -> UInt64 {
        let text = String(decoding: try request(Message(.counters)).first ?? [], as: UTF8.self)
        for line in text.split(separator: "\n") where line.hasPrefix(name + " ") {
            return UInt64(line.dropFirst(name.count + 1)) ?? 0
        }
        return 0
    }
}

/// A shell with namespaces and a root directory of its own.
struct LabContainer {
    let shell: LabShell
    let cgroup: LabCgroup

    /// The number of its init on the host: the one that is first in its own pid namespace.
    var initPID: Int32 {
        for pid in cgroup.processes {
            guard let text = try? Fd.contents(of: Path("/proc/\(pid)/status"), limit: 65536) else { continue }
            for line in text.split(separator: 10) where line.starts(with: "NSpid:".utf8) {
                let numbers = line.split { $0 == 32 || $0 == 9 }
                if numbers.count > 2, numbers.last?.elementsEqual("1".utf8) == true { return pid }
            }
        }
        return cgroup.processes.first ?? 0
    }

    /// A root of its own, as pivot_root makes it: a tmpfs, with the host's directories in it.
    func enterRoot(lab: DaemonLab) throws {
        let root = "\(lab.directory)/r"
        let output = try shell.run(
            """
            set -e; mkdir -p \(root); mount -t tmpfs -o size=1m root \(root); cd /
            for d in *; do
              [ "$d" != proc ] || continue
              if [ -L "$d" ]; then cp -P "$d" "\(root)/$d"
              elif [ -d "$d" ]; then mkdir "\(root)/$d"; mount --rbind "/$d" "\(root)/$d"; fi
            done
            mkdir \(root)/proc \(root)/.old; mount -t proc proc \(root)/proc
            cd \(root); pivot_root . .old; cd /; umount -l /.old; set +e
            """
        )
        guard output.code == 0 else { throw LabError("no root of its own: \(output.text)") }
    }
}
