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
        let own = (try? FileStatus.of("/proc/self/ns/mnt"))?.inode
        guard
            let present = namespaces.first(where: { $0.inode == own })?.mounts.topmost.ours(of: mountPoint)
                .first(where: { $0.mountPoint == mountPoint.bytes })
        else { return report }
        for namespace in namespaces {
            let dead = namespace.mounts.topmost.ours(of: mountPoint).filter {
                ($0.major, $0.minor) != (present.major, present.minor)
                    && (namespace.inode != own || $0.mountPoint != mountPoint.bytes)
            }
            guard !dead.isEmpty else { continue }
            report.namespaces += 1
            replace(dead, in: namespace, isOwn: namespace.inode == own, &report)
        }
        return report
    }

    private func replace(
        _ dead: [MountInfo],
        in namespace: MountSurvey.Namespace,
        isOwn: Bool,
        _ report: inout Report
    ) {
        var pieces: [(target: Path, depth: Int, tree: TreeBox)] = []
        for mount in dead {
            let target = Path(mount.mountPoint)
            let depth = namespace.mounts.ours(of: mountPoint).count { $0.mountPoint == mount.mountPoint }
            do throws(Errno) { pieces.append((target, depth, TreeBox(try clone(mount.root)))) } catch {
                report.add(failure: "\(namespace.pid) \(target): \(error)")
            }
        }
        var done = 0
        var failures: [String] = []
        let change = {
            for piece in pieces {
                do throws(Errno) {
                    try Self.replace(piece.target, with: piece.tree.tree, depth: piece.depth)
                    done += 1
                } catch {
                    failures.append("\(namespace.pid) \(piece.target): \(error)")
                }
            }
        }
        if isOwn {
            change()
        } else {
            do throws(Errno) { try visit.inside(namespace.pid) { () throws(Errno) in change() } } catch {
                failures.append("\(namespace.pid): \(error)")
            }
        }
        report.files += done
        for failure in failures { report.add(failure: failure) }
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

    /// Takes our mounts away from every mount namespace but the host's own, where the file system itself stays.
    ///
    /// What is beneath, the kernel's own files, shows at once. Blocks for the system calls of each mount.
    package func takeAway() -> Report {
        var report = Report()
        let own = (try? FileStatus.of("/proc/self/ns/mnt"))?.inode
        for namespace in MountSurvey.namespaces() {
            // Where something else covers ours, that is not ours to take.
            let visible = Set(namespace.mounts.topmost.ours(of: mountPoint).map(\.mountPoint))
            let ours = namespace.mounts.ours(of: mountPoint).filter {
                visible.contains($0.mountPoint) && (namespace.inode != own || $0.mountPoint != mountPoint.bytes)
            }
            guard !ours.isEmpty else { continue }
            report.namespaces += 1
            // The last mounted first, as many times as it is mounted there.
            let targets = ours.reversed()
            var (done, failures): (Int, [String]) = (0, [])
            let change = {
                for target in targets {
                    do throws(Errno) {
                        try Mount.unmount(Path(target.mountPoint), lazily: true)
                        done += 1
                    } catch {
                        // The copy of the whole that a user namespace's first mount namespace got cannot be taken off.
                        if target.root.count == 1 { continue }
                        failures.append("\(namespace.pid) \(Path(target.mountPoint)): \(error)")
                    }
                }
            }
            if namespace.inode == own {
                change()
            } else {
                do throws(Errno) { try visit.inside(namespace.pid) { () throws(Errno) in change() } } catch {
                    failures.append("\(namespace.pid): \(error)")
                }
            }
            report.files += done
            for failure in failures { report.add(failure: failure) }
        }
        return report
    }
}

/// A detached mount in an array.
private final class TreeBox {
    let tree: Fd

    init(_ tree: consuming Fd) { self.tree = tree }
}
