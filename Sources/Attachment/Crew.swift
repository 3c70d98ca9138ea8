// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

import Kernel
import Samples

/// Work in mount namespaces, in a process of its own for each: what hangs in one of them holds up no other.
///
/// For processes with one thread only.
struct Crew {
    /// What is to be done in a mount namespace.
    typealias Work = (namespace: MountSurvey.Namespace, mounts: [MountInfo])

    /// Processes at a time.
    private static let width = 16
    /// How often in a row one may be seen waiting, with nothing got done: two seconds.
    ///
    /// Counted in looks: one that was without a CPU has not waited, and where this process stood still nobody has.
    private static let patience = 100
    /// How often in a row one may be seen with nothing got done, be it at work: ten seconds.
    private static let workLimit = 500
    private static let lookNs: UInt64 = 20_000_000
    /// How often each is tried: once more after two have found that a file system does not answer.
    private static let attemptLimit = 3

    /// Minor device numbers of file systems that do not answer: nobody is to ask them again.
    private var silent: Set<UInt32> = []
    /// Those that did not answer one.
    private var suspected: Set<UInt32> = []
    /// What was left because of them, for people; a few.
    private(set) var givenUp: [String] = []
    /// Killed, and not known to have ended: each counts among the processes that there may be.
    private var leaving: [Child] = []
    /// What the processes must not keep open.
    private let secret: Int32
    private let progress: (_ left: Int) -> Void

    /// `progress` is told how many places are left, each time one is done or left.
    init(closing secret: Int32, progress: @escaping (_ left: Int) -> Void) {
        self.secret = secret
        self.progress = progress
    }

    /// Runs `look` for each place in a process of its own, and `body` where that finds something to do; adds what it reports.
    ///
    /// Before `body` the process closes what it must not keep open: `look` waits for nobody but the kernel.
    mutating func run(
        _ places: MountSurvey.Places,
        _ report: inout Mending.Report,
        look: (MountSurvey.Places.Element) -> Work?,
        body: (Work, Probe) -> Mending.Report
    ) {
        var waiting = places.map { (place: $0, attempt: 1) }[...]
        var members: [Member] = []
        var left = places.count
        progress(left)
        var lookedAt = Clock.monotonic
        while true {
            leaving.removeAll { (try? $0.poll()) != nil }
            while members.count < Self.width, let (place, attempt) = waiting.popFirst() {
                do throws(Errno) {
                    members.append(try Member(place, attempt, silent, closing: secret, look: look, body: body))
                } catch {
                    if error == .again, !members.isEmpty {
                        // There is room when one of these has ended.
                        waiting.append((place, attempt))
                        break
                    }
                    report.add(failure: "\(place.pids.first ?? 0): \(error)")
                }
            }
            guard !members.isEmpty else { break }
            // Whoever has an end of a pipe wakes this up; none of the waits is longer than a moment.
            _ = try? members[0].output.waitReadable(milliseconds: 5)
            for member in members { member.listen() }
            let now = Clock.monotonic
            if now &- lookedAt >= Self.lookNs {
                lookedAt = now
                for member in members { member.look() }
            }
            for member in members where member.fate == nil {
                if member.waits > Self.patience {
                    member.leave(.silent)
                } else if member.looks > Self.workLimit {
                    member.leave(.slow)
                }
            }
            for member in members {
                guard let fate = member.fate else { continue }
                if member.hasFound { report.places.insert(member.place.place) }
                if fate == .done {
                    report.add(member.report)
                    left -= 1
                } else {
                    if fate != .died { leaving.append(member.child) }
                    // Without the one that it asked last, the others can be seen to.
                    var isSilent = false
                    if fate == .silent, let minor = member.asked.last, !suspected.insert(minor).inserted {
                        isSilent = silent.insert(minor).inserted
                    }
                    let isLast = member.attempt >= Self.attemptLimit || fate == .slow
                    if !isLast { waiting.append((member.place, member.attempt + 1)) }
                    if isSilent || isLast, givenUp.count < 20 { givenUp.append("\(member.label): \(fate.rawValue)") }
                }
                progress(left)
            }
            members.removeAll { $0.fate != nil }
        }
        report.left += left
    }

    /// Whether file systems are served, asked by one of the processes.
    final class Probe {
        private let silent: Set<UInt32>
        private let output: Fd
        private var known: [UInt32: Bool] = [:]

