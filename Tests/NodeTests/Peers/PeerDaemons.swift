// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

import Glibc
import Kernel
import NodeLink

/// Our daemon, running for one lab.
struct PeerUmwelt {
    let mountPoint: Path
    let socket: Path
    let pid: Int32

    init(_ lab: PeerLab) throws {
        mountPoint = try lab.makeDirectory("um")
        socket = lab.path("s")
        let log = "umweltd.log"
        let program = lab.programs.appending("umweltd")
        guard FileTree.isExecutable(program) else {
            throw PeerFailure("no \(program): build it, or set UMWELT_BIN_DIR")
        }
        let mountPoint = mountPoint
        lab.atEnd { try? Mount.unmount(mountPoint, lazily: true) }
        pid = try lab.startDaemon(program, ["--socket", socket.description, mountPoint.description], log: log).pid
        let socket = socket
        do {
            try PeerLab.wait(for: "umweltd to answer") { (try? Link(connectingTo: socket)) != nil }
        } catch {
            throw PeerFailure(
                "\(error): \((try? Fd.contents(of: lab.path(log), limit: 65536)).map { String(decoding: $0, as: UTF8.self) } ?? "")"
            )
        }
    }

    func request(_ kind: Message.Kind, _ fields: [String] = []) throws -> [String] {
        var link = try Link(connectingTo: socket)
        return try link.request(Message(kind, fields.map { Array($0.utf8) })).map {
            String(decoding: $0, as: UTF8.self)
        }
    }

    /// Where the files of a container are; the container must be attached before they are read.
    func register(_ id: String) throws -> Path {
        Path(try request(.register, [id, "test", "0"]).first ?? "")
    }

    func attach(_ id: String, pid: Int32) throws { _ = try request(.attach, [id, String(pid)]) }

    func deregister(_ id: String) throws { _ = try request(.deregister, [id]) }
}

/// Debian's lxcfs in its most capable form, running for one lab.
struct PeerLxcfs {
    let mountPoint: Path
    let pid: Int32

    init(_ lab: PeerLab, name: String = "lx") throws {
        mountPoint = try lab.makeDirectory(name)
        guard let program = PeerCommand.find("lxcfs") else { throw PeerFailure("no lxcfs") }
        let version = try PeerCommand.run("lxcfs", ["--version"]).drop { !$0.isNumber }
        var options = ["-l", "--enable-cfs", "--enable-pidfd", "-f", "-p", lab.path("\(name).pid").description]
        // Several instances at a time, since 6.0.1.
        if !version.hasPrefix("5.") { options += ["--runtime-dir", try lab.makeDirectory("\(name)run").description] }
        let mountPoint = mountPoint
        lab.atEnd { try? Mount.unmount(mountPoint, lazily: true) }
        // Asked to end, it sleeps out its five seconds of load average.
        pid = try lab.startDaemon(
            program,
            options + [mountPoint.description],
            log: "\(name).log",
            patienceMilliseconds: 0
        ).pid
        try PeerLab.wait(for: "lxcfs to mount") { FileTree.isThere(mountPoint.appending("proc/meminfo")) }
    }
}
