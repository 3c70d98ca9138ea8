// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

package import Kernel
package import Samples

/// Which mount namespaces there are, and what of ours is mounted in them.
package enum MountSurvey {
    private static let processLimit = 262_144
    /// fs.mount-max is 100,000; a line is seldom longer than 300 bytes.
    private static let mountinfoLimit = 32 << 20

    /// A mount namespace, by a process in it.
    package struct Namespace: Equatable, Sendable {
        package var pid: Int32
        /// Of nsfs.
        package var inode: UInt64
        /// All its mounts that the process can see.
        package var mounts: [MountInfo]
    }

    /// The namespaces of all processes in `proc`, each once, by its process of the lowest number.
    ///
    /// Processes that end meanwhile are left out.
    package static func namespaces(proc: Path = "/proc") -> [Namespace] {
        var seen: Set<UInt64> = []
        var result: [Namespace] = []
        for pid in processes(proc) {
            guard let status = try? FileStatus.of(proc.appending(Path("\(pid)/ns/mnt"))),
                seen.insert(status.inode).inserted, let mounts = try? mounts(of: pid, proc: proc)
            else { continue }
            result.append(Namespace(pid: pid, inode: status.inode, mounts: mounts))
        }
        return result
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
        let text = try Fd.contents(of: proc.appending(Path("\(pid)/mountinfo")), limit: mountinfoLimit)
        return MountInfo.parse(text.span)
    }
}

extension [MountInfo] {
    /// Of several mounts at one place, the one that a path leads to; in the order they are listed.
    package var topmost: [MountInfo] {
        let places = Dictionary(map { ($0.id, $0.mountPoint) }) { first, _ in first }
        let covered = Set(filter { places[$0.parent] == $0.mountPoint }.map(\.parent))
        return filter { !covered.contains($0.id) }
    }

    /// Those of file systems of ours that were mounted at `mountPoint` of the host, now or by an earlier daemon.
    package func ours(of mountPoint: Path) -> [MountInfo] {
        filter { $0.type.elementsEqual(FuseMount.type.utf8) && $0.source == mountPoint.bytes }
    }
}
