// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

package import Kernel
import Samples

/// What is done to the mounts of ours in running containers when a daemon begins or ends.
package struct Mending {
    /// What was done, for people.
    package struct Report: Equatable, Sendable {
        package var files = 0
        package var namespaces = 0
        /// `pid MOUNTPOINT: why`, a few of them.
        package var failures: [String] = []

        mutating func add(failure: String) { if failures.count < 20 { failures.append(failure) } }
    }

    private let mountPoint: Path
    private let visit: NamespaceVisit

    /// `mountPoint`: where the daemon's file system is mounted on the host.
    package init(mountPoint: Path) throws(Errno) {
        self.mountPoint = mountPoint
        visit = try NamespaceVisit()
    }

    /// Replaces what is mounted of an earlier connection by the same files of the present one, in every mount namespace.
    ///
    /// The new file is put beneath the dead one, which then is taken off: there is no moment without either. Blocks for the
    /// system calls of each mount; asks the daemon for the files.
    package func replaceDead() -> Report {
        var report = Report()
        let namespaces = MountSurvey.namespaces()
        let own = MountSurvey.Namespace.Place.own
        guard
            let present = namespaces.first(where: { $0.place == own })?.mounts.topmost.ours(of: mountPoint)
                .first(where: { $0.mountPoint == mountPoint.bytes })
        else { return report }
        // A mount that is seen from several root directories is replaced once.
        var done: Set<UInt64> = [present.id]
        for namespace in namespaces {
            let dead = namespace.mounts.topmost.ours(of: mountPoint).filter {
                ($0.major, $0.minor) != (present.major, present.minor) && !done.contains($0.id)
                    && (namespace.place != own || $0.mountPoint != mountPoint.bytes)
            }
            guard !dead.isEmpty else { continue }
            report.namespaces += 1
            if replace(dead, in: namespace, isOwn: namespace.place == own, &report) { done.formUnion(dead.map(\.id)) }
        }
        return report
    }

    /// False where the namespace could not be entered.
    private func replace(
        _ dead: [MountInfo],
        in namespace: MountSurvey.Namespace,
        isOwn: Bool,
        _ report: inout Report
    ) -> Bool {
        let pid = namespace.pids.first ?? 0
        var pieces: [(target: Path, depth: Int, tree: TreeBox)] = []
        let ours = namespace.mounts.reachable.ours(of: mountPoint)
        for mount in dead {
            let target = Path(mount.mountPoint)
            let depth = ours.count { $0.mountPoint == mount.mountPoint }
            do throws(Errno) { pieces.append((target, depth, TreeBox(try clone(mount.root)))) } catch {
                report.add(failure: "\(pid) \(target): \(error)")
            }
        }
        var done = 0
        var failures: [String] = []
        let entered = change(namespace, isOwn, &failures) { failures in
            for piece in pieces where Self.isDead(piece.target) {
                do throws(Errno) {
                    try Self.replace(piece.target, with: piece.tree.tree, depth: piece.depth)
                    done += 1
                } catch {
                    failures.append("\(pid) \(piece.target): \(error)")
                }
            }
        }
        report.files += done
        for failure in failures { report.add(failure: failure) }
        return entered
    }

    /// Runs `body` in the namespace, through the first of its processes that is still there; false where none is.
    private func change(
        _ namespace: MountSurvey.Namespace,
        _ isOwn: Bool,
        _ failures: inout [String],
        _ body: (inout [String]) -> Void
    ) -> Bool {
        if isOwn {
            body(&failures)
            return true
        }
        var reason: Errno = .noProcess
        for pid in namespace.pids where MountSurvey.Namespace.Place(of: "\(pid)", proc: "/proc") == namespace.place {
            do throws(Errno) {
                try visit.inside(pid) { () throws(Errno) in body(&failures) }
                return true
            } catch {
                reason = error
            }
        }
        failures.append("\(namespace.pids.first ?? 0): \(reason)")
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

    /// The kernel's own file of the same name as one of ours, as a detached mount; nil where on the host, too, ours is there.
    ///
    /// Of /proc/meminfo and its like every container has the same.
    private func kernelFile(of root: [UInt8], _ host: [MountInfo]) -> TreeBox? {
        let alive = Self.alive(root)
        let path = Self.withoutContainer(alive) ?? alive
        guard path.starts(with: "/proc/".utf8) || path.starts(with: "/sys/".utf8) else { return nil }
        return host.contains { $0.mountPoint == path } ? nil : TreeBox(cloneOf: Path(path))
    }

    /// Whether nobody serves what is mounted there: another daemon can have the same mount point in another namespace.
    private static func isDead(_ target: Path) -> Bool {
        do throws(Errno) {
            _ = try Fd.open(target, .readOnly)
            return false
        } catch {
            return error == .notConnected || error == .connectionAborted
        }
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

    /// A container that is made while the others are looked at takes along what the one has that makes it.
    private static let passLimit = 5

    /// Takes the mounts of our file system of this minor device number (0: of any) away from every mount namespace, and dead
    /// ones; where the file system itself is mounted on the host, it stays.
    ///
    /// What is beneath, the kernel's own files, shows at once. Blocks for the system calls of each mount. `isAlive`: whether
    /// the connection is still there; once it is not, another one may have its number.
    package func takeAway(of minor: UInt32, while isAlive: () -> Bool) -> Report {
        var report = Report()
        var places: Set<MountSurvey.Namespace.Place> = []
        for _ in 0..<Self.passLimit {
            report.failures = []
            let before = report.files
            takeAway(of: minor, while: isAlive, &report, &places)
            if report.files == before { break }
        }
        report.namespaces = places.count
        return report
    }

    private func takeAway(
        of minor: UInt32,
        while isAlive: () -> Bool,
        _ report: inout Report,
        _ places: inout Set<MountSurvey.Namespace.Place>
    ) {
        let own = MountSurvey.Namespace.Place.own
        let namespaces = MountSurvey.namespaces()
        // Asked after they were looked at: a connection that is there now had its number then.
        let isAlive = isAlive()
        // The host's mount stays, whoever sees it by another path.
        let host = namespaces.first { $0.place == own }?.mounts.ours(of: mountPoint) ?? []
        var done = Set(host.filter { $0.mountPoint == mountPoint.bytes }.map(\.id))
        for namespace in namespaces {
            // Where something else covers ours, that is not ours to take.
            let visible = Set(namespace.mounts.topmost.ours(of: mountPoint).map(\.mountPoint))
            let ours = namespace.mounts.reachable.ours(of: mountPoint).filter {
                visible.contains($0.mountPoint) && !done.contains($0.id)
            }
            guard !ours.isEmpty else { continue }
            places.insert(namespace.place)
            // The last mounted first, as many times as it is mounted there.
            let targets = ours.reversed().map { mount in
                (mount: mount, path: Path(mount.mountPoint), kernels: kernelFile(of: mount.root, host))
            }
            var (count, failures): (Int, [String]) = (0, [])
            let entered = change(namespace, namespace.place == own, &failures) { failures in
                var covered: Set<Path> = []
                for target in targets
                where isAlive && [0, target.mount.minor].contains(minor) || Self.isDead(target.path) {
                    guard !covered.contains(target.path) else { continue }
                    do throws(Errno) {
                        try Mount.unmount(target.path, lazily: true)
                        count += 1
                    } catch {
                        // The copy of the whole that a user namespace's first mount namespace got cannot be taken off.
                        if target.mount.root.count == 1 { continue }
                        // Nor can what was there when it was made: the kernel's own file goes on top.
                        if error == .invalidArgument, let file = target.kernels,
                            (try? Mount.attach(file.tree, on: target.path)) != nil
                        {
                            covered.insert(target.path)
                            count += 1
                            continue
                        }
                        failures.append("\(namespace.pids.first ?? 0) \(target.path): \(error)")
                    }
                }
            }
            if entered { done.formUnion(ours.map(\.id)) }
            report.files += count
            for failure in failures { report.add(failure: failure) }
        }
    }
}

/// A detached mount in an array.
private final class TreeBox {
    let tree: Fd

    init(_ tree: consuming Fd) { self.tree = tree }

    /// nil where there is no such file, or no open_tree(2).
    init?(cloneOf path: Path) {
        do throws(Errno) { tree = try Mount.clone(path) } catch { return nil }
    }
}
