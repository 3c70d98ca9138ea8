// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

import Attachment
import Glibc
import Kernel
import ProcFS

/// A process that changes mounts in containers for the keeper, which must not wait for them itself.
final class Helper {
    let child: Child
    private let limitNs: UInt64
    private let deadline: UInt64
    private let whenOver: (_ isDone: Bool) -> Void
    private var isOver = false

    /// `whenOver` is told whether it did what it was to do.
    init(_ child: Child, limitNs: UInt64, whenOver: @escaping (_ isDone: Bool) -> Void) {
        self.child = child
        self.limitNs = limitNs
        deadline = Clock.monotonic &+ limitNs
        self.whenOver = whenOver
    }

    /// One that takes too long is ended.
    func hurry() {
        guard !isOver, Clock.monotonic > deadline else { return }
        try? child.kill(SIGKILL)
        Notice.print("the containers' mounts took longer than \(limitNs / 1_000_000_000) s: not all were seen to")
        over(isDone: false)
    }

    /// Ends it, where it is not over; it is not told.
    func end() {
        guard !isOver else { return }
        isOver = true
        try? child.kill(SIGKILL)
    }

    func ended(_ pid: Int32, _ status: ExitStatus) { if pid == child.pid { over(isDone: status == .exited(0)) } }

    /// Starts this program as one of its parts that change mounts.
    ///
    /// `device`: of the present connection, for what takes away.
    static func start(
        _ part: Options.Part,
        of options: Options,
        device: Int32,
        limitNs: UInt64,
        whenOver: @escaping (_ isDone: Bool) -> Void
    ) throws(Errno) -> Helper {
        var command = Command(
            path: "/proc/self/exe",
            arguments: options.arguments(for: part).map { Array($0.utf8) },
            environment: Environment.own
        )
        if case .takeAway = part { command.files.append(device) }
        return Helper(try command.spawn(), limitNs: limitNs, whenOver: whenOver)
    }

    private func over(isDone: Bool) {
        guard !isOver else { return }
        isOver = true
        whenOver(isDone)
    }
}

/// The work of such a process.
struct HelperPart {
    private let options: Options

    init(_ options: Options) { self.options = options }

    /// Says in a line what it did, where there was something to do; fails where dead mounts are left that it found.
    func run() throws(DaemonError) {
        ProcessID.setName("umweltd-mounts")
        let (report, words) = try attempt("look at the containers' mounts") { () throws(Errno) in
            if case .takeAway(let minor) = options.part {
                let device = Fd(adopting: Inheritance.Place.device.rawValue)
                var mending = try Mending(mountPoint: options.mount, device: device)
                return (mending.takeAway(of: minor), "took away")
            }
            var mending = try Mending(mountPoint: options.mount)
            let earlier = options.mountNotes.earlier(than: options.mount)
            for place in earlier where (try? MountSurvey.minor(ofOursAt: place)) != nil {
                try? MountPoint(place).removeDead()
            }
            return (mending.replaceDead(earlier: earlier), "replaced")
        }
        for line in report.lines(words) { Notice.print(line) }
        if options.part == .mend, !report.failures.isEmpty { throw DaemonError("") }
    }
}
