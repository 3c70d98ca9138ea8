// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

import Glibc
import Kernel

/// A container that both servers serve, with something in it to be told of: shared memory, page cache, mapped files,
/// block I/O, anonymous memory and used CPU time.
struct PeerScene {
    enum Kind: String, CaseIterable {
        /// 256 MiB, half a CPU, CPUs 0 and 1.
        case limited
        /// No limit at all.
        case unlimited
        /// No memory limit of its own that counts, in a cgroup with 256 MiB and one CPU, where a sibling uses 60 MB.
        case nested
        /// CPU 1 alone.
        case onlyCPU1
    }

    static let files =
        ["meminfo", "stat", "cpuinfo", "uptime", "loadavg", "diskstats", "swaps", "slabinfo"].map { "proc/\($0)" }
        + ["online", "present", "possible", "offline"].map { "sys/devices/system/cpu/\($0)" }

    let kind: Kind
    let guest: PeerGuest

    init(_ kind: Kind, umwelt: PeerUmwelt, lxcfs: PeerLxcfs, lab: PeerLab) throws {
        self.kind = kind
        var limits = PeerLimits()
        var parent: PeerCgroup?
        switch kind {
        case .limited: limits = PeerLimits(memory: 256 << 20, cpus: 0.5, cpuset: "0-1")
        case .unlimited: break
        case .onlyCPU1: limits = PeerLimits(cpuset: "1")
        case .nested:
            let top = try PeerCgroup(path: "/\(PeerCgroup.uniqueName("top"))", lab: lab)
            try top.setMemory(256 << 20)
            try top.setCPUs(1)
            limits = PeerLimits(memory: 512 << 20)
            parent = top
            let sibling = try PeerCgroup(path: "\(top.path)/sibling", isLeaf: true, lab: lab)
            try PeerBurden.hold(megabytes: 60, in: sibling, lab: lab)
        }
        guest = try PeerGuest(kind.rawValue, limits, parent: parent, umwelt: umwelt, lxcfs: lxcfs, lab: lab)
        try guest.run(
            """
            head -c 40000000 /dev/zero > /dev/shm/blob
            head -c 30000000 /dev/zero > /mnt/file; sync /mnt/file; cat /mnt/file > /dev/null
            { head -c 20000000 /dev/zero; sleep 1000; } | tail > /dev/null &
            cp "$(command -v sleep)" /mnt/sleep; /mnt/sleep 1000 &
            timeout 1.5 sh -c 'while :; do :; done'
            cat /run/peer/proc/stat /run/ours/proc/stat /run/peer/proc/loadavg > /dev/null
            timeout 1.5 sh -c 'while :; do :; done'
            sleep 1
            """
        )
    }

    /// One file as both serve it, read one right after the other.
    func read(_ file: String) throws -> (ours: PeerFields, peer: PeerFields) {
        let text = try guest.run("cat /run/ours/\(file); echo '<<and>>'; cat /run/peer/\(file)")
        guard let cut = text.range(of: "<<and>>\n") else { throw PeerFailure("\(file): \(text)") }
        return (PeerFields(file, String(text[..<cut.lowerBound])), PeerFields(file, String(text[cut.upperBound...])))
    }
}

/// Processes that use memory or CPU in a cgroup.
enum PeerBurden {
    /// A process in `cgroup` with so much anonymous memory, until the lab ends.
    static func hold(megabytes: Int, in cgroup: PeerCgroup, lab: PeerLab) throws {
        try spawn(
            "{ head -c \(megabytes * 1_000_000) /dev/zero; sleep 1000; } | tail > /dev/null",
            in: cgroup,
            lab: lab
        )
        try PeerLab.wait(for: "\(megabytes) MB in \(cgroup.path)") {
            (cgroup.usageBytes ?? 0) > UInt64(megabytes) * 1_000_000
        }
    }

    /// A process that uses a CPU whole, in `cgroup` or beside everything, until the lab ends.
    static func burn(in cgroup: PeerCgroup? = nil, lab: PeerLab) throws {
        try spawn("while :; do :; done", in: cgroup, lab: lab)
    }

    /// What a line of shell prints that runs in `cgroup`.
    static func output(_ script: String, in cgroup: PeerCgroup, lab: PeerLab) throws -> String {
        let file = lab.path("output\(UInt32.random(in: 0...UInt32.max))")
        try spawn("{ \(script); } > \(file).part 2>&1; mv \(file).part \(file)", in: cgroup, lab: lab)
        try PeerLab.wait(for: script) { FileTree.isThere(file) }
        return String(decoding: try Fd.contents(of: file, limit: 1 << 20), as: UTF8.self)
    }

    private static func spawn(_ script: String, in cgroup: PeerCgroup?, lab: PeerLab) throws {
        // Waits for a line, which comes once it is where it belongs.
        let gate = try Fd.pipe()
        var command = PeerCommand.command("/bin/sh", ["-c", "read line; \(script)"])
        command.files = [gate.reading.raw, -1, -1]
        command.group = .session
        let child = try command.spawn()
        lab.guardProcess(child.pid)
        lab.atEnd {
            try? ProcessID.kill(-child.pid, SIGKILL)
            _ = try? child.wait()
            lab.unguardProcess(child.pid)
        }
        try cgroup?.add(child.pid)
        try gate.writing.write(Array("go\n".utf8))
    }
}
