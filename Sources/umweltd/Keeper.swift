// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

import Attachment
import FuseServer
import FuseWire
import Glibc
import Keeper
import Kernel
import ProcFS

/// The process that people start: mounts, agrees with the kernel on the protocol, and from then on holds the connection
/// while a worker serves it.
///
/// The connection lives for as long as somebody holds its descriptor, and the kernel keeps what a dead worker had in hand
/// for the next one: so a worker may end at any instant. This process has one thread, reads no request and no file of a
/// container, and calls nothing that can wait for long. Ends last.
final class Keeper {
    /// Bytes; more is looked after within a second.
    private static let residentGoal: UInt64 = 2 << 20

    static let signals: [Int32] = [SIGTERM, SIGINT, SIGHUP, SIGCHLD]

    let options: Options
    let mountPoint: MountPoint
    let mountGuard: MountGuard
    /// This program's own file, by the name it had when it was started.
    let program: Path
    var device: Fd
    var negotiated: Negotiated
    let listener: Fd
    let lock: Fd
    /// What open files read, whichever worker opened them.
    let store: SnapshotStore
    /// What containers were told of their CPU times, whichever worker told it.
    let accounts: AccountStore
    let poller: Poller
    private let signalQueue: Fd
    let manager = ServiceManagerLink()

    /// Who serves, or is about to.
    var worker: Worker?
    /// Killed, and not ended yet.
    var leaving: [Int32: Worker] = [:]
    /// When the worker is to begin, of the monotonic clock: one before it may still be there.
    var letsInAt: UInt64?
    /// What ended workers had in hand, where the kernel does not resend it, until another one has taken it over.
    var unsettled: [RequestArea] = []
    /// When the next worker is to be started, of the monotonic clock; nil where one is there.
    var startsAt: UInt64? = 0
    var policy = RestartPolicy()
    var watch = HealthWatch()
    var suspects = Suspects()
    var unanswered = Unanswered()
    /// Until when a worker has to serve on the connection that took an aborted one's place, of the monotonic clock.
    var servesBy: UInt64?
    var lookedAt: UInt64 = 0
    var relaxedAt: UInt64 = Clock.monotonic
    /// When aborted connections were replaced, of the monotonic clock.
    var remounts: [UInt64] = []
    /// A worker has served.
    var isAnnounced = false
    /// The same, of this process or of one before it: there are readers, who wait for the next one.
    var hasServed = false
    var upgrade: UpgradeProbation?
    var trial: UpgradeTrial?
    /// It is to go over to the program's file as soon as it serves.
    var isUpgradeDue = false
    var helper: Helper?
    /// Containers with dead mounts of ours were looked for.
    var hasMended = false
    /// When they are looked for again, of the monotonic clock, and how long after that once more.
    var mendsAgain: (at: UInt64, pauseNs: UInt64)?
    /// A client asked for the end, and not whoever restarts the service.
    var isMeant = false
    var isMounted = true
    /// It was asked of a worker that is not listened to any more; the stop has not begun.
    var isStopDue = false
    /// The mount and the connection are the successor's.
    var isHandedOver = false
    var stage = Stage.serving
    /// When a stop that was begun is over, of the monotonic clock.
    var stopsBy: UInt64 = 0
    /// Of the connection that ends, once it does.
    var minor: UInt32 = 0
    /// Why this daemon ends although nobody wanted it to.
    var failure: String?
    var notices = NoticeLimit()

    enum Stage: Equatable {
        case serving
        /// A worker serves on while the views are taken away.
        case stopping
        /// A worker serves on while somebody has a file open: until this moment of the monotonic clock.
        case draining(until: UInt64)
        case over
    }

    /// Mounts and listens, or takes over what `held` names; on return clients can connect, and the kernel's requests wait.
    init(_ options: Options, _ held: Held?) throws(DaemonError) {
        var options = options
        // The kernel's own spelling, by which mounts are found again.
        if held == nil { options.mountPoint = MountPoint.canonical(options.mount) }
        self.options = options
        mountPoint = MountPoint(options.mount)
        // Before anything is held: what comes meanwhile waits.
        signalQueue = try attempt("set up signals") { () throws(Errno) in try Fd.signals(Self.signals) }
        let exe = (try? FileTree.linkTarget("/proc/self/exe").description) ?? "/proc/self/exe"
        program = Path(exe.hasSuffix(" (deleted)") ? String(exe.dropLast(" (deleted)".count)) : exe)
        _ = try? ProcessLimits.raiseOpenFiles()
        if let held {
            device = Fd(adopting: held.device)
            listener = Fd(adopting: held.listener)
            lock = Fd(adopting: held.lock)
            negotiated = held.negotiated
            for area in held.areas {
                if let area = try? RequestArea(adopting: Fd(adopting: area)) { unsettled.append(area) }
            }
            upgrade = held.previous.map { UpgradeProbation(previous: Fd(adopting: $0)) }
            isAnnounced = true
            hasServed = true
            store = try Self.store(held.snapshots.map { Fd(adopting: $0) })
            accounts = try Self.accounts(held.accounts.map { Fd(adopting: $0) })
        } else {
            // What cannot be is refused before any file is made. The lock's then stays: another daemon may wait for it.
            try Listener.check(options.socket)
            do throws(MountPoint.Refusal) { try mountPoint.prepare() } catch { throw DaemonError(error.description) }
            lock = try Listener.lock(for: options.socket)
            let isNoted = options.mountNotes.add(options.mount)
            let kept: Kept
            switch manager.takeConnection(of: mountPoint) {
            case .some(let taken):
                kept = taken
                hasServed = true
            case .none:
                do throws(DaemonError) { kept = try Self.connect(mountPoint) } catch {
                    // Nothing was mounted.
                    if isNoted { options.mountNotes.remove(options.mount) }
                    throw error
                }
            }
            negotiated = kept.negotiated
            device = kept.takeDevice()
            unsettled = manager.takeAreas(areWanted: hasServed && !negotiated.hasResend)
            store = try Self.store(manager.takeMemory(.snapshots))
            accounts = try Self.accounts(manager.takeMemory(.accounts))
            do throws(DaemonError) { listener = try Listener.listen(options.socket) } catch {
                if !hasServed {
                    try? mountPoint.unmount()
                    if isNoted { options.mountNotes.remove(options.mount) }
                }
                throw error
            }
            if hasServed { manager.tell("EXTEND_TIMEOUT_USEC=\(Self.giveUpLimitNs / 1000)") }
        }
        mountGuard = MountGuard(options.mount)
        poller = try attempt("set up events") { () throws(Errno) in try Poller() }
        try attempt("watch signals") { () throws(Errno) in try poller.add(signalQueue) }
        ProcessID.inheritNothing()
        resend()
        if let minor = held?.ending {
            goOnStopping(minor)
        } else {
            keepAll()
            try relieve(held?.incumbent)
        }
    }

