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

/// What serves: the file system on a connection that the keeper holds, the socket's clients, a few threads.
///
/// It can end at any instant; another goes on where it was.
final class Daemon {
    private let options: Options
    private let inheritance: Inheritance
    private let fileSystem: UmweltFS
    private let session: Session<UmweltFS>
    private let ending: Ending
    private let exits: Exits
    private var server: LinkServer

    /// How long an embedded daemon waits for its first client.
    private static let firstClientNs: UInt64 = 10_000_000_000
    private static let sweepNs: UInt64 = 10_000_000_000
    private static let forgetNs: UInt64 = 2_000_000_000
    private static let guardNs: UInt64 = 10_000_000_000
    /// Some six for each container that is read: enough for the containers of a full node, in 19 MB of kernel memory.
    private static let keptDescriptors = 4096
    /// Bytes; more is looked after within a second.
    private static let residentGoal: UInt64 = 3 << 20

    /// Adopts the connection; on return all is ready to be served.
    ///
    /// `isEnding`: nothing is to be begun any more.
    init(_ options: Options, _ inheritance: Inheritance, refused: [UInt64], isEnding: Bool) throws(DaemonError) {
        self.options = options
        self.inheritance = inheritance
        _ = try? ProcessLimits.raiseOpenFiles()
        let ending = try attempt("set up events") { () throws(Errno) in try Ending() }
        ending.isNear = isEnding
        let exits = try attempt("set up events") { () throws(Errno) in try Exits() }
        self.ending = ending
        self.exits = exits
        let place = HostPlace.enter()
        let journal = try attempt("write \(options.table)") { () throws(Errno) in try TableJournal(at: options.table) }
        let hierarchies = Hierarchies(
            mountinfo: place.mountinfo,
            prefix: place.prefix,
            keptDescriptors: min((ProcessLimits.openFiles ?? 1024) / 4, Self.keptDescriptors)
        )
        let fileSystem = UmweltFS(
            hierarchies: hierarchies,
            hostFiles: HostFiles(),
            journal: journal,
            accounts: inheritance.accounts
        )
        self.fileSystem = fileSystem
        let session = try attempt("adopt the connection") { () throws(Errno) in
            try Session(
                Connection(adopting: try inheritance.device.duplicate(), negotiated: inheritance.negotiated),
                fileSystem: fileSystem,
                counters: Counters(),
                placement: try Placement(isEnabled: options.isPlaced) { fileSystem.lastCPU(of: $0) },
                area: inheritance.area,
                store: inheritance.store,
                refused: refused,
                unsettled: inheritance.unsettled
            )
        }
        self.session = session
        let control = Control(
            fileSystem: fileSystem,
            counters: session.dispatcher.counters,
            snapshots: { session.dispatcher.snapshotStatistics },
            mountPoint: options.mount,
            isEmbedded: options.isEmbedded,
            isEnding: { ending.isNear },
            exits: exits,
            ask: { inheritance.tell($0) }
        )
        let poller = try attempt("watch the socket") { () throws(Errno) in try Poller() }
        let listener = try attempt("listen") { () throws(Errno) in try inheritance.listener.duplicate() }
        server = LinkServer(listener, poller: poller) { control.answer($0) }
        try attempt("watch events") { () throws(Errno) in
            try server.start()
            try server.watch(inheritance.channel)
            try server.watch(ending.event)
            try server.watch(exits.poller)
        }
    }

    /// Serves until there is nothing left to serve for, or the keeper is gone, whose place this process then takes.
    func run() throws(DaemonError) {
        let session = session
        let ending = ending
        let fileSystem = fileSystem
        let threads = options.threadCount
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
        inheritance.tell(.ready)
        watchKnownContainers()
        try serve()
        switch ending.reason {
        case .aborted: inheritance.tell(.aborted)
        case .failed(let error): throw DaemonError("the FUSE device failed: \(error)")
        case .unmounted, nil: inheritance.tell(.unmounted)
        }
        // The keeper acts on it, and ends this process where it is still there.
        while inheritance.hear() != nil {}
        if inheritance.isEnding { try inheritance.becomeKeeper(options) }
    }

