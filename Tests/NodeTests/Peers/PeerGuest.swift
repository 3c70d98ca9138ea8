// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

import Glibc
import Kernel

/// Limits of a container; nil: none.
struct PeerLimits {
    var memory: UInt64?
    var cpus: Double?
    var cpuset: String?
}

/// A real container, made by runc over the host's own programs, in which a shell takes commands.
///
/// Every file of ours that runc lets be mounted is where programs look for it; both servers' whole trees are at
/// /run/ours and /run/peer, where the caller decides what is read.
final class PeerGuest {
    let id: String
    let cgroup: PeerCgroup
    /// Of its first process, in this pid namespace.
    private(set) var pid: Int32 = 0
    /// Our files for it, as the host sees them.
    private(set) var files: Path = "/"
    private let lab: PeerLab
    private var input: Int32 = -1
    private var output: Int32 = -1
    private var count = 0

    static let proc = ["cpuinfo", "diskstats", "meminfo", "stat", "swaps", "uptime", "loadavg", "slabinfo"]

    /// Starts it in the cgroup `parent` (or the root), with `binds` mounted read-only: what, and where in the container; and
    /// with `disk`, which it may use, at /run/disk; in a pid namespace of its own, or that of `other`.
    init(
        _ name: String,
        _ limits: PeerLimits = PeerLimits(),
        parent: PeerCgroup? = nil,
        umwelt: PeerUmwelt,
        lxcfs: PeerLxcfs? = nil,
        binds: [(Path, String)] = [],
        disk: PeerDisk? = nil,
        sharingPidsOf other: PeerGuest? = nil,
        lab: PeerLab
    ) throws {
        id = PeerCgroup.uniqueName(name)
        cgroup = PeerCgroup(madeByOthers: "\(parent?.path ?? "")/\(id)")
        self.lab = lab
        let bundle = try lab.makeDirectory(id)
        let root = bundle.appending("root")
        try FileTree.makeDirectory(root)
        try Mount.bind("/", on: root)
        try Mount.mount("", on: root, type: "", flags: .isPrivate)
        lab.atEnd { try? Mount.unmount(root, lazily: true) }
        // On the disk, which /tmp may not be: what is written here is page cache and block I/O of the container.
        let data = Path("/var/tmp/\(id)")
        try FileTree.makeDirectory(data)
        lab.atEnd { try? FileTree.removeAll(data) }
        files = try umwelt.register(id)
        let id = id
        lab.atEnd { try? umwelt.deregister(id) }

        var mounts = Self.fixedMounts
        mounts.append(Self.mount("/run/ours", "bind", umwelt.mountPoint.description, ["rbind", "ro"]))
        if let lxcfs { mounts.append(Self.mount("/run/peer", "bind", lxcfs.mountPoint.description, ["rbind", "ro"])) }
        mounts.append(Self.mount("/mnt", "bind", data.description, ["bind", "rw"]))
        for file in Self.proc {
            mounts.append(Self.mount("/proc/\(file)", "bind", "\(files)/proc/\(file)", ["bind", "ro"]))
        }
        for part in ["cpu", "node"] {
            let path = "/sys/devices/system/\(part)"
            mounts.append(Self.mount(path, "bind", "\(files)\(path)", ["bind", "ro"]))
        }
        for (from, to) in binds { mounts.append(Self.mount(to, "bind", from.description, ["bind", "ro"])) }
        if let disk { mounts.append(Self.mount("/run/disk", "bind", disk.device, ["bind", "rw"])) }
        let config = Self.config(
            root: root,
            mounts: mounts,
            cgroup: cgroup.path,
            limits,
            disk: disk,
            sharingPidsOf: other?.pid
        )
        try FileTree.write(Array(config.utf8), to: bundle.appending("config.json"))
        try start(bundle)
        try umwelt.attach(id, pid: pid)
    }

    /// Runs a line of shell in it; what it printed on both streams.
    @discardableResult
    func run(_ line: String, milliseconds: Int = 60_000) throws -> String {
        count += 1
        let mark = "<<\(count)>>"
        let script = Array("{ \(line)\n} 2>&1 </dev/null; echo; echo '\(mark)'\n".utf8)
        guard script.withUnsafeBytes({ Glibc.write(input, $0.baseAddress, $0.count) }) == script.count else {
            throw PeerFailure("\(id) takes no commands")
        }
        var text: [UInt8] = []
        let ending = Array("\n\(mark)\n".utf8)
        let end = Clock.monotonic + UInt64(milliseconds) * 1_000_000
        var buffer = [UInt8](repeating: 0, count: 65536)
        while true {
            var poll = pollfd(fd: output, events: Int16(POLLIN), revents: 0)
            guard Glibc.poll(&poll, 1, 200) > 0 else {
                guard Clock.monotonic < end else {
                    throw PeerFailure("no end of: \(line): \(String(decoding: text, as: UTF8.self))")
                }
                continue
            }
            let got = Glibc.read(output, &buffer, buffer.count)
            guard got > 0 else {
                throw PeerFailure("\(id) ended in: \(line): \(String(decoding: text, as: UTF8.self))")
            }
            text.append(contentsOf: buffer.prefix(got))
            if text.count >= ending.count, text.suffix(ending.count).elementsEqual(ending) {
                return String(decoding: text.dropLast(ending.count), as: UTF8.self)
            }
        }
    }

