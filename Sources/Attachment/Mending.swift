// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

package import Kernel
import Samples

/// What is done to the mounts of ours in running containers when a daemon begins or ends.
package struct Mending {
    /// What was done, for people.
    package struct Report: Sendable {
        package var files = 0
        /// Where there was something to do.
        var places: Set<MountSurvey.Namespace.Place> = []
        /// In how many mount namespaces not all was done.
        package var left = 0
        /// `pid MOUNTPOINT: why`, a few of them.
        package var failures: [String] = []
        /// Of the monotonic clock.
        private let startedAt = Clock.monotonic

        /// What to say of it: a line of what was done and how long that took, and a line for each failure; none where there was
        /// nothing to do.
        package func lines(_ done: String) -> [String] {
            guard !places.isEmpty || left > 0 else { return [] }
            let milliseconds = (Clock.monotonic &- startedAt) / 1_000_000
            let rest = left > 0 ? "; \(left) containers are left" : ""
            return ["\(done) \(files) files in \(places.count) containers in \(milliseconds) ms\(rest)"]
                + failures.map { "not \(done): \($0)" }
        }

        /// A container names its mounts as it likes: what could end a line, or steer a terminal, is escaped.
        mutating func add(failure: String) {
            guard failures.count < 20 else { return }
            let parts = failure.unicodeScalars.map {
                $0.properties.generalCategory == .control ? $0.escaped(asASCII: true) : String($0)
            }
            failures.append(parts.joined())
        }

        mutating func add(_ other: Report) {
            files += other.files
            for failure in other.failures { add(failure: failure) }
        }
    }

    private let mountPoint: Path
    private let visit: NamespaceVisit
    /// Of the present connection; nil: it is not asked about.
    private let device: FdBox?
    private var crew: Crew
    /// nil: this kernel has none, or does not tell.
    private let connections: FdBox?

    /// For the daemon whose file system is mounted at `mountPoint` of the host.
    ///
    /// `device`: of the connection whose mounts are to be taken away. `progress` is told how many of the mount namespaces that
    /// were found are left, with each that is done.
    package init(
        mountPoint: Path,
        device: consuming Fd? = nil,
        progress: @escaping (_ left: Int) -> Void = { _ in }
    ) throws(Errno) {
        self.mountPoint = mountPoint
        visit = try NamespaceVisit()
        if let device = device.take() { self.device = FdBox(device) } else { self.device = nil }
        crew = Crew(closing: self.device?.fd.raw ?? -1, progress: progress)
        do throws(Errno) { connections = FdBox(try FuseMount.connections()) } catch { connections = nil }
    }

    /// Which connections are another user's than this process's.
    ///
    /// Anybody can mount a file system of our type and name in a user namespace, as many as he likes, and answer nothing: those
    /// are not asked.
    private func foreign(_ mounts: [MountInfo]) -> Set<UInt32> {
        guard let connections else { return [] }
        return Set(mounts.map(\.minor)).filter { minor in
            do throws(Errno) { return try connections.fd.status(of: Path("\(minor)")).user != 0 } catch { return false }
        }
    }

    /// What `choose` finds to do in a mount namespace; nil: nothing.
    private func work(
        in place: MountSurvey.Places.Element,
        _ choose: (MountSurvey.Namespace) -> [MountInfo]
    ) -> Crew.Work? {
        let namespace = MountSurvey.look(at: place)
        let chosen = choose(namespace)
        let foreign = foreign(chosen)
        let mounts = chosen.filter { !foreign.contains($0.minor) }
        return mounts.isEmpty ? nil : (namespace, mounts)
    }

    /// Replaces what is mounted of an earlier connection by the same files of the present one, in every mount namespace.
    ///
    /// The new file is put beneath the dead one, which then is taken off: there is no moment without either. Blocks for the
    /// system calls of each mount; asks the daemon for the files.
    ///
    /// `earlier`: where daemons before the present one had mounted; nothing may be mounted there on the host.
    package mutating func replaceDead(earlier: [Path] = []) -> Report {
        var report = Report()
        let mountPoints = [mountPoint] + earlier
        let own = MountSurvey.Namespace.Place.own
        guard
            let present = (try? MountSurvey.mounts(of: ProcessID.own))?
                .topmost(where: { $0.isOurs(of: [mountPoint]) })
                .first(where: { $0.mountPoint == mountPoint.bytes })
        else { return report }
        // Once one is done, what another root directory shows of the same is what is left.
        for round in MountSurvey.places() {
            let look = { [self] in
                work(in: $0) { namespace in
                    namespace.mounts.topmost { $0.isOurs(of: mountPoints) }.filter {
                        ($0.major, $0.minor) != (present.major, present.minor)
                            && (namespace.place != own || $0.mountPoint != mountPoint.bytes)
                    }
                }
            }
            crew.run(MountSurvey.withOurs(round), &report, look: look) { [self] work, probe in
                visit.isLast = true
                var report = Report()
                replace(work.mounts, of: mountPoints, in: work.namespace, probe, &report)
                return report
            }
        }
        for failure in crew.givenUp { report.add(failure: failure) }
        return report
    }

    private func replace(
        _ dead: [MountInfo],
        of mountPoints: [Path],
        in namespace: MountSurvey.Namespace,
        _ probe: Crew.Probe,
        _ report: inout Report
    ) {
        let pid = namespace.pids.first ?? 0
        var pieces: [(mount: MountInfo, depth: Int, tree: FdBox)] = []
        let ours = namespace.mounts.reachable { $0.isOurs(of: mountPoints) }
        let depths = Dictionary(ours.map { ($0.mountPoint, 1) }, uniquingKeysWith: +)
        let others = namespace.mounts.without(dead)
        for mount in dead {
            let depth = depths[mount.mountPoint] ?? 1
            do throws(Errno) { pieces.append((mount, depth, FdBox(try clone(mount.root)))) } catch {
                report.add(failure: "\(pid) \(Path(mount.mountPoint)): \(error)")
            }
        }
        change(namespace, &report) { report in
            // What was known of the file system says nothing of what is mounted there by now.
            for piece in pieces where probe.isDead(piece.mount) && piece.mount.isOnTop {
                let target = Path(piece.mount.mountPoint)
                let lost = Lost()
                defer { probe.tellProgress() }
                defer { for (place, cause) in lost.places { report.add(failure: "\(pid) \(place): \(cause)") } }
                do throws(Errno) {
                    try Self.keeping(what: others, isOn: piece.mount, lost) { () throws(Errno) in
                        try Self.replace(target, with: piece.tree.fd, depth: piece.depth)
                    }
                    report.files += 1
                } catch {
                    report.add(failure: "\(pid) \(target): \(error)")
                }
            }
        }
    }

    /// Runs `body` in the namespace, through the first of its processes that is still there; false where none is.
    @discardableResult
    private func change(
        _ namespace: MountSurvey.Namespace,
        _ report: inout Report,
        _ body: (inout Report) -> Void
    ) -> Bool {
        if namespace.place == .own {
            body(&report)
            return true
        }
        var reason: Errno = .noProcess
        for pid in namespace.pids where MountSurvey.Namespace.Place(of: "\(pid)", proc: "/proc") == namespace.place {
            do throws(Errno) {
                try visit.inside(pid) { () throws(Errno) in body(&report) }
                return true
            } catch {
                reason = error
            }
        }
        report.add(failure: "\(namespace.pids.first ?? 0): \(reason)")
        return false
    }

    /// The present file of an earlier one's path in its file system; one of a container that is not known any more by its
    /// caller.
    private func clone(_ root: [UInt8]) throws(Errno) -> Fd {
        let path = Self.alive(root)
        do throws(Errno) { return try Mount.clone(mountPoint.appending(Path(path))) } catch {
            guard error == .noEntry, let rest = Self.withoutContainer(path) else { throw error }
            return try Mount.clone(mountPoint.appending(Path(rest)))
        }
    }

    /// mountinfo marks what the kernel has forgotten the name of (fs/d_path.c).
    static func alive(_ root: [UInt8]) -> [UInt8] {
        let mark = Array("//deleted".utf8)
        return root.suffix(mark.count) == mark[...] ? Array(root.dropLast(mark.count)) : root
    }

    /// `/proc/meminfo` of `/containers/ID/proc/meminfo`.
    static func withoutContainer(_ path: [UInt8]) -> [UInt8]? {
        let parts = path.split(separator: UInt8(ascii: "/"))
        guard parts.count > 2, parts[0].elementsEqual("containers".utf8) else { return nil }
        return parts.dropFirst(2).flatMap { [UInt8(ascii: "/")] + $0 }
    }

    /// The kernel's own file of the same name as one of ours, as a detached mount; nil where something is over it here, too.
    ///
    /// Of /proc/meminfo and its like every container has the same.
    static func kernelFile(of root: [UInt8]) -> FdBox? {
        let alive = Self.alive(root)
        let path = Path(Self.withoutContainer(alive) ?? alive)
        for base in ["/proc", "/sys"] as [Path] where path.bytes.starts(with: base.bytes + [UInt8(ascii: "/")]) {
            guard let system = try? FileStatus.of(base), let file = try? FileStatus.of(path),
                file.device == system.device
            else { return nil }
            do throws(Errno) { return FdBox(try Mount.clone(path)) } catch { return nil }
        }
        return nil
    }

    /// Where the kernel cannot put a mount beneath another (before 6.5, or one that is locked), it goes on top of one dead
    /// one, and others of `depth` dead ones there are taken off first.
    static func replace(_ target: Path, with tree: borrowing Fd, depth: Int = 1) throws(Errno) {
        do throws(Errno) { try Mount.attach(tree, on: target, beneath: true) } catch {
            guard error == .invalidArgument else { throw error }
            for _ in 1..<max(depth, 1) { try? Mount.unmount(target, lazily: true) }
            return try Mount.attach(tree, on: target)
        }
        try Mount.unmount(target, lazily: true)
    }

    /// What could not be kept.
    final class Lost {
        var places: [(place: Path, cause: Errno)] = []
    }

    /// Has `body` take off a mount of ours, or put another in its place, and puts what the container itself has mounted on it
    /// (on a directory of ours) where it was; `mounts` are its own, by what they are mounted on.
    static func keeping(
        what mounts: [UInt64: [MountInfo]],
        isOn ours: MountInfo,
        _ lost: Lost,
        _ body: () throws(Errno) -> Void
    ) throws(Errno) {
        var kept: [(place: Path, tree: FdBox)] = []
        for mount in mounts[ours.id] ?? [] where mount.mountPoint != ours.mountPoint {
            let place = Path(mount.mountPoint)
            do throws(Errno) { kept.append((place, FdBox(try Mount.clone(place, recursive: true)))) } catch {
                lost.places.append((place, error))
            }
        }
        try body()
        for (place, tree) in kept {
            do throws(Errno) { try Mount.attach(tree.fd, on: place) } catch { lost.places.append((place, error)) }
        }
    }

    /// A container that is made while the others are looked at takes along what the one has that makes it.
    private static let passLimit = 5

    /// Takes the mounts of our file system of this minor device number (0: of any; nil: of none) away from every mount
    /// namespace, and dead ones; where the file system itself is mounted on the host, it stays.
    ///
    /// What is beneath, the kernel's own files, shows at once. Blocks for the system calls of each mount. Without the connection
    /// another one may have its number: then dead ones only.
    package mutating func takeAway(of minor: UInt32?) -> Report {
        var report = Report()
        for _ in 0..<Self.passLimit {
            report.failures = []
            report.left = 0
            let before = report.files
            for round in MountSurvey.places() { takeAway(of: minor, MountSurvey.withOurs(round), &report) }
            if report.files == before { break }
        }
        for failure in crew.givenUp { report.add(failure: failure) }
        return report
    }

    private mutating func takeAway(of minor: UInt32?, _ places: MountSurvey.Places, _ report: inout Report) {
        // The host's mount stays, whoever sees it by another path.
        let host = (try? MountSurvey.mounts(of: ProcessID.own))?.ours(of: mountPoint) ?? []
        let kept = Set(host.filter { $0.mountPoint == mountPoint.bytes }.map(\.id))
        var isAlive = true
        let look = { [self] (place: MountSurvey.Places.Element) in
            let work = work(in: place) { namespace in
                // Where something else covers ours, that is not ours to take.
                func isOurs(_ mount: MountInfo) -> Bool { mount.isOurs(of: [mountPoint]) }
                let visible = Set(namespace.mounts.topmost(where: isOurs).map(\.mountPoint))
                return namespace.mounts.reachable(where: isOurs).filter {
                    visible.contains($0.mountPoint) && !kept.contains($0.id)
                }
            }
            // Asked after they were looked at: a connection that is there now had its number then.
            isAlive = device.map { !$0.fd.isBroken } ?? true
            return work
        }
        crew.run(places, &report, look: look) { [self] work, probe in
            var report = Report()
            // The last mounted first, as many times as it is mounted there.
            let ours = Array(work.mounts.reversed())
            func isMeant(_ mount: MountInfo) -> Bool { isAlive && [0, mount.minor].contains(minor) }
            /// False where something is left; without `kernels` that is not a failure yet.
            func takeOff(_ kernels: [[UInt8]: FdBox]?) -> Bool {
                var isLeft = false
                var refusal = Report()
                let isEntered = change(work.namespace, &refusal) { _ in
                    // Those of which nothing is asked do not wait for the others.
                    for mounts in [ours.filter(isMeant), ours.filter { !isMeant($0) && probe.isDead($0) }] {
                        let targets = Set(mounts.map(\.mountPoint))
                        let outcome = Self.takeOff(
                            mounts,
                            kernels ?? [:],
                            from: work.namespace.mounts,
                            progress: probe.tellProgress
                        )
                        report.files += outcome.places.count
                        for (place, cause) in outcome.failures {
                            if kernels == nil, targets.contains(place.bytes), cause == .invalidArgument {
                                isLeft = true
                            } else {
                                report.add(failure: "\(work.namespace.pids.first ?? 0) \(place): \(cause)")
                            }
                        }
                    }
                }
                if kernels != nil { report.add(refusal) }
                return isEntered && !isLeft
            }
            // To clone the kernel's files costs more than all else, and hardly anybody needs them: who has a mount that
            // cannot be taken off, or lets in nobody who comes back for them.
            visit.isLast = false
            guard !takeOff(nil) else { return report }
            visit.isLast = true
            _ = takeOff(Self.kernelFiles(of: ours))
            return report
        }
    }

    /// By the paths in our file system.
    static func kernelFiles(of mounts: [MountInfo]) -> [[UInt8]: FdBox] {
        var result: [[UInt8]: FdBox] = [:]
        for mount in mounts where result[mount.root] == nil { result[mount.root] = kernelFile(of: mount.root) }
        return result
    }

    /// Takes mounts of ours off in their order, in the namespace that the caller is in.
    ///
    /// Where one cannot be taken off, for it was there when the container's user namespace was made, the kernel's own file goes
    /// on top. What the container itself has mounted on ours, of `all` its mounts, it keeps.
    static func takeOff(
        _ mounts: [MountInfo],
        _ kernels: [[UInt8]: FdBox],
        from all: [MountInfo],
        progress: () -> Void = {}
    ) -> (places: [Path], failures: [(place: Path, cause: Errno)]) {
        var places: [Path] = []
        var failures: [(place: Path, cause: Errno)] = []
        let own = all.without(mounts)
        let lost = Lost()
        for mount in mounts where mount.isOnTop {
            defer { progress() }
            let place = Path(mount.mountPoint)
            do throws(Errno) {
                try keeping(what: own, isOn: mount, lost) { () throws(Errno) in
                    do throws(Errno) { try Mount.unmount(place, lazily: true) } catch {
                        guard error == .invalidArgument else { throw error }
                        // Gone with a peer of it that was taken off meanwhile: nothing is left to be covered.
                        guard mount.isOnTop else { return }
                        guard mount.root.count > 1, let file = kernels[mount.root],
                            (try? Mount.attach(file.fd, on: place, readOnly: true)) != nil
                        else { throw error }
                    }
                }
            } catch {
                // The copy of the whole that a user namespace's first mount namespace got.
                if mount.root.count > 1 { failures.append((place, error)) }
                continue
            }
            if places.last != place { places.append(place) }
        }
        return (places, failures + lost.places)
    }
}

extension [MountInfo] {
    /// Those that are not among `others`, by what they are mounted on.
    func without(_ others: [MountInfo]) -> [UInt64: [MountInfo]] {
        let ids = Set(others.map(\.id))
        return Dictionary(grouping: filter { !ids.contains($0.id) }, by: \.parent)
    }
}

extension MountInfo {
    /// Whether a file of this status was reached through it; the kernel may not say (before 5.8).
    func isReached(_ status: FileStatus?) -> Bool { status.map { [0, id].contains($0.mount) } ?? false }

    /// Whether its path leads to it where the caller is: it may have gone with a peer of it, or be covered by now.
    var isOnTop: Bool { isReached(try? FileStatus.of(Path(mountPoint))) }
}

/// A descriptor in an array.
package final class FdBox {
    package let fd: Fd

    package init(_ fd: consuming Fd) { self.fd = fd }
}
