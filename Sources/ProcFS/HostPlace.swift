// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

package import Kernel

/// From where the host's cgroups are seen: the daemon's own mounts, or, in a container with the host's pid namespace, those
/// of process 1.
package struct HostPlace {
    package var mountinfo: [UInt8]
    /// The root directory that `mountinfo` is relative to.
    package var prefix: Path

    private static let limit = 64 << 20

    /// Process 1, and the first kernel thread, which a security policy that hides process 1 leaves readable.
    private static let hosts = ["1", "2"]

    /// Leaves a cgroup namespace of the daemon's own for that of process 1, so that the kernel prints every cgroup by
    /// its path on the host.
    ///
    /// To be called before there is a second thread.
    package static func enter() -> HostPlace {
        let hosts = seesAllProcesses ? hosts : ["1"]
        for host in hosts {
            guard let namespace = try? Fd.open(Path("/proc/\(host)/ns/cgroup")) else { continue }
            if (try? namespace.status())?.inode != own("cgroup") { try? Namespace.enter(cgroup: namespace) }
            break
        }
        for host in hosts {
            guard let mount = try? FileStatus.of(Path("/proc/\(host)/ns/mnt")).inode else { continue }
            if mount == own("mnt") { break }
            guard (try? FileStatus.of(Path("/proc/\(host)/root/"))) != nil,
                let mountinfo = try? Fd.contents(of: Path("/proc/\(host)/mountinfo"), limit: limit)
            else { continue }
            return HostPlace(mountinfo: mountinfo, prefix: Path("/proc/\(host)/root"))
        }
        return HostPlace(
            mountinfo: (try? Fd.contents(of: "/proc/self/mountinfo", limit: limit)) ?? [],
            prefix: "/"
        )
    }

    /// Whether the daemon is in the initial pid namespace, where every caller has a number (PROC_PID_INIT_INO).
    package static var seesAllProcesses: Bool { own("pid") == 0xEFFF_FFFC }

    private static func own(_ name: String) -> UInt64? {
        (try? FileStatus.of(Path("/proc/self/ns/\(name)")))?.inode
    }
}

/// The host's /proc and /sys without what is mounted over files in them: detached copies of the two mounts.
///
/// Somebody may bind this daemon's files over the host's own. Read by their names, it would then wait for itself.
package final class HostFiles: Sendable {
    package let proc: Path
    /// /sys/devices/system.
    package let system: Path
    private let procCopy: Fd
    private let sysCopy: Fd

    /// Where no copy can be had (before Linux 5.2, or without CAP_SYS_ADMIN), the files by their names.
    package init() {
        procCopy = Self.copy("/proc")
        sysCopy = Self.copy("/sys")
        proc = procCopy.raw < 0 ? "/proc" : Path("/proc/self/fd/\(procCopy.raw)")
        let sys: Path = sysCopy.raw < 0 ? "/sys" : Path("/proc/self/fd/\(sysCopy.raw)")
        system = sys.appending("devices/system")
    }

    private static func copy(_ path: Path) -> Fd {
        do throws(Errno) { return try Mount.clone(path) } catch { return Fd(adopting: -1) }
    }
}
