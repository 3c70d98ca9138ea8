// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

package import Kernel
package import Samples

/// Which mount namespaces there are, and what of ours is mounted in them.
package enum MountSurvey {
    private static let processLimit = 262_144
    /// fs.mount-max is 100,000; a line is seldom longer than 300 bytes.
    private static let mountinfoLimit = 32 << 20
    /// More of one is not read to see whether any of ours is in it: all of them together could take as long as whoever made
    /// them likes.
    static let glanceLimit = 1 << 20

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

    /// Where all processes in `proc` are: each namespace as it is seen from one root directory, then as it is seen from another
    /// one that processes have in it, and so on.
    ///
    /// Somebody with many mounts and many roots makes it long to look at these, and is to keep nobody else waiting.
    package static func places(proc: Path = "/proc") -> [Places] {
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
        var result: [Places] = []
        var rounds: [UInt64: Int] = [:]
        for entry in all {
            let round = rounds[entry.place.inode, default: 0]
            rounds[entry.place.inode] = round + 1
            if round == result.count { result.append([]) }
            result[round].append(entry)
        }
        return result
    }

    /// Those in which there can be file systems of our type; what has ended meanwhile is left out.
    ///
    /// One that is too long for a glance may have some. Nothing of them is kept: there can be as many as users like.
    package static func withOurs(_ places: Places, proc: Path = "/proc") -> Places {
        places.filter {
            let text = mountinfo(ofOneOf: $0.pids, proc: proc, limit: glanceLimit)
            return text.count >= glanceLimit || hasOurs(text)
        }
    }

    /// A namespace with what is mounted in it; nothing where it has ended.
    ///
    /// Takes as long as whoever mounted all that likes: for a process that nobody else waits for.
    package static func look(at place: Places.Element, proc: Path = "/proc") -> Namespace {
        let text = mountinfo(ofOneOf: place.pids, proc: proc, limit: mountinfoLimit)
        return Namespace(place: place.place, pids: place.pids, mounts: MountInfo.parse(text.span))
    }

    private static func mountinfo(ofOneOf pids: [Int32], proc: Path, limit: Int) -> [UInt8] {
        for pid in pids {
            do throws(Errno) { return try mountinfo(of: pid, proc: proc, limit: limit) } catch { continue }
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
        let ours = MountInfo.parse(bytes.span).topmost { $0.isOurs(of: [mountPoint]) }
        guard let mount = ours.first(where: { $0.mountPoint == mountPoint.bytes }) else { throw .noEntry }
        return mount.minor
    }

    /// The mounts of one process.
    package static func mounts(of pid: Int32, proc: Path = "/proc") throws(Errno) -> [MountInfo] {
        let text = try mountinfo(of: pid, proc: proc, limit: mountinfoLimit)
        return MountInfo.parse(text.span)
    }

    private static func mountinfo(of pid: Int32, proc: Path, limit: Int) throws(Errno) -> [UInt8] {
        let directory = proc.appending(Path("\(pid)"))
        do throws(Errno) { return try mountinfo(in: directory, limit) } catch {
            guard let thread = thread(in: directory) else { throw error }
            return try mountinfo(in: thread, limit)
        }
    }

    private static func mountinfo(in directory: Path, _ limit: Int) throws(Errno) -> [UInt8] {
        try Fd.contents(of: directory.appending("mountinfo"), limit: limit)
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
    package var topmost: [MountInfo] { topmost { _ in true } }

    /// The same of those that are meant: for the others it is not looked at, which costs more than all else.
    func topmost(where isMeant: (MountInfo) -> Bool) -> [MountInfo] {
        let taken = taken
        return reachable(taken, where: isMeant).filter { !taken.contains(Placing(on: $0.id, at: $0.mountPoint)) }
    }

    /// Those to which a path leads once what is mounted at their own place is taken off: nothing is mounted over a directory
    /// above them.
    package var reachable: [MountInfo] { reachable { _ in true } }

    func reachable(where isMeant: (MountInfo) -> Bool) -> [MountInfo] { reachable(taken, where: isMeant) }

    /// Where mounts are; an initramfs as the root is its own parent, and hides nothing.
    private var taken: Set<Placing> {
        Set(filter { $0.parent != $0.id }.map { Placing(on: $0.parent, at: $0.mountPoint) })
    }

    private func reachable(_ taken: Set<Placing>, where isMeant: (MountInfo) -> Bool) -> [MountInfo] {
        let byID = Dictionary(map { ($0.id, $0) }) { first, _ in first }
        // What is mounted on the same mount as this one, at a directory above it, came later: else it would be its parent.
        func isBelowAnother(_ mount: MountInfo) -> Bool {
            var above = Placing.Way(on: mount.parent)
            for name in Placing.names(of: mount.mountPoint) {
                if taken.contains(above.placing) { return true }
                above.go(to: name)
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
        return filter { isMeant($0) && !isHidden($0) }
    }

    /// Those of file systems of ours that were mounted at `mountPoint` of the host, now or by an earlier daemon.
    package func ours(of mountPoint: Path) -> [MountInfo] {
        ours(of: [mountPoint])
    }

    /// The same of several places.
    func ours(of mountPoints: [Path]) -> [MountInfo] { filter { $0.isOurs(of: mountPoints) } }
}

extension MountInfo {
    /// Whether it is of a file system of ours that was mounted at one of these places.
    func isOurs(of mountPoints: [Path]) -> Bool {
        type.elementsEqual(FuseMount.type.utf8) && mountPoints.contains { $0.bytes == source }
    }
}

/// A place on a mount where another one is: a hash of both, keyed anew by each process.
///
/// Nobody can choose two places that have the same. Those of all directories on the way to a place cost no more than its own:
/// a container's paths can be as long, and as many, as it likes.
private struct Placing: Hashable {
    private var hash: Int

    init(on mount: UInt64, at path: [UInt8]) {
        var way = Way(on: mount)
        for name in Self.names(of: path) { way.go(to: name) }
        self = way.placing
    }

    private init(_ hash: Int) { self.hash = hash }

    static func names(of path: [UInt8]) -> [ArraySlice<UInt8>] { path.split(separator: UInt8(ascii: "/")) }

    /// From the root directory down.
    struct Way {
        private var hasher = Hasher()

        init(on mount: UInt64) { hasher.combine(mount) }

        mutating func go(to name: ArraySlice<UInt8>) { hasher.combine(name) }

        var placing: Placing { Placing(hasher.finalize()) }
    }
}
