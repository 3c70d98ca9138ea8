// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

import Attachment
import FuseServer
import Glibc
import Keeper
import Kernel
import ProcFS

extension Keeper {
    /// Connections that may be aborted in a minute until it is taken to be meant, or to be of no use.
    private static let remountLimit = 30
    /// For how long nothing may be taken away.
    private static let takeAwayLimitNs: UInt64 = 10_000_000_000
    private static let drainLimitNs: UInt64 = 2_000_000_000
    /// A stop is over by then: less than `umwelt stop` and the service manager wait for it.
    private static let stopLimitNs: UInt64 = 25_000_000_000
    /// Of that, what is left for those that have a view in hand.
    private static let lastShareNs: UInt64 = 5_000_000_000
    private static let mendLimitNs: UInt64 = 60_000_000_000
    private static let mendPauseLimitNs: UInt64 = 32_000_000_000
    /// How long the first worker of a connection that took an aborted one's place may take.
    private static let serveLimitNs: UInt64 = 30_000_000_000
    /// By then a connection is given up that nobody serves: `Unanswered.patience`, another connection, and a stop.
    static let giveUpLimitNs = 30_000_000_000 &+ serveLimitNs &+ stopLimitNs &+ 5_000_000_000

    /// Ends for good: first the views are taken away from running containers.
    ///
    /// Under a service manager that keeps the connection, a signal only ends this process; who follows goes on.
    func stop(by signal: Int32) {
        guard stage == .serving else { return }
        stage = .stopping
        helper?.end()
        guard !manager.keeps || signal == 0 || isMeant else { return handOver() }
        // Should this process not come to its end: what nobody holds any more is dead, and found as such.
        manager.forget()
        minor = presentMinor
        // Before anything is changed: it goes on with this, should this process be killed.
        worker.map(warn)
        takeAway()
    }

    /// The same for good, because a client asks for it.
    func stopForClient() {
        isMeant = true
        stop(by: SIGTERM)
    }

    /// Goes on with the stop that a keeper had begun which was killed in it.
    func goOnStopping(_ minor: UInt32) {
        stage = .stopping
        self.minor = minor
        // What is mounted there by now may be another daemon's.
        isMounted = (try? MountSurvey.minor(ofOursAt: options.mount)) == minor
        takeAway()
    }

    private func takeAway() {
        // First: a container that starts from now on finds nothing to mount.
        unmount()
        stopsBy = Clock.monotonic &+ Self.stopLimitNs
        takeAway(by: stopsBy &- Self.lastShareNs, attempts: 2) { [unowned self] in
            if device.isBroken { return finish("") }
            // Who has a file open reads on for a moment. The kernel says goodbye when nobody has one, nor a view.
            stage = .draining(until: Clock.monotonic &+ Self.drainLimitNs)
        }
    }

    /// Somebody still has a file open, or had a view in hand when the others were taken away, and has mounted it since.
    func drained() {
        stage = .stopping
        takeAway(by: stopsBy, attempts: 1) { [unowned self] in finish("") }
    }

    /// Tells a worker that nothing is to be begun any more.
    func warn(_ worker: Worker) {
        try? worker.channel.send([Inheritance.Word.ending.rawValue] + Array("\(minor)".utf8))
    }

    /// Ends, and leaves the mount and the connection to the process that the service manager starts next.
    private func handOver() {
        isHandedOver = true
        finish("")
    }

    /// Has another process do it, which may take long.
    ///
    /// `whenOver` is called when that has done it, or at this moment of the monotonic clock. Where it ends before, or gets
    /// nothing done, one more goes on with what is left.
    private func takeAway(by end: UInt64, attempts: Int, whenOver: @escaping () -> Void) {
        let limits = Helper.Limits(silenceNs: Self.takeAwayLimitNs, end: end)
        do throws(Errno) {
            helper = try Helper.start(.takeAway(minor), of: options, device: device.raw, limits: limits) {
                [unowned self] isDone in
                if isDone || attempts <= 1 || Clock.monotonic >= end { return whenOver() }
                takeAway(by: end, attempts: attempts - 1, whenOver: whenOver)
            }
        } catch {
            helper = nil
            Notice.print("cannot look at the containers' mounts: \(error)")
            whenOver()
        }
    }

    /// It is over: nothing is left to serve, or what is left is the successor's.
    func finish(_ reason: String) {
        if !reason.isEmpty { Notice.print(reason) }
        stage = .over
    }

    /// Once: what may be mounted beneath is not ours.
    private func unmount() {
        mountGuard.release()
        guard isMounted else { return }
        isMounted = false
        try? mountPoint.unmount()
    }

