// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

/// How our files differ from LXCFS's: not at all, but for these tolerances and these named differences.
enum PeerTable {
    /// Fields without an entry must be equal.
    static let tolerances: [PeerTolerance] = [
        // The two cats are not the same size, and v1 charges in batches of 64 pages for each CPU.
        PeerTolerance(file: "proc/meminfo", field: "*", absolute: 2048),
        PeerTolerance(file: "proc/uptime", field: "*", absolute: 1.5, relative: 0.05),
        PeerTolerance(file: "proc/loadavg", field: "load*", absolute: 2),
        PeerTolerance(file: "proc/loadavg", field: "running", absolute: 2),
        // The peer counts every five seconds.
        PeerTolerance(file: "proc/loadavg", field: "threads", absolute: 8),
    ]

    /// The same names and fields as the table at the end of docs/FILES.md.
    static let divergences: [PeerDivergence] = memory + cpu + others

    private static let memory: [PeerDivergence] = [
        PeerDivergence(
            name: "host-memory-fields",
            file: "proc/meminfo",
            fields: ["Mlocked", "Committed_AS", "DirectMap*", "HardwareCorrupted", "NFS_Unstable", "Bounce", "Cma*"],
            reason: "the host's; no cgroup counts them"
        ) { $0.ourNumber == 0 },
        PeerDivergence(
            name: "host-kernel-memory",
            file: "proc/meminfo",
            fields: ["KReclaimable", "KernelStack", "PageTables", "SecPageTables", "Percpu", "VmallocUsed"],
            reason: "the host's; here the container's own, as far as memory.stat tells it"
        ) { isAtMostHost($0) },
        PeerDivergence(
            name: "host-huge-file-pages",
            file: "proc/meminfo",
            fields: ["FileHugePages"],
            reason: "the host's",
            isOccasional: true
        ) { isAtMostHost($0) },
        PeerDivergence(
            name: "host-commit-limit",
            file: "proc/meminfo",
            fields: ["CommitLimit"],
            reason: "the host's; here of the container's memory and swap",
            kinds: [.limited, .nested]
        ) { $0.ourNumber ?? .infinity <= 256 * 1024 },
        PeerDivergence(
            name: "shmem-counted-available",
            file: "proc/meminfo",
            fields: ["MemAvailable"],
            reason: "before 6.0 the whole cache counts as available, shared memory too",
            layouts: [.v1],
            kinds: [.limited, .onlyCPU1]
        ) { ($0.ourNumber ?? .infinity) < ($0.peerNumber ?? 0) },
        PeerDivergence(
            name: "free-beyond-host",
            file: "proc/meminfo",
            fields: ["MemFree", "MemAvailable"],
            reason: "limit - usage, although others use the host's memory",
            kinds: [.unlimited, .onlyCPU1]
        ) { isAtMostHost($0) && ($0.ourNumber ?? .infinity) < ($0.peerNumber ?? 0) },
        PeerDivergence(
            name: "sibling-usage-ignored",
            file: "proc/meminfo",
            fields: ["MemFree", "MemAvailable"],
            reason: "a limit of an ancestor counts, what others use of it does not",
            kinds: [.nested]
        ) { ($0.ourNumber ?? .infinity) + 55_000 < ($0.peerNumber ?? 0) },
        PeerDivergence(
            name: "mapped-always-zero",
            file: "proc/meminfo",
            fields: ["Mapped"],
            reason: "file_mapped is never read on v2",
            layouts: [.v2]
        ) { $0.peerNumber == 0 },
        PeerDivergence(
            name: "anon-huge-pages-always-zero",
            file: "proc/meminfo",
            fields: ["AnonHugePages"],
            reason: "never read",
            isOccasional: true
        ) { $0.peerNumber == 0 },
    ]

    private static let cpu: [PeerDivergence] =
        ["proc/stat", "proc/cpuinfo"].map { file in
            PeerDivergence(
                name: "ancestors-quota-ignored",
                file: file,
                fields: ["cpu1.*"],
                reason: "before 7.0 an ancestor's quota does not count",
                kinds: [.nested]
            ) { $0.ours == nil }
        }
        + ["proc/stat", "proc/cpuinfo"].map { file in
            PeerDivergence(
                name: "cpus-renumbered",
                file: file,
                fields: ["cpu0.*", "cpu1.*"],
                reason: "from 0 on; here the kernel's numbers",
                kinds: [.onlyCPU1]
            ) { $0.field.hasPrefix("cpu1.") ? $0.ours != nil : $0.ours == nil }
        } + cpuFields

