// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

import FuseServer
import FuseWire
import Glibc
import Keeper
import Kernel
import ProcFS

extension Keeper {
    /// Signals by which a process ends itself, through a bug.
    private static let crashes: Set<Int32> = [SIGILL, SIGTRAP, SIGABRT, SIGBUS, SIGFPE, SIGSEGV, SIGSYS]

    /// Longer than any start takes that comes to an end.
    private static let startLimitNs: UInt64 = 30_000_000_000

    /// How long a killed worker is waited for before the next one starts beside it.
    static let deathLimitNs: UInt64 = 100_000_000

    func startWorker() throws(DaemonError) {
        startsAt = nil
        forgetSettled()
        settleThoseThatStay()
        do throws(Errno) {
            let area = try RequestArea(threads: options.threadCount)
            let pair = try SocketPair()
            let part = Options.Part.worker(negotiated, refused: suspects.refused, areas: unsettled.count)
            var command = Command(
                path: "/proc/self/exe",
                arguments: options.arguments(for: part).map { Array($0.utf8) },
                environment: Environment.own
            )
            command.files = [0, 1, 2, device.raw, listener.raw, lock.raw, pair.far.raw, area.memory.fd.raw]
            command.files += [store.memory.fd.raw, accounts.memory.fd.raw]
            command.files += unsettled.map { $0.memory.fd.raw }
            let child = try command.spawn()
            let worker = Worker(child: child, channel: pair.takeNear(), area: area)
            try poller.add(worker.channel)
            self.worker = worker
            // Before it takes a request.
            keepAreas()
            if stage != .serving { warn(worker) }
            let others = leaving.values.filter { !$0.isKilled }
            for other in others { kill(other) }
            if !others.isEmpty { letsInAt = Clock.monotonic &+ Self.deathLimitNs }
            if letsInAt == nil { letIn() }
        } catch {
            guard hasServed else { throw DaemonError("cannot start a worker: \(error)") }
            notices.print("cannot start a worker: \(error); trying again")
            restart(after: policy.workerEnded(hadServed: false) + 10)
        }
    }

    /// Has the worker begin.
    func letIn() {
        letsInAt = nil
        if negotiated.hasResend { settleThoseThatStay() }
        if let worker { try? worker.channel.send([Inheritance.Word.begin.rawValue]) }
    }

    func kill(_ worker: Worker) {
        worker.isKilled = true
        try? worker.child.kill(SIGKILL)
    }

    func restart(after milliseconds: UInt64) { startsAt = Clock.monotonic &+ milliseconds * 1_000_000 }

    /// Takes in what a worker says.
    func listen(to worker: Worker) throws(DaemonError) {
        var words = [UInt8](repeating: 0, count: 64)
        let count = (try? worker.channel.read(into: &words)) ?? 0
        if count == 0 {
            worker.isSilent = true
            try? poller.remove(worker.channel)
        }
        for word in words.prefix(count) {
            switch Inheritance.Word(rawValue: word) {
            case .ready: serves(worker)
            // While views are taken away, there may still be dead ones of an earlier connection.
            case .unmounted:
                if stage == .serving { failure = "\(options.mount) was unmounted, and could not be put back in time" }
                if stage != .stopping { finish("") }
            // Once views are taken away, it has nothing to come back for.
            case .aborted: if stage == .serving { remount() }
            case .idle: stop(by: 0)
            case .stop: stopForClient()
            case .upgrade: goOver()
            // What it says itself comes back from nobody.
            case .onGuard, .relieved, .begin, .ending, nil: break
            }
        }
    }

    private func serves(_ worker: Worker) {
        worker.readyAt = Clock.monotonic
        servesBy = nil
        hasServed = true
        if !isAnnounced {
            isAnnounced = true
            announce()
        }
        if upgrade != nil {
            upgrade = nil
            Notice.print("went over to version \(Options.version)")
        }
        manager.tell("READY=1\nSTATUS=Serving \(options.mount)")
        mendOnce()
        if isUpgradeDue {
            isUpgradeDue = false
            goOver()
        }
    }

    private func announce() {
        Notice.print("\(Options.version) serves \(options.mount) with \(options.threadCount) threads")
        if !HostPlace.seesAllProcesses {
            Notice.print("not in the host's pid namespace: callers from elsewhere are taken for the host (use hostPID)")
        }
        if let fd = options.readyFd { try? Fd(adopting: fd).write(Array("ready\n".utf8)) }
    }

    /// Takes in what became of a child.
    func note(_ change: Child.Change, of pid: Int32) throws(DaemonError) {
        switch change {
        case .stopped:
            // It does nothing until somebody continues it, and readers wait.
            if let worker, worker.child.pid == pid { replace(worker, because: "was stopped") }
            for child in [helper?.child, trial?.child] where child?.pid == pid { try? child?.kill(SIGKILL) }
        case .ended(let status):
            if let worker = leaving.removeValue(forKey: pid) {
                settle(worker, status)
            } else if let worker, worker.child.pid == pid {
                self.worker = nil
                settle(worker, status)
                try followUp(worker, status)
            } else if let trial, trial.child.pid == pid {
                trialEnded(status)
            } else {
                helper?.ended(pid, status)
            }
        }
    }

