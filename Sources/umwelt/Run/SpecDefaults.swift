// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

import OCISpec

/// What every container has: the same as Docker gives by default.
enum SpecDefaults {
    static let path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

    static let capabilities = [
        "CAP_AUDIT_WRITE", "CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_FOWNER", "CAP_FSETID", "CAP_KILL", "CAP_MKNOD",
        "CAP_NET_BIND_SERVICE", "CAP_NET_RAW", "CAP_SETFCAP", "CAP_SETGID", "CAP_SETPCAP", "CAP_SETUID",
        "CAP_SYS_CHROOT",
    ]

    static let maskedPaths = [
        "/proc/acpi", "/proc/asound", "/proc/kcore", "/proc/keys", "/proc/latency_stats", "/proc/sched_debug",
        "/proc/scsi", "/proc/timer_list", "/proc/timer_stats", "/sys/devices/virtual/powercap", "/sys/firmware",
    ]

    static let readonlyPaths = ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"]

    static let mounts = [
        Config.Mount(destination: "/proc", type: "proc", source: "proc", options: ["nosuid", "noexec", "nodev"]),
        Config.Mount(
            destination: "/dev",
            type: "tmpfs",
            source: "tmpfs",
            options: ["nosuid", "strictatime", "mode=755", "size=65536k"]
        ),
        Config.Mount(
            destination: "/dev/pts",
            type: "devpts",
            source: "devpts",
            options: ["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"]
        ),
        Config.Mount(
            destination: "/dev/shm",
            type: "tmpfs",
            source: "shm",
            options: ["nosuid", "noexec", "nodev", "mode=1777", "size=65536k"]
        ),
        Config.Mount(
            destination: "/dev/mqueue",
            type: "mqueue",
            source: "mqueue",
            options: ["nosuid", "noexec", "nodev"]
        ),
        Config.Mount(
            destination: "/sys",
            type: "sysfs",
            source: "sysfs",
            options: ["nosuid", "noexec", "nodev", "ro"]
        ),
        // The JVM, Go and Node read their limits here.
        Config.Mount(
            destination: "/sys/fs/cgroup",
            type: "cgroup",
            source: "cgroup",
            options: ["nosuid", "noexec", "nodev", "relatime", "ro"]
        ),
    ]

    /// What is the container's own where its files are the host's.
    static let privateMounts = [
        Config.Mount(destination: "/tmp", type: "tmpfs", source: "tmpfs", options: ["nosuid", "nodev", "mode=1777"]),
        Config.Mount(
            destination: "/var/tmp",
            type: "tmpfs",
            source: "tmpfs",
            options: ["nosuid", "nodev", "mode=1777"]
        ),
        Config.Mount(destination: "/run", type: "tmpfs", source: "tmpfs", options: ["nosuid", "nodev", "mode=755"]),
    ]

    /// Where the host's files do not show.
    static let privateDirectories = ["/tmp", "/var/tmp", "/run", "/var/run", "/dev", "/proc", "/sys"]
}