        fileprivate init(_ silent: Set<UInt32>, _ output: consuming Fd) {
            self.silent = silent
            self.output = output
        }

        /// Whether nobody serves what is mounted there: another daemon can have the same mount point in another namespace.
        ///
        /// One that does not answer is not dead. Nor is what another has replaced meanwhile, by a mount that shows here too:
        /// that says nothing of the same file system's others.
        func isDead(_ mount: MountInfo) -> Bool {
            if silent.contains(mount.minor) { return false }
            if let isDead = known[mount.minor] { return isDead }
            guard mount.isOnTop else { return false }
            try? output.write(Array("? \(mount.minor)\n".utf8))
            var isDead = false
            do throws(Errno) {
                let file = try Fd.open(Path(mount.mountPoint), .readOnly)
                guard mount.isReached(try? file.status()) else { return false }
            } catch {
                isDead = error == .notConnected || error == .connectionAborted
            }
            known[mount.minor] = isDead
            return isDead
        }

        /// Something is done: what comes may take its time again.
        func tellProgress() { try? output.write(Array("+\n".utf8)) }

        /// There is something to do.
        fileprivate func tellFound() { try? output.write(Array("#\n".utf8)) }

        fileprivate func tell(_ report: Mending.Report) {
            var text = "= \(report.files)\n"
            for failure in report.failures { text += "! \(failure.prefix(1000))\n" }
            try? output.write(Array(text.utf8))
        }
    }

    private final class Member {
        /// How it ended, or why it is left.
        enum Fate: String {
            case done
            case silent = "does not answer"
            case slow = "takes too long"
            case died = "its process ended early"
        }

        let place: MountSurvey.Places.Element
        let output: Fd
        let child: Child
        private var text: [UInt8] = []
        let attempt: Int
        /// How often it was seen waiting since it last ran or said something.
        private(set) var waits = 0
        /// How often it was seen since it last said something.
        private(set) var looks = 0
        /// nil: it is at work.
        private(set) var fate: Fate?

        init(
            _ place: MountSurvey.Places.Element,
            _ attempt: Int,
            _ silent: Set<UInt32>,
            closing secret: Int32,
            look: (MountSurvey.Places.Element) -> Work?,
            body: (Work, Probe) -> Mending.Report
        ) throws(Errno) {
            self.place = place
            self.attempt = attempt
            let pipe = try Fd.pipe()
            guard let child = try ProcessImage.fork() else {
                do throws(Errno) {
                    let probe = Probe(silent, try pipe.writing.duplicate())
                    let work = look(place)
                    ProcessImage.close(secret)
                    if let work {
                        probe.tellFound()
                        probe.tell(body(work, probe))
                    }
                } catch {
                    ProcessImage.end(code: 1)
                }
                ProcessImage.end(code: 0)
            }
            self.child = child
            output = try pipe.reading.duplicate()
        }

        var label: String { "\(place.pids.first ?? 0)" }

        /// One that would run if it were let has not begun to hang.
        func look() {
            looks += 1
            waits = ProcessID.state(child.pid) == UInt8(ascii: "R") ? 0 : waits + 1
        }

        /// Takes in what it says; at its end, waits for it.
        func listen() {
            while fate == nil, (try? output.waitReadable(milliseconds: 0)) == true {
                var buffer = [UInt8](repeating: 0, count: 4096)
                (waits, looks) = (0, 0)
                guard let count = try? output.read(into: &buffer), count > 0 else {
                    fate = (try? child.wait()) == .exited(0) ? .done : .died
                    return
                }
                text.append(contentsOf: buffer.prefix(count))
            }
        }

        /// It is not waited for: what it waits for may never come.
        func leave(_ fate: Fate) {
            try? child.kill(9)
            self.fate = fate
        }

        private var lines: [[Substring]] {
            String(decoding: text, as: UTF8.self).split(separator: "\n").map {
                $0.split(separator: " ", maxSplits: 1)
            }
        }

        var asked: [UInt32] { lines.compactMap { $0.first == "?" ? $0.last.flatMap { UInt32($0) } : nil } }

        /// Whether there was something to do.
        var hasFound: Bool { lines.contains { $0 == ["#"] } }

        var report: Mending.Report {
            var report = Mending.Report()
            for line in lines where line.count == 2 {
                if line[0] == "=" { report.files = Int(line[1]) ?? 0 }
                if line[0] == "!" { report.add(failure: String(line[1])) }
            }
            return report
        }
    }
}
