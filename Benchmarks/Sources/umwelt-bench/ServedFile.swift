// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

/// A file that both daemons serve, or that only ours does.
struct ServedFile: Hashable {
    /// Below a daemon's mount point, and below the container's root.
    let path: String
    /// Whether lxcfs needs `-l` or `--enable-cfs` to answer for the container.
    let needsOptions: Bool

    var name: String {
        path.hasPrefix("proc/") ? String(path.dropFirst(5)) : path.hasSuffix("cpu/online") ? "cpu/online" : path
    }

    static let meminfo = ServedFile(path: "proc/meminfo", needsOptions: false)

    static let all = [
        meminfo,
        ServedFile(path: "proc/stat", needsOptions: true),
        ServedFile(path: "proc/cpuinfo", needsOptions: true),
        ServedFile(path: "proc/uptime", needsOptions: false),
        ServedFile(path: "proc/loadavg", needsOptions: true),
        ServedFile(path: "proc/diskstats", needsOptions: false),
        ServedFile(path: "proc/swaps", needsOptions: false),
        ServedFile(path: "proc/slabinfo", needsOptions: false),
        ServedFile(path: "sys/devices/system/cpu/online", needsOptions: true),
        ServedFile(path: "proc/pressure/cpu", needsOptions: false),
        ServedFile(path: "proc/pressure/memory", needsOptions: false),
        ServedFile(path: "proc/pressure/io", needsOptions: false),
    ]
}

/// Who serves a file.
enum Server: Int, CaseIterable {
    /// The host's kernel, through its own file: the floor.
    case host
    /// umweltd by path: the container's own file, bound into it.
    case path
    /// umweltd by caller: one file for all, answered for the container of the process that reads.
    case caller
    /// lxcfs as Debian's unit starts it, with `-l --enable-cfs --enable-pidfd` for the files that need them.
    case lxcfs
    /// lxcfs with these for meminfo too.
    case lxcfsFull
}