    /// The last steps: the mount goes, requests in hand are answered, and the worker ends.
    ///
    /// The table of registered containers goes too, unless nobody has served: then it is of whoever was before.
    func end() {
        // A worker that does not end (state D) has the lock, too, and no other daemon could start.
        defer { try? lock.unlock() }
        guard !isHandedOver else { return worker.map { try? $0.child.kill(SIGKILL) } ?? () }
        unmount()
        if let worker {
            for _ in 0..<20 where worker.area.progress.contains(where: { $0 % 2 == 1 }) { usleep(5000) }
            try? worker.child.kill(SIGKILL)
            leaving[worker.child.pid] = worker
        }
        // One that does not end (state D) would keep the connection, and with it those who wait for an answer.
        for worker in leaving.values {
            var hasEnded = false
            for _ in 0..<20 where !hasEnded {
                do throws(Errno) { hasEnded = try worker.child.poll() != nil } catch { hasEnded = true }
                if !hasEnded { usleep(5000) }
            }
            if !hasEnded, minor > 0 { try? FuseMount.abort(minor: minor) }
        }
        try? Directories.unlink(options.socket)
        if hasServed { try? Directories.unlink(options.table) }
        // What is left is found by them, wherever the next daemon mounts.
        if helper?.hasDoneAll == true { options.mountNotes.forget() }
    }

    /// The connection was aborted: another one takes its place, here and in the containers.
    ///
    /// Where there can be none, containers see the kernel's own files rather than errors.
    func remount() {
        let now = Clock.monotonic
        remounts = remounts.filter { now &- $0 < 60_000_000_000 } + [now]
        guard remounts.count <= Self.remountLimit else {
            failure = "the connection of \(options.mount) was aborted \(remounts.count) times in a minute"
            return stop(by: 0)
        }
        notices.print("the connection of \(options.mount) was aborted; making another")
        // It would mount files of the one that has ended.
        helper?.end()
        if let worker {
            kill(worker)
            leave(worker)
        }
        // What they had in hand has failed with its connection; the numbers of requests begin anew.
        for worker in leaving.values { worker.isObsolete = true }
        unsettled = []
        suspects = Suspects()
        unanswered = Unanswered()
        manager.forget()
        mountGuard.release()
        do throws(DaemonError) {
            let kept = try Self.connect(mountPoint)
            negotiated = kept.negotiated
            device = kept.takeDevice()
            mountGuard.renew()
        } catch {
            failure = error.message
            return stop(by: 0)
        }
        keepAll()
        hasMended = false
        mendsAgain = nil
        restart(after: 0)
    }

    /// The minor device number of the file system, wherever it is mounted; 0 where it is not known.
    private var presentMinor: UInt32 {
        mountGuard.minor > 0 ? mountGuard.minor : (try? MountSurvey.minor(ofOursAt: options.mount)) ?? 0
    }

    /// Puts the file system back where it was taken off.
    func guardMount() {
        guard stage == .serving else { return }
        switch mountGuard.look(device) {
        case .nothing: break
        case .putBack: notices.print("\(options.mount) was taken off, or something mounted over it; put back")
        case .failed(let error):
            notices.print("\(options.mount) is not mounted any more, and cannot be put back: \(error); trying again")
        }
    }

    /// Requests wait, and none is answered whatever worker is tried: the connection is aborted, so that nobody waits for it
    /// any more, and another one takes its place.
    func lastResort() {
        Notice.print("no request was answered for 30 s; aborting the connection")
        do throws(Errno) {
            try FuseMount.abort(minor: presentMinor)
        } catch {
            // It ends with its last descriptor: unless a worker that does not end has one, now.
            Notice.print("cannot abort it through fusectl: \(error)")
        }
        // Before anything looks at the directory: what is not aborted would not answer.
        try? mountPoint.unmount()
        remount()
        servesBy = Clock.monotonic &+ Self.serveLimitNs
    }

    /// Nobody serves on the new connection either: containers see the kernel's own files rather than errors.
    func giveUp() {
        servesBy = nil
        guard stage == .serving else { return }
        failure = "no worker comes to serve \(options.mount): gave up after another connection was made"
        stop(by: 0)
    }

    /// Looks, once for each connection, for dead mounts of an earlier one in running containers.
    func mendOnce() {
        guard !hasMended, stage == .serving else { return }
        hasMended = true
        mend(pauseNs: 1_000_000_000)
    }

    /// Looks once more after this pause, then after twice as long, while any is left: a machine can have been too busy.
    func mend(pauseNs: UInt64) {
        mendsAgain = nil
        guard stage == .serving else { return }
        let again = { [unowned self] in
            if pauseNs <= Self.mendPauseLimitNs { mendsAgain = (Clock.monotonic &+ pauseNs, pauseNs * 2) }
        }
        do throws(Errno) {
            let end = Clock.monotonic &+ Self.mendLimitNs
            let limits = Helper.Limits(silenceNs: Self.mendLimitNs, end: end)
            helper = try Helper.start(.mend, of: options, device: device.raw, limits: limits) {
                if !$0 { again() }
            }
        } catch {
            Notice.print("cannot look at the containers' mounts: \(error)")
            again()
        }
    }
}