    /// Has the service manager keep what is to outlive this process.
    func keepAll() {
        manager.keep(device, negotiated)
        manager.keep(store.memory.fd, as: .snapshots)
        manager.keep(accounts.memory.fd, as: .accounts)
    }

    private static func accounts(_ kept: consuming Fd?) throws(DaemonError) -> AccountStore {
        if let kept = kept.take(), let accounts = try? AccountStore(adopting: kept) { return accounts }
        return try attempt("make memory for accounts") { () throws(Errno) in try UmweltFS.makeAccountStore() }
    }

    /// What an earlier process kept, or new memory.
    private static func store(_ kept: consuming Fd?) throws(DaemonError) -> SnapshotStore {
        if let kept = kept.take(), let store = try? SnapshotStore(adopting: kept) { return store }
        return try attempt("make memory for snapshots") { () throws(Errno) in try SnapshotStore() }
    }

    /// Mounts, and answers the kernel's first request.
    static func connect(_ mountPoint: MountPoint) throws(DaemonError) -> Kept {
        do {
            let device = try mountPoint.mount()
            let connection = try Connection(negotiatingOn: device.duplicate(), maxPages: UmweltFS.pagesWanted())
            return Kept(device, connection.negotiated)
        } catch let error as MountPoint.Refusal {
            throw DaemonError(error.description)
        } catch {
            try? mountPoint.unmount()
            throw DaemonError("cannot serve \(mountPoint.path): \(error)")
        }
    }

    /// Returns when it is all over.
    func run() throws(DaemonError) {
        var trim = ProgramTrim(goal: Self.residentGoal)
        while stage != .over {
            let now = Clock.monotonic
            if isStopDue {
                isStopDue = false
                stopForClient()
            }
            if case .draining(let end) = stage, now >= end { drained() }
            if let due = startsAt, now >= due { try startWorker() }
            if let due = letsInAt, now >= due { letIn() }
            if let end = servesBy, now >= end { giveUp() }
            let ready: [Int32]
            do throws(Errno) { ready = try poller.wait(milliseconds: patience(now)) } catch {
                throw DaemonError("cannot wait for events: \(error)")
            }
            if ready.contains(signalQueue.raw) { takeSignals() }
            if let worker, ready.contains(worker.channel.raw) { try listen(to: worker) }
            while let (pid, change) = Child.nextChange() { try note(change, of: pid) }
            try look()
            guardMount()
            trim.look(now)
            helper?.hurry()
            if let (due, pause) = mendsAgain, now >= due { mend(pauseNs: pause) }
            if trial?.isOverdue == true { trialEnded(nil) }
            if upgrade?.isOverdue == true { upgradeFailed("its worker does not come to serve") }
            manager.ping()
        }
        end()
        if isHandedOver { exit(Self.handedOverStatus) }
        if let failure { throw DaemonError(failure) }
    }

    /// EX_TEMPFAIL, for the service manager: everything is left to the next process.
    private static let handedOverStatus: Int32 = 75

    /// How long nothing needs to be done if nothing happens.
    private func patience(_ now: UInt64) -> Int32 {
        var moments = [startsAt, letsInAt].compactMap { $0 }
        if case .draining(let end) = stage { moments.append(end) }
        guard let next = moments.min() else { return HealthWatch.intervalMilliseconds }
        let milliseconds = next > now ? (next - now) / 1_000_000 + 1 : 0
        return Int32(clamping: min(milliseconds, UInt64(HealthWatch.intervalMilliseconds)))
    }

    private func takeSignals() {
        while (try? signalQueue.waitReadable(milliseconds: 0)) == true, let signal = try? signalQueue.nextSignal() {
            switch signal {
            case SIGTERM, SIGINT: stop(by: signal)
            case SIGHUP: goOver()
            default: break
            }
        }
    }

    /// Has the kernel send what an ended worker had in hand to those that read now.
    func resend() { if negotiated.hasResend { try? device.resendRequests() } }
}