    /// Watches the first processes that a predecessor was told of; one may have ended while nobody watched.
    private func watchKnownContainers() {
        for container in fileSystem.table.registered where container.pid > 0 {
            let isWatched =
                fileSystem.hasItsProcess(container) && (try? exits.watch(container.pid, id: container.id)) != nil
            if !isWatched { firstProcessEnded(container.id) }
        }
    }

    /// Where others of the container go on, one of them is watched in its first one's place; else it is forgotten.
    private func firstProcessEnded(_ id: [UInt8]) {
        // The one that is found may end meanwhile.
        for _ in 0..<3 {
            guard let next = fileSystem.goOn(id: id) else { break }
            if (try? exits.watch(next, id: id)) != nil { return }
        }
        _ = fileSystem.deregister(id: id)
        exits.forget(id: id)
    }

    private func serve() throws(DaemonError) {
        var trim = ProgramTrim(goal: Self.residentGoal)
        let startedAt = Clock.monotonic
        var (sweptAt, forgotAt) = (startedAt, startedAt)
        let keeper = ProcessID.parent
        // While the keeper becomes another program: until when that has to come far enough to end this worker.
        var relievedBy: UInt64?
        while true {
            let ready: [Int32]
            do throws(Errno) { ready = try server.serve(milliseconds: 1000) } catch {
                throw DaemonError("cannot wait for clients: \(error)")
            }
            inheritance.area.beat()
            // Somebody stopped it: nobody would follow this process.
            if ProcessID.state(keeper) == UInt8(ascii: "T") { try? ProcessID.kill(keeper, SIGCONT) }
            if ready.contains(inheritance.channel.raw) {
                guard let words = inheritance.hear() else {
                    if relievedBy != nil {
                        Notice.print("the new program ended; taking its place with version \(Options.version)")
                    }
                    try inheritance.becomeKeeper(options)
                }
                for word in words {
                    switch word {
                    case .onGuard: relievedBy = Clock.monotonic &+ Self.guardNs
                    case .ending: ending.isNear = true
                    default: relievedBy = nil
                    }
                }
            }
            if let end = relievedBy, Clock.monotonic >= end || ProcessID.parent != keeper {
                Notice.print("the new program does not go on; taking its place with version \(Options.version)")
                // Once it has ended, its number is anybody's.
                if ProcessID.parent == keeper { try? ProcessID.kill(keeper, SIGKILL) }
                for _ in 0..<1000 where ProcessID.parent == keeper { usleep(1000) }
                // What it had started may hold its end of the channel: that would not close.
                try inheritance.becomeKeeper(options)
            }
            if ready.contains(ending.event.raw) { return }
            for end in exits.take() where fileSystem.table.container(id: end.id)?.pid == end.pid {
                firstProcessEnded(end.id)
            }
            let now = Clock.monotonic
            if now &- forgotAt > Self.forgetNs {
                forgotAt = now
                fileSystem.forgetEnded()
            }
            if now &- sweptAt > Self.sweepNs {
                sweptAt = now
                fileSystem.sweep().forEach(firstProcessEnded)
            }
            trim.look(now)
            let isWanted = server.status.holders > 0 || !fileSystem.table.isEmpty
            let hasHadTime = server.status.hadHolder || now &- startedAt > Self.firstClientNs
            if options.isEmbedded, !isWanted, hasHadTime, !ending.isNear {
                // Nobody registers any more from here on.
                ending.isNear = true
                inheritance.tell(.idle)
            }
        }
    }
}

/// Whether the session is over, for the threads that wait for it.
final class Ending: Sendable {
    /// Readable once the session is over.
    let event: Fd
    private let state = Mutex<Session<UmweltFS>.End?>(nil)
    private let near = Atomic<Bool>(false)

    /// The daemon is about to end: nothing is begun any more.
    var isNear: Bool {
        get { near.load(ordering: .relaxed) }
        set { near.store(newValue, ordering: .relaxed) }
    }

    init() throws(Errno) { event = try Fd.event() }

    func note(_ end: Session<UmweltFS>.End) {
        state.withLock { $0 = end }
        event.signal()
    }

    var reason: Session<UmweltFS>.End? { state.withLock { $0 } }
}
