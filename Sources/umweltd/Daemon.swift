// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

import Cgroups
import FuseServer
import Glibc
import Kernel
import NodeLink
import ProcFS
import Synchronization

/// Why the daemon cannot run, in words.
struct DaemonError: Error {
    let message: String

    init(_ message: String) { self.message = message }
}

/// The result of a system call or two, or an error that says what for.
func attempt<Result: ~Copyable>(
    _ purpose: String,
    _ body: () throws(Errno) -> Result
) throws(DaemonError) -> Result {
    do throws(Errno) { return try body() } catch { throw DaemonError("cannot \(purpose): \(error)") }
}

/// The daemon: one mounted file system, one socket, a few threads.
final class Daemon {
    private let options: Options
    private let mountPoint: MountPoint
    private let fileSystem: UmweltFS
    private let session: Session<UmweltFS>
    private let ending: Ending
    private let exits: Exits
    private let signals: Fd
    private var server: LinkServer

    /// How long an embedded daemon waits for its first client.
    private static let firstClientNs: UInt64 = 10_000_000_000
    private static let sweepNs: UInt64 = 10_000_000_000
    /// Bytes; more is looked after at the next sweep.
    private static let residentGoal: UInt64 = 5 << 20

    /// Mounts and listens; on return clients can connect, and the kernel's requests wait to be served.
    init(_ options: Options) throws(DaemonError) {
        self.options = options
        mountPoint = MountPoint(options.mountPoint ?? (options.isEmbedded ? "/run/umwelt/mnt" : "/var/lib/umwelt"))
        // Before the first thread: all inherit the mask.
        signals = try attempt("set up signals") { () throws(Errno) in try Fd.signals([SIGTERM, SIGINT]) }
        signal(SIGPIPE, SIG_IGN)
        _ = try? ProcessLimits.raiseOpenFiles()
        let ending = try attempt("set up events") { () throws(Errno) in try Ending() }
        let exits = try attempt("set up events") { () throws(Errno) in try Exits() }
        self.ending = ending
        self.exits = exits
        let place = HostPlace.enter()
        let listener = try Listener(options.socket)
        let fileSystem = UmweltFS(hierarchies: Hierarchies(mountinfo: place.mountinfo, prefix: place.prefix))
        self.fileSystem = fileSystem
        let session: Session<UmweltFS>
        do throws(DaemonError) {
            session = try Self.mount(mountPoint, fileSystem, isPlaced: options.isPlaced)
        } catch {
            try? Directories.unlink(options.socket)
            throw error
        }
        self.session = session
        let control = Control(
            fileSystem: fileSystem,
            counters: session.dispatcher.counters,
            snapshots: { session.dispatcher.snapshotStatistics },
            mountPoint: mountPoint.path,
            isEmbedded: options.isEmbedded,
            exits: exits
        )
        let socket = listener.take()
        let poller = try attempt("watch the socket") { () throws(Errno) in try Poller() }
        server = LinkServer(socket, poller: poller) { control.answer($0) }
        try attempt("watch signals") { () throws(Errno) in
            try server.start()
            try server.watch(signals)
            try server.watch(ending.event)
            try server.watch(exits.poller)
        }
    }

    private static func mount(
        _ mountPoint: MountPoint,
        _ fileSystem: UmweltFS,
        isPlaced: Bool
    ) throws(DaemonError) -> Session<UmweltFS> {
        do {
            let device = try mountPoint.mount()
            let connection = try Connection(negotiatingOn: device, maxPages: fileSystem.pagesWanted)
            let placement = try Placement(isEnabled: isPlaced) { fileSystem.lastCPU(of: $0) }
            return try Session(connection, fileSystem: fileSystem, counters: Counters(), placement: placement)
        } catch let error as MountPoint.Refusal {
            throw DaemonError(error.description)
        } catch {
            try? mountPoint.unmount()
            throw DaemonError("cannot serve \(mountPoint.path): \(error)")
        }
    }

    /// Serves until told to stop, or until there is nothing left to serve for.
    func run() throws(DaemonError) {
        let threads = options.threads > 0 ? options.threads : max(2, min(8, (try? Affinity.current().count) ?? 2))
        let session = session
        let ending = ending
        let fileSystem = fileSystem
        do throws(Errno) {
            _ = try Thread(name: "fuse") {
                do throws(Errno) { ending.note(try session.run(threads: threads)) } catch {
                    ending.note(.failed(error))
                }
            }
            _ = try Thread(name: "loadavg") { fileSystem.runLoadSampler(until: ending.event) }
        } catch {
            throw DaemonError("cannot start a thread: \(error)")
        }
        announce(threads: threads)
        try serve()
        try? Directories.unlink(options.socket)
        switch ending.reason {
        case .aborted: throw DaemonError("the connection of \(mountPoint.path) was aborted")
        case .failed(let error): throw DaemonError("the FUSE device failed: \(error)")
        case .unmounted: return
        case nil: try? mountPoint.unmount()
        }
    }

    private func announce(threads: Int) {
        Notice.print("\(Options.version) serves \(mountPoint.path) with \(threads) threads")
        if !HostPlace.seesAllProcesses {
            Notice.print("not in the host's pid namespace: callers from elsewhere are taken for the host (use hostPID)")
        }
        if let fd = options.readyFd { try? Fd(adopting: fd).write(Array("ready\n".utf8)) }
    }

    private func serve() throws(DaemonError) {
        ProcessLimits.dropProgramPages()
        let startedAt = Clock.monotonic
        var sweptAt = startedAt
        while true {
            let ready: [Int32]
            do throws(Errno) { ready = try server.serve(milliseconds: 1000) } catch {
                throw DaemonError("cannot wait for clients: \(error)")
            }
            if ready.contains(signals.raw) || ready.contains(ending.event.raw) { return }
            for end in exits.take() where fileSystem.table.container(id: end.id)?.pid == end.pid {
                _ = fileSystem.deregister(id: end.id)
            }
            let now = Clock.monotonic
            if now &- sweptAt > Self.sweepNs {
                sweptAt = now
                fileSystem.sweep()
                // What rare requests needed of the program, once.
                if ProcessLimits.residentBytes ?? 0 > Self.residentGoal { ProcessLimits.dropProgramPages() }
            }
            let isWanted = server.status.holders > 0 || !fileSystem.table.isEmpty
            let hasHadTime = server.status.hadHolder || now &- startedAt > Self.firstClientNs
            if options.isEmbedded, !isWanted, hasHadTime { return }
        }
    }
}

/// Whether the session is over, for the threads that wait for it.
final class Ending: Sendable {
    /// Readable once the session is over.
    let event: Fd
    private let state = Mutex<Session<UmweltFS>.End?>(nil)

    init() throws(Errno) { event = try Fd.event() }

    func note(_ end: Session<UmweltFS>.End) {
        state.withLock { $0 = end }
        event.signal()
    }

    var reason: Session<UmweltFS>.End? { state.withLock { $0 } }
}
