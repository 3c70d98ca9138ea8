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

extension Keeper {
    /// Goes over to the program's file as it is now: this process becomes it, and starts a worker of it.
    ///
    /// One that does not run at all is refused before anything happens; one whose worker does not come to serve is left
    /// for the one that ran before. Containers see a pause as after a crash.
    func goOver() {
        guard stage == .serving, upgrade == nil else { return }
        guard runs(program) else {
            return Notice.print("\(program) does not run: going on with version \(Options.version)")
        }
        do throws(Errno) {
            let previous = try Fd.open("/proc/self/exe", .path)
            try previous.setInherited(true)
            try become(program, previous: previous.raw)
        } catch {
            Notice.print("cannot become \(program): \(error); going on with version \(Options.version)")
        }
    }

    /// Goes back, where this is a new program whose workers do not come to serve.
    func upgradeFailed(_ reason: String) {
        guard let upgrade else { return }
        Notice.print("version \(Options.version) is given up: \(reason)")
        self.upgrade = nil
        do throws(Errno) { try become(Path("/proc/self/fd/\(upgrade.previous.raw)"), previous: nil) } catch {
            Notice.print("cannot go back to the program before: \(error)")
        }
    }

    /// Ends the worker, and becomes `program` with all that is held.
    private func become(_ program: Path, previous: Int32?) throws(Errno) -> Never {
        endWorkers()
        var held = Held(device: device.raw, listener: listener.raw, lock: lock.raw, negotiated: negotiated)
        held.areas = unsettled.map { $0.memory.fd.raw }
        held.previous = previous
        held.snapshots = store.memory.fd.raw
        held.accounts = accounts.memory.fd.raw
        try inherit()
        defer { ProcessID.inheritNothing() }
        let command = Command(
            path: program,
            arguments: options.arguments(for: .keeper(held)).map { Array($0.utf8) },
            environment: Environment.own
        )
        restart(after: 0)
        try command.become()
    }

    private func inherit() throws(Errno) {
        try device.setInherited(true)
        try listener.setInherited(true)
        try lock.setInherited(true)
        try store.memory.fd.setInherited(true)
        try accounts.memory.fd.setInherited(true)
        for area in unsettled { try area.memory.fd.setInherited(true) }
    }

    /// Kills the workers, and waits a moment for their end.
    private func endWorkers() {
        if let worker {
            leaving[worker.child.pid] = worker
            self.worker = nil
        }
        for worker in leaving.values { try? worker.child.kill(SIGKILL) }
        for _ in 0..<200 where !leaving.isEmpty {
            while let (pid, change) = Child.nextChange() { try? note(change, of: pid) }
            usleep(5000)
        }
    }

    /// Whether it tells its version, within five seconds.
    private func runs(_ program: Path) -> Bool {
        let arguments = ["umweltd", "--version"].map { Array($0.utf8) }
        var command = Command(path: program, arguments: arguments, environment: [])
        command.files = [-1, -1, 2]
        guard let child = try? command.spawn() else { return false }
        for _ in 0..<1000 {
            if let status = try? child.poll() { return status == .exited(0) }
            usleep(5000)
        }
        try? child.kill(SIGKILL)
        _ = try? child.wait()
        return false
    }
}
