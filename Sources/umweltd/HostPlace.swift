// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

import Kernel

/// From where the host's cgroups are seen: the daemon's own mounts, or, in a container with the host's pid namespace, those
/// of process 1.
struct HostPlace {
    var mountinfo: [UInt8]
    /// The root directory that `mountinfo` is relative to.
    var prefix: Path

    private static let limit = 64 << 20

    /// Leaves a cgroup namespace of the daemon's own for that of process 1, so that the kernel prints every cgroup by
    /// its path on the host.
    ///
    /// To be called before there is a second thread.
    static func enter() -> HostPlace {
        if !shares("cgroup"), let namespace = try? Fd.open("/proc/1/ns/cgroup") {
            try? Namespace.enter(cgroup: namespace)
        }
        if !shares("mnt"), let mountinfo = try? Fd.contents(of: "/proc/1/mountinfo", limit: limit) {
            return HostPlace(mountinfo: mountinfo, prefix: "/proc/1/root")
        }
        return HostPlace(
            mountinfo: (try? Fd.contents(of: "/proc/self/mountinfo", limit: limit)) ?? [],
            prefix: "/"
        )
    }

    /// Whether the daemon is in the initial pid namespace, where every caller has a number (PROC_PID_INIT_INO).
    static var seesAllProcesses: Bool {
        (try? FileStatus.of("/proc/self/ns/pid"))?.inode == 0xEFFF_FFFC
    }

    private static func shares(_ name: String) -> Bool {
        guard let own = try? FileStatus.of(Path("/proc/self/ns/\(name)")),
            let first = try? FileStatus.of(Path("/proc/1/ns/\(name)"))
        else { return true }
        return own.inode == first.inode
    }
}