    /// Our file for it, read by the host.
    func ours(_ file: String) throws -> String {
        do throws(Errno) {
            return String(decoding: try Fd.contents(of: files.appending(Path(file)), limit: 1 << 20), as: UTF8.self)
        } catch {
            throw PeerFailure("\(files)/\(file): \(error)")
        }
    }

    private func start(_ bundle: Path) throws {
        guard let runc = PeerCommand.find("runc") else { throw PeerFailure("no runc") }
        let toGuest = try Fd.pipe()
        let fromGuest = try Fd.pipe()
        let state = lab.path("runc").description
        let pidFile = bundle.appending("pid")
        var command = PeerCommand.command(
            runc,
            ["--root", state, "run", "--bundle", bundle.description, "--pid-file", pidFile.description, id]
        )
        command.files = [toGuest.reading.raw, fromGuest.writing.raw, fromGuest.writing.raw]
        command.group = .session
        let child = try command.spawn()
        input = try toGuest.writing.duplicate().release()
        output = try fromGuest.reading.duplicate().release()
        lab.guardProcess(child.pid)
        let (lab, id, input, output) = (lab, id, input, output)
        lab.atEnd {
            close(input)
            PeerCommand.end(child, milliseconds: 3000)
            lab.unguardProcess(child.pid)
            close(output)
            _ = try? PeerCommand.run("runc", ["--root", state, "delete", "--force", id])
        }
        // A command runs only once the container does; what runc has to say instead is in the failure.
        try fromGuestIsReady()
        // runc writes it after it has let the first process go.
        try PeerLab.wait(for: "runc to tell the pid of \(id)") { FileTree.isThere(pidFile) }
        let text = try Fd.contents(of: pidFile, limit: 32)
        guard let pid = Int32(String(decoding: text, as: UTF8.self)) else { throw PeerFailure("no pid of \(id)") }
        self.pid = pid
    }

    private func fromGuestIsReady() throws {
        let text = try run("echo ready")
        guard text.hasSuffix("ready\n") else { throw PeerFailure("\(id): \(text)") }
    }

    // MARK: The bundle

    private static let fixedMounts = [
        mount("/proc", "proc", "proc", []), mount("/sys", "sysfs", "sysfs", ["ro", "nosuid", "noexec", "nodev"]),
        mount("/dev", "tmpfs", "tmpfs", ["mode=755"]),
        mount("/dev/pts", "devpts", "devpts", ["newinstance", "ptmxmode=0666", "mode=0620"]),
        mount("/dev/shm", "tmpfs", "tmpfs", []), mount("/tmp", "tmpfs", "tmpfs", []),
        mount("/run", "tmpfs", "tmpfs", []), mount("/sys/fs/cgroup", "cgroup", "cgroup", ["ro"]),
    ]

    private static func mount(_ to: String, _ type: String, _ from: String, _ options: [String]) -> String {
        let options = options.map { "\"\($0)\"" }.joined(separator: ",")
        return #"{"destination":"\#(to)","type":"\#(type)","source":"\#(from)","options":[\#(options)]}"#
    }

    private static func config(
        root: Path,
        mounts: [String],
        cgroup: String,
        _ limits: PeerLimits,
        disk: PeerDisk?,
        sharingPidsOf other: Int32?
    ) -> String {
        var resources: [String] = []
        if let memory = limits.memory { resources.append(#""memory":{"limit":\#(memory)}"#) }
        var cpu: [String] = []
        if let cpus = limits.cpus { cpu.append(#""quota":\#(Int(cpus * 100_000)),"period":100000"#) }
        if let cpuset = limits.cpuset { cpu.append(#""cpus":"\#(cpuset)""#) }
        if !cpu.isEmpty { resources.append(#""cpu":{\#(cpu.joined(separator: ","))}"#) }
        if let disk {
            let device = #""type":"b","major":\#(disk.major),"minor":\#(disk.minor)"#
            resources.append(#""devices":[{"allow":true,\#(device),"access":"rw"}]"#)
        }
        var namespaces = ["mount", "ipc", "uts", "cgroup"].map { #"{"type":"\#($0)"}"# }
        namespaces.append(other.map { #"{"type":"pid","path":"/proc/\#($0)/ns/pid"}"# } ?? #"{"type":"pid"}"#)
        let environment = ["PATH=\(PeerCommand.searched.joined(separator: ":"))", "LC_ALL=C", "TZ=UTC", "HOME=/tmp"]
        return """
            {"ociVersion":"1.0.2","hostname":"guest","root":{"path":"\(root)","readonly":true},
            "process":{"terminal":false,"user":{"uid":0,"gid":0},"cwd":"/","args":["/bin/sh"],
            "env":[\(environment.map { "\"\($0)\"" }.joined(separator: ","))]},
            "mounts":[\(mounts.joined(separator: ",\n"))],
            "linux":{"cgroupsPath":"\(cgroup)","namespaces":[\(namespaces.joined(separator: ","))],
            "resources":{\(resources.joined(separator: ","))}}}
            """
    }
}