    /// What a worker had in hand goes to the next.
    private func settle(_ worker: Worker, _ status: ExitStatus) {
        unwatch(worker)
        if case .signaled(let signal) = status, Self.crashes.contains(signal) {
            suspects.workerFailed(with: worker.inHand)
        }
        if worker.isObsolete {
            // Nobody waits for it.
        } else if negotiated.hasResend {
            resend()
        } else if handOn(worker) {
            // A worker that is there already did not get it.
            if let worker = self.worker { replace(worker, because: "has to answer for another") }
        }
        if worker.hung, self.worker == nil, startsAt != nil { startsAt = 0 }
        if letsInAt != nil, leaving.isEmpty { letsInAt = 0 }
    }

    /// The same for those that were killed and do not end (state D), as far as they have come: what they take until they do
    /// end is seen to then.
    private func settleThoseThatStay() {
        for worker in leaving.values where worker.isKilled && !worker.isObsolete {
            if negotiated.hasResend {
                resend()
            } else if handOn(worker) {
                worker.handedOn = Set(worker.inHand)
            }
        }
    }

    /// Keeps what a worker has in hand for the next one; false where that has it, or there is no room.
    private func handOn(_ worker: Worker) -> Bool {
        forgetSettled()
        guard !worker.handedOn.isSuperset(of: worker.inHand), unsettled.count < Held.areaLimit else { return false }
        unsettled.append(worker.area)
        return true
    }

    /// Has the service manager keep what is in hand, where the kernel sends it to nobody else.
    ///
    /// `ofLeaving`: also what killed workers have in hand that do not end.
    func keepAreas(ofLeaving: Bool = true) {
        guard !negotiated.hasResend else { return }
        let left = leaving.values.filter { ofLeaving && !$0.isObsolete }
        manager.keep((worker.map { [$0.area] } ?? []) + unsettled + left.map(\.area))
    }

    func forgetSettled() { unsettled.removeAll { $0.unanswered.isEmpty } }

    private func followUp(_ worker: Worker, _ status: ExitStatus) throws(DaemonError) {
        // While views are taken away it still answers those that read them.
        guard stage != .over else { return }
        guard hasServed else {
            // It has said why.
            end()
            if case .signaled(let signal) = status { throw DaemonError("the worker was killed by signal \(signal)") }
            throw DaemonError("")
        }
        // One that was killed from outside has not failed.
        let wasKilled = worker.readyAt != nil && [.signaled(SIGKILL), .signaled(SIGTERM)].contains(status)
        let pause = policy.workerEnded(hadServed: worker.hadServed || wasKilled)
        notices.print("the worker \(status.words); another starts\(pause > 0 ? " in \(pause) ms" : "")")
        watch.workerStarted(afterHang: false)
        restart(after: pause)
        if policy.failures >= 3 { upgradeFailed("its worker \(status.words) before it served") }
    }

    /// Kills a worker that does not go on, and has another one take its place.
    private func replace(_ worker: Worker, because reason: String) {
        notices.print("the worker \(reason); another takes its place")
        retire(worker)
        watch.workerStarted(afterHang: true)
    }

    /// Has another one take a worker's place when that has ended, or after a moment beside it.
    ///
    /// The next one is there before this one is killed, so that at no moment the connection hangs on this process alone. But
    /// where the kernel resends nothing, the next one is given what this one has left.
    func retire(_ worker: Worker) {
        worker.hung = true
        leave(worker)
        startsAt = 0
        guard !negotiated.hasResend else { return }
        kill(worker)
        startsAt = Clock.monotonic &+ Self.deathLimitNs
    }

    /// A worker is about to end.
    func leave(_ worker: Worker) {
        leaving[worker.child.pid] = worker
        if self.worker === worker { self.worker = nil }
        unwatch(worker)
    }

    /// Waits no more for what a worker says; a client that was told by it that the stop begins is not forgotten.
    private func unwatch(_ worker: Worker) {
        if !worker.isSilent { try? poller.remove(worker.channel) }
        var words = [UInt8](repeating: 0, count: 64)
        while (try? worker.channel.waitReadable(milliseconds: 0)) == true,
            let count = try? worker.channel.read(into: &words), count > 0
        {
            if words.prefix(count).contains(Inheritance.Word.stop.rawValue) { isStopDue = true }
        }
    }

    /// From time to time: whether the worker goes on, and readers get answers.
    func look() throws(DaemonError) {
        let now = Clock.monotonic
        guard now &- lookedAt >= UInt64(HealthWatch.intervalMilliseconds) * 1_000_000 else { return }
        lookedAt = now
        if now &- relaxedAt > 60_000_000_000 {
            relaxedAt = now
            watch.relax()
        }
        forgetSettled()
        keepAreas()
        let progress = worker?.area.progress ?? []
        let hasWaiting = device.hasRequests()
        let isWaiting = hasWaiting || !unsettled.isEmpty || progress.contains { $0 % 2 == 1 }
        if stage == .serving, unanswered.isTooLong(isWaiting: isWaiting, progress: progress) { return lastResort() }
        guard let worker else { return }
        guard worker.readyAt != nil else {
            if now &- worker.startedAt > Self.startLimitNs { replace(worker, because: "does not come to serve") }
            return
        }
        if watch.hangs(HealthWatch.Look(progress: progress, heart: worker.area.pulse, hasWaiting: hasWaiting)) {
            suspects.workerFailed(with: worker.inHand)
            replace(worker, because: "hangs")
        }
    }
}

extension ExitStatus {
    var words: String {
        switch self {
        case .exited(let code): "ended with status \(code)"
        case .signaled(let signal): "was killed by signal \(signal)"
        }
    }
}
