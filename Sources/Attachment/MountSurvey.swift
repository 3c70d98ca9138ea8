// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

package import Kernel
package import Samples

/// Which mount namespaces there are, and what of ours is mounted in them.
package enum MountSurvey {
    private static let processLimit = 262_144
    /// fs.mount-max is 100,000; a line is seldom longer than 300 bytes.
    private static let mountinfoLimit = 32 << 20

    /// A mount namespace as it is seen from one root directory (a chrooted process sees what is below its own).
    package struct Namespace: Equatable, Sendable {
        package struct Place: Hashable, Sendable {
            /// Of nsfs.
            package var inode: UInt64
            var rootMount: UInt64
            var rootDevice: UInt64
            var rootInode: UInt64

            /// Where a process is; nil where it has ended, or may not be looked at.
            init?(of pid: String, proc: Path) {
                let directory = proc.appending(Path(pid))
                guard let place = Place(at: directory) ?? MountSurvey.thread(in: directory).flatMap(Place.init(at:))
                else { return nil }
                self = place
            }

            private init?(at directory: Path) {
                guard let namespace = try? FileStatus.of(directory.appending("ns/mnt")) else { return nil }
                (inode, rootMount, rootDevice, rootInode) = (namespace.inode, 0, 0, 0)
                do throws(Errno) {
                    let root = try FileStatus.of(directory.appending("root"))
                    (rootMount, rootDevice, rootInode) = (root.mount, root.device, root.inode)
                } catch {
                    // A FUSE of the container's own user namespace lets nobody else in.
                    guard error == .permissionDenied else { return nil }
                }
            }

            /// This process's.
            static var own: Place? { Place(of: "self", proc: "/proc") }
        }

        package var place: Place
        /// A few processes that are there, the lowest numbers.
        package var pids: [Int32]
        /// All its mounts that these can see.
        package var mounts: [MountInfo]
    }

    /// How many processes of each are kept: one may end before it is visited.
    private static let pidLimit = 4

    /// Where processes are, each place once, with some of those that are there.
    package typealias Places = [(place: Namespace.Place, pids: [Int32])]

    /// Where all processes in `proc` are: each namespace as it is seen from one root directory, and as it is seen from the others
    /// that processes have in it.
    ///
    /// Somebody with many mounts and many roots makes it long to look at these, and is to keep nobody else waiting.
    package static func places(proc: Path = "/proc") -> (first: Places, others: Places) {
        var known: [Namespace.Place: Int] = [:]
        var all: Places = []
        for pid in processes(proc) {
            guard let place = Namespace.Place(of: "\(pid)", proc: proc) else { continue }
            if let index = known[place] {
                if all[index].pids.count < pidLimit { all[index].pids.append(pid) }
            } else {
                known[place] = all.count
                all.append((place, [pid]))
            }
        }
        var result: (first: Places, others: Places) = ([], [])
        var seen: Set<UInt64> = []
        for entry in all {
            if seen.insert(entry.place.inode).inserted {
                result.first.append(entry)
            } else {
                result.others.append(entry)
            }
        }
        return result
    }

    /// The namespaces with file systems of our type in them; what has ended meanwhile is left out.
    package static func look(at places: Places, proc: Path = "/proc") -> [Namespace] {
        var result: [Namespace] = []
        for (place, pids) in places {
            let text = mountinfo(ofOneOf: pids, proc: proc)
            guard hasOurs(text) else { continue }
            result.append(Namespace(place: place, pids: pids, mounts: MountInfo.parse(text.span)))
        }
        return result
    }

    private static func mountinfo(ofOneOf pids: [Int32], proc: Path) -> [UInt8] {
        for pid in pids {
            do throws(Errno) { return try mountinfo(of: pid, proc: proc) } catch { continue }
        }
        return []
    }

    private static let mark = Array("- \(FuseMount.type) ".utf8)

    /// Whether there can be any in it: parsing takes much longer than reading.
    static func hasOurs(_ mountinfo: [UInt8]) -> Bool {
        var rest = mountinfo[...]
        while let hyphen = rest.firstIndex(of: UInt8(ascii: "-")) {
            rest = rest[hyphen...]
            if rest.starts(with: mark) { return true }
            rest = rest.dropFirst()
        }
        return false
    }

    /// A process in the mount namespace of `pid` that sees all of it: that one, unless it is chrooted.
    package static func unconfined(_ pid: Int32, proc: Path = "/proc") -> Int32 {
        func seesAll(_ pid: Int32) -> Bool {
            (try? mounts(of: pid, proc: proc))?.contains { $0.mountPoint.elementsEqual("/".utf8) } == true
        }
        guard !seesAll(pid), let place = Namespace.Place(of: "\(pid)", proc: proc) else { return pid }
        return processes(proc).first { Namespace.Place(of: "\($0)", proc: proc)?.inode == place.inode && seesAll($0) }
            ?? pid
    }

    /// The numbers of all processes, ascending.
    private static func processes(_ proc: Path) -> [Int32] {
        guard let directory = try? Fd.open(proc, [.readOnly, .directory]),
            let entries = try? directory.entries(limit: processLimit)
        else { return [] }
        return entries.compactMap { Int32(String(decoding: $0.name, as: UTF8.self)) }.sorted()
    }

    /// The minor device number of our file system that is mounted here; ENOENT where none is.
    ///
    /// Asks nothing of it.
    package static func minor(ofOursAt mountPoint: Path) throws(Errno) -> UInt32 {
        let bytes = try Fd.contents(of: "/proc/self/mountinfo", limit: mountinfoLimit)
        let ours = MountInfo.parse(bytes.span).topmost.ours(of: mountPoint)
        guard let mount = ours.first(where: { $0.mountPoint == mountPoint.bytes }) else { throw .noEntry }
        return mount.minor
    }

    /// The mounts of one process.
    package static func mounts(of pid: Int32, proc: Path = "/proc") throws(Errno) -> [MountInfo] {
        let text = try mountinfo(of: pid, proc: proc)
        return MountInfo.parse(text.span)
    }

    private static func mountinfo(of pid: Int32, proc: Path) throws(Errno) -> [UInt8] {
        let directory = proc.appending(Path("\(pid)"))
        do throws(Errno) { return try mountinfo(in: directory) } catch {
            guard let thread = thread(in: directory) else { throw error }
            return try mountinfo(in: thread)
        }
    }

    private static func mountinfo(in directory: Path) throws(Errno) -> [UInt8] {
        try Fd.contents(of: directory.appending("mountinfo"), limit: mountinfoLimit)
    }

    /// The directory of a thread of the process with this directory, where the first one has ended and tells nothing any more;
    /// nil where that is not so, or none is left.
    static func thread(in directory: Path) -> Path? {
        let mark: Path = "ns/mnt"
        guard !FileTree.isThere(directory.appending(mark)),
            let tasks = try? Fd.open(directory.appending("task"), [.readOnly, .directory]).entries(limit: processLimit)
        else { return nil }
        return tasks.lazy.map { directory.appending("task").appending(Path($0.name)) }
            .first { FileTree.isThere($0.appending(mark)) }
    }

    /// The mount namespace of a process; nil where it has ended, or may not be looked at.
    package static func namespace(of pid: Int32) -> UInt64? { Namespace.Place(of: "\(pid)", proc: "/proc")?.inode }
}

