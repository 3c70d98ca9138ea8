// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

import Glibc
import Kernel

/// Removes the cgroups of a container from every hierarchy, whatever the runtime has left there.
///
/// Directories are held open from the start: crun runs where the v2 hierarchy beside v1 is unmounted.
final class CgroupCleanup {
    /// A directory that a class can keep.
    private final class Top {
        let fd: Fd
        let isUnified: Bool

        init(_ fd: consuming Fd, isUnified: Bool) {
            self.fd = fd
            self.isUnified = isUnified
        }
    }

    private let tops: [Top]
    private let state: StateDirectory

    init(_ tree: CgroupTree, state: StateDirectory) {
        self.state = state
        tops = tree.hierarchies.compactMap { hierarchy in
            guard let fd = try? Fd.open(Path(hierarchy.directory), .directory) else { return nil }
            return Top(fd, isUnified: hierarchy.isUnified)
        }
    }

    /// Makes the container's cgroup in the v2 hierarchy, and returns its cgroup.procs file for a child to join.
    func makeUnified(_ id: String) throws(Failure) -> Fd? {
        guard let top = tops.first(where: { $0.isUnified }) else { return nil }
        do throws(Errno) {
            for path in [state.cgroup, state.cgroup + "/" + id] {
                do throws(Errno) { try top.fd.makeDirectory(Path(path)) } catch {
                    guard error == .exists else { throw error }
                }
            }
            return try top.fd.open(Path("\(state.cgroup)/\(id)/cgroup.procs"), .writeOnly)
        } catch {
            throw .failed("cannot make the cgroup /\(state.cgroup)/\(id) in the v2 hierarchy: \(error)")
        }
    }

    /// Puts the process where it would be without us, in the v2 hierarchy's root or what shows as it.
    func leaveUnified(_ pid: Int32) {
        guard let top = tops.first(where: { $0.isUnified }) else { return }
        try? top.fd.open("cgroup.procs", .writeOnly).write(Array("\(pid)".utf8))
    }

    /// Whether processes are in the container's cgroups: it runs, whoever started it.
    func isInUse(_ id: String) -> Bool {
        tops.contains { top in
            let members = try? top.fd.contents(of: Path("\(state.cgroup)/\(id)/cgroup.procs"), limit: 4096)
            return members?.isEmpty == false
        }
    }

    /// Ends what still runs in the container's cgroups and removes them, and the state directory's where it is empty then.
    func remove(_ id: String) {
        for top in tops { Self.remove(Path("\(state.cgroup)/\(id)"), in: top) }
        // Others may just be making theirs below it.
        guard let lock = try? state.lockFile(state.cgroupsLock), (try? lock.tryLock()) == true else { return }
        for top in tops { try? top.fd.removeDirectory(Path(state.cgroup)) }
    }

    private static func remove(_ path: Path, in top: Top) {
        // A process takes a moment to end, and its cgroup to be free.
        for attempt in 0..<200 {
            do throws(Errno) {
                try top.fd.removeDirectory(path)
                return
            } catch {
                guard error == .busy else { return }
            }
            if attempt > 0 { usleep(10_000) }
            let members = (try? top.fd.contents(of: path.appending("cgroup.procs"), limit: 1 << 20)) ?? []
            for line in members.split(separator: UInt8(ascii: "\n")) {
                guard let pid = Int32(String(decoding: line, as: UTF8.self)), pid > 1 else { continue }
                try? ProcessID.kill(pid, SIGKILL)
            }
            let children = (try? top.fd.open(path, .directory).entries(limit: 1000)) ?? []
            // DT_DIR
            for child in children where child.type == 4 { remove(path.appending(Path(child.name)), in: top) }
        }
    }
}
