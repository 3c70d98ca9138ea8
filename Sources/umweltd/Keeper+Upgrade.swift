// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

import FuseServer
import Glibc
import Keeper
import Kernel
import ProcFS

/// A new program that has not served yet, and the one to go back to.
final class UpgradeProbation {
    private static let limitNs: UInt64 = 15_000_000_000

    /// The program that ran before; held open, so that it is there whatever became of its file.
    let previous: Fd
    private let startedAt = Clock.monotonic

    init(previous: consuming Fd) { self.previous = previous }

    var isOverdue: Bool { Clock.monotonic &- startedAt > Self.limitNs }
}

/// A program that is asked for its version before it is gone over to.
final class UpgradeTrial {
    private static let limitNs: UInt64 = 5_000_000_000

    let child: Child
    private let startedAt = Clock.monotonic

    init(_ child: Child) { self.child = child }

    var isOverdue: Bool { Clock.monotonic &- startedAt > Self.limitNs }
}

extension Keeper {
    /// Goes over to the program's file as it is now: this process becomes it, and starts a worker of it.
    ///
    /// One that does not run at all is refused before anything happens. Until it has come so far as to start a worker, the
    /// worker that is there serves on, and takes this process's place where that ends or stands still. A program whose own
    /// worker does not come to serve is left for the one that ran before. Containers see a pause as after a crash.
    func goOver() {
        guard stage == .serving, upgrade == nil, trial == nil else { return }
        // Who started it waits to be told that it serves.
        guard isAnnounced else {
            isUpgradeDue = true
            return
        }
        let arguments = ["umweltd", "--version"].map { Array($0.utf8) }
        var command = Command(path: program, arguments: arguments, environment: [])
        command.files = [-1, -1, 2]
        do throws(Errno) { trial = UpgradeTrial(try command.spawn()) } catch { trialEnded(nil) }
    }

    /// The program has told its version, or has not; nil: it took too long, or did not even start.
    func trialEnded(_ status: ExitStatus?) {
        if status == nil { try? trial?.child.kill(SIGKILL) }
        trial = nil
        guard stage == .serving else { return }
        guard status == .exited(0) else {
            return Notice.print("\(program) does not run: going on with version \(Options.version)")
        }
        do throws(Errno) {
            let previous = try Fd.open("/proc/self/exe", .path)
            try previous.setInherited(true)
            try become(program, previous: previous.raw)
        } catch {
            try? worker?.channel.send([Inheritance.Word.relieved.rawValue])
            Notice.print("cannot become \(program): \(error); going on with version \(Options.version)")
        }
    }

    /// Goes back, where this is a new program whose workers do not come to serve.
    func upgradeFailed(_ reason: String) {
        // A stop that was begun needs no other program, which would not know of it.
        guard stage == .serving, let upgrade else { return }
        Notice.print("version \(Options.version) is given up: \(reason)")
        self.upgrade = nil
        do throws(Errno) { try become(Path("/proc/self/fd/\(upgrade.previous.raw)"), previous: nil) } catch {
            Notice.print("cannot go back to the program before: \(error)")
        }
    }

    /// Becomes `program` with all that is held; with `previous`, which it is to go back to, the worker serves on meanwhile.
    private func become(_ program: Path, previous: Int32?) throws(Errno) -> Never {
        endWorkers(sparing: previous != nil)
        let incumbent = worker
        var held = Held(device: device.raw, listener: listener.raw, lock: lock.raw, negotiated: negotiated)
        forgetSettled()
        // The next program does not know of the others.
        keepAreas(ofLeaving: false)
        held.areas = unsettled.map { $0.memory.fd.raw }
        held.previous = previous
        held.snapshots = store.memory.fd.raw
        held.accounts = accounts.memory.fd.raw
        if let incumbent {
            try incumbent.channel.send([Inheritance.Word.onGuard.rawValue])
            held.incumbent = Held.Incumbent(
                pid: incumbent.child.pid,
                channel: incumbent.channel.raw,
                area: incumbent.area.memory.fd.raw
            )
        } else {
            restart(after: 0)
        }
        // Another program does not know of it.
        guard !isStopDue else { throw Errno(rawValue: ECANCELED) }
        try inherit(incumbent)
        defer { ProcessID.inheritNothing() }
        let command = Command(
            path: program,
            arguments: options.arguments(for: .keeper(held)).map { Array($0.utf8) },
            environment: Environment.own
        )
        // Whoever goes on looks for dead mounts anew.
        helper?.end()
        defer {
            hasMended = false
            mendOnce()
        }
        try command.become()
    }

    private func inherit(_ incumbent: Worker?) throws(Errno) {
        try device.setInherited(true)
        try listener.setInherited(true)
        try lock.setInherited(true)
        try store.memory.fd.setInherited(true)
        try accounts.memory.fd.setInherited(true)
        for area in unsettled { try area.memory.fd.setInherited(true) }
        try incumbent?.channel.setInherited(true)
        try incumbent?.area.memory.fd.setInherited(true)
    }

    /// What a worker of the program before is to this one, which has come far enough: it makes room for the next.
    func relieve(_ incumbent: Held.Incumbent?) throws(DaemonError) {
        guard let incumbent else { return }
        let channel = Fd(adopting: incumbent.channel)
        let area = try attempt("take over a worker's requests") { () throws(Errno) in
            try RequestArea(adopting: Fd(adopting: incumbent.area))
        }
        let worker = Worker(child: Child(adopting: incumbent.pid), channel: channel, area: area)
        retire(worker)
    }

    /// Kills the workers, and waits a moment for their end; `sparing`: but not the one that serves.
    private func endWorkers(sparing: Bool) {
        if let worker, !sparing || worker.readyAt == nil || worker.isSilent { leave(worker) }
        for worker in leaving.values { kill(worker) }
        for _ in 0..<200 where !leaving.isEmpty {
            while let (pid, change) = Child.nextChange() { try? note(change, of: pid) }
            usleep(5000)
        }
    }
}