extension [MountInfo] {
    /// Of several mounts at one place, the one that a path leads to; in the order they are listed.
    package var topmost: [MountInfo] {
        let covered = Set(filter { $0.parent != $0.id }.map { Placing(mount: $0.parent, path: $0.mountPoint) })
        return reachable.filter { !covered.contains(Placing(mount: $0.id, path: $0.mountPoint)) }
    }

    /// Those to which a path leads once what is mounted at their own place is taken off: nothing is mounted over a directory
    /// above them.
    package var reachable: [MountInfo] {
        // An initramfs as the root is its own parent, and hides nothing.
        let taken = Set(filter { $0.parent != $0.id }.map { Placing(mount: $0.parent, path: $0.mountPoint) })
        let byID = Dictionary(map { ($0.id, $0) }) { first, _ in first }
        // What is mounted on the same mount as this one, at a directory above it, came later: else it would be its parent.
        func isBelowAnother(_ mount: MountInfo) -> Bool {
            var above = mount.mountPoint[...]
            while above.count > 1 {
                above = above.dropLast(above.count - (above.lastIndex(of: UInt8(ascii: "/")) ?? 0))
                let path: [UInt8] = above.isEmpty ? [47] : [UInt8](above)
                if taken.contains(Placing(mount: mount.parent, path: path)) { return true }
            }
            return false
        }
        // Without recursion: a container can stack mounts as deep as it likes.
        var known: [UInt64: Bool] = [:]
        func isHidden(_ mount: MountInfo) -> Bool {
            var chain: [UInt64] = []
            var next: MountInfo? = mount
            var result = false
            while let mount = next {
                if let before = known[mount.id] {
                    result = before
                    break
                }
                known[mount.id] = false
                chain.append(mount.id)
                result = isBelowAnother(mount)
                next = result || mount.parent == mount.id ? nil : byID[mount.parent]
            }
            // Whoever is on the way up to one that is hidden is hidden with it.
            for id in chain { known[id] = result }
            return result
        }
        return filter { !isHidden($0) }
    }

    /// Those of file systems of ours that were mounted at `mountPoint` of the host, now or by an earlier daemon.
    package func ours(of mountPoint: Path) -> [MountInfo] {
        ours(of: [mountPoint])
    }

    /// The same of several places.
    func ours(of mountPoints: [Path]) -> [MountInfo] {
        filter { mount in
            mount.type.elementsEqual(FuseMount.type.utf8) && mountPoints.contains { $0.bytes == mount.source }
        }
    }
}

/// A place on a mount where another one is.
private struct Placing: Hashable {
    var mount: UInt64
    var path: [UInt8]
}
