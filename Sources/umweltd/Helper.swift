// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

import Attachment
import Glibc
import Kernel
import ProcFS

/// A process that changes mounts in containers for the keeper, which must not wait for them itself.
final class Helper {
    /// The exit status of one that did what it could, and could not take all away.
    static let restStatus: Int32 = 3

    let child: Child
    /// It did all that it was to do.
    private(set) var hasDoneAll = false
    /// Where it tells how many containers are left, a line each time.
    private let progress: Fd
    private var left = 0
    private let limits: Limits
    private var heardAt = Clock.monotonic
    private let whenOver: (_ isDone: Bool) -> Void
    private var isOver = false

    struct Limits {
        /// For how long it may get nothing done.
        var silenceNs: UInt64
        /// When its time is up, of the monotonic clock.
        var end: UInt64
    }

    /// `whenOver` is told whether it did what it was to do.
    init(_ child: Child, _ progress: consuming Fd, _ limits: Limits, whenOver: @escaping (_ isDone: Bool) -> Void) {
        self.child = child
        self.progress = progress
        self.limits = limits
        self.whenOver = whenOver
    }

    /// One that takes too long is ended.
    func hurry() {
        guard !isOver else { return }
        listen()
        let now = Clock.monotonic
        let isSilent = now &- heardAt > limits.silenceNs
        guard isSilent || now >= limits.end else { return }
        try? child.kill(SIGKILL)
        let why = isSilent ? "no container's mounts are seen to any more" : "the containers' mounts take too long"
        Notice.print("\(why): \(left > 0 ? "\(left) containers are" : "some may be") left")
        over(isDone: false)
    }

    private func listen() {
        var text = [UInt8](repeating: 0, count: 4096)
        // After a line that is cut here there are others.
        while (try? progress.waitReadable(milliseconds: 0)) == true, let count = try? progress.read(into: &text),
            count > 0
        {
            heardAt = Clock.monotonic
            let last = text.prefix(count).split(separator: UInt8(ascii: "\n")).last ?? []
            left = Int(String(decoding: last, as: UTF8.self)) ?? left
        }
    }

    /// Ends it, where it is not over; it is not told.
    func end() {
        guard !isOver else { return }
        isOver = true
        try? child.kill(SIGKILL)
    }

    func ended(_ pid: Int32, _ status: ExitStatus) {
        guard pid == child.pid, !isOver else { return }
        hasDoneAll = status == .exited(0)
        over(isDone: hasDoneAll || status == .exited(Self.restStatus))
    }

    /// Starts this program as one of its parts that change mounts.
    ///
    /// `device`: of the present connection, for what takes away.
    static func start(
        _ part: Options.Part,
        of options: Options,
        device: Int32,
        limits: Limits,
        whenOver: @escaping (_ isDone: Bool) -> Void
    ) throws(Errno) -> Helper {
        var command = Command(
            path: "/proc/self/exe",
            arguments: options.arguments(for: part).map { Array($0.utf8) },
            environment: Environment.own
        )
        let pipe = try Fd.pipe()
        command.files[1] = pipe.writing.raw
        if case .takeAway = part { command.files.append(device) }
        return Helper(try command.spawn(), try pipe.reading.duplicate(), limits, whenOver: whenOver)
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

    /// Says in a line what it did, where there was something to do; fails where dead mounts are left that it found; ends
    /// with `restStatus` where it could not take all away.
    func run() throws(DaemonError) {
        ProcessID.setName("umweltd-mounts")
        let (report, words) = try attempt("look at the containers' mounts") { () throws(Errno) in
            if case .takeAway(let minor) = options.part {
                let device = Fd(adopting: Inheritance.Place.device.rawValue)
                // The keeper hears it, which may have ended.
                let output = FdBox(try Fd.standard(1))
                var mending = try Mending(mountPoint: options.mount, device: device) { left in
                    try? output.fd.write(Array("\(left)\n".utf8))
                }
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
        guard report.left > 0 || !report.failures.isEmpty else { return }
        if options.part == .mend { throw DaemonError("") }
        exit(Helper.restStatus)
    }
}