    private static let cpuFields: [PeerDivergence] = [
        PeerDivergence(
            name: "ancestors-quota-ignored",
            file: "sys/devices/system/cpu/online",
            fields: ["content"],
            reason: "before 7.0 an ancestor's quota does not count",
            kinds: [.nested]
        ) { $0.ours == "0" },
        PeerDivergence(
            name: "cpus-renumbered",
            file: "sys/devices/system/cpu/online",
            fields: ["content"],
            reason: "from 0 on; here the kernel's numbers",
            kinds: [.onlyCPU1]
        ) { $0.ours == "1" },
        PeerDivergence(
            name: "cpu-lines-beyond-quota",
            file: "proc/stat",
            fields: ["cpu1.*"],
            reason: "on v2 stat has a line for every CPU of the cpuset, whatever the quota",
            layouts: [.v2],
            kinds: [.limited]
        ) { $0.ours == nil },
        PeerDivergence(
            name: "cpu-time-since-first-read",
            file: "proc/stat",
            fields: ["cpu*.user", "cpu*.system", "cpu*.idle"],
            reason: "with --enable-cfs CPU time counts from the first reading on, here from the container's start",
            layouts: [.v1]
        ) { $0.isWithinBounds },
        PeerDivergence(
            name: "host-cpu-time",
            file: "proc/stat",
            fields: ["cpu*"],
            reason: "on v2 the host's times",
            layouts: [.v2]
        ) { $0.isWithinBounds },
        PeerDivergence(
            name: "throttling-not-shown",
            file: "proc/stat",
            fields: ["cpu*.steal"],
            reason: "time withheld by a quota is not shown",
            layouts: [.v1],
            kinds: [.limited],
            isOccasional: true
        ) { $0.isWithinBounds && $0.peerNumber == 0 },
    ]

    private static let others: [PeerDivergence] = [
        PeerDivergence(
            name: "host-counters",
            file: "proc/stat",
            fields: ["intr", "ctxt", "softirq"],
            reason: "the host's; no cgroup counts them"
        ) { $0.ourNumber == 0 },
        PeerDivergence(
            name: "host-processes",
            file: "proc/stat",
            fields: ["processes", "procs_running", "procs_blocked"],
            reason: "the host's; here the container's threads, and its newest pid for `processes`"
        ) { $0.ourNumber ?? .infinity <= ($0.field == "processes" ? 200 : 20) },
        PeerDivergence(
            name: "host-boot-time",
            file: "proc/stat",
            fields: ["btime"],
            reason: "the host's; here when the container began"
        ) { ($0.ourNumber ?? 0) > ($0.peerNumber ?? .infinity) },
        PeerDivergence(
            name: "cores-of-hidden-cpus",
            file: "proc/cpuinfo",
            fields: ["cpu*.siblings", "cpu*.cpu cores"],
            reason: "the host's; here of the CPUs in sight",
            kinds: [.limited, .nested, .onlyCPU1],
            isOccasional: true
        ) { ($0.ourNumber ?? .infinity) < ($0.peerNumber ?? 0) },
        PeerDivergence(
            name: "idle-of-one-cpu",
            file: "proc/uptime",
            fields: ["idle"],
            reason: "v1: uptime - usage; v2: uptime; here the idle time of all CPUs in sight"
        ) { ($0.ourNumber ?? -1) >= 0 },
        PeerDivergence(
            name: "host-thread-number",
            file: "proc/loadavg",
            fields: ["lastPid"],
            reason: "the host's number; here in the container's own pid namespace"
        ) { ($0.ourNumber ?? .infinity) < 200 },
        PeerDivergence(
            name: "host-diskstats",
            file: "proc/diskstats",
            fields: ["*"],
            reason: "the host's; here what the container did, as far as the controller counted"
        ) { $0.ours == nil || $0.isWithinBounds },
        PeerDivergence(
            name: "host-slabinfo",
            file: "proc/slabinfo",
            fields: ["caches"],
            reason: "the host's table, which the kernel keeps to root"
        ) { $0.ours == "0" },
        PeerDivergence(
            name: "host-present-possible",
            file: "sys/devices/system/cpu/present",
            fields: ["content"],
            reason: "the host's; here what is online",
            kinds: [.limited, .nested, .onlyCPU1]
        ) { $0.ours == "0" || $0.ours == "1" },
        PeerDivergence(
            name: "host-present-possible",
            file: "sys/devices/system/cpu/possible",
            fields: ["content"],
            reason: "the host's; here what is online",
            kinds: [.limited, .nested, .onlyCPU1]
        ) { $0.ours == "0" || $0.ours == "1" },
    ]

    private static func isAtMostHost(_ pair: PeerDivergence.Pair) -> Bool {
        guard let ours = pair.ourNumber else { return false }
        return ours <= (pair.hostNumber ?? 0) * 1.02 + 2048
    }
}
