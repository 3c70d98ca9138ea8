// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

import LocalFiles

/// Umwelt's files, where umweltd serves them: what a container sees in place of the host's.
enum ProcViews {
    static let defaultMount = "/var/lib/umwelt"
    /// runc lets nobody mount over others.
    private static let files = [
        "/proc/cpuinfo", "/proc/diskstats", "/proc/meminfo", "/proc/stat", "/proc/swaps", "/proc/uptime",
        "/proc/loadavg",
        "/proc/slabinfo", "/sys/devices/system/cpu",
    ]

    /// The container's path and the node's, for each; empty where no daemon serves them.
    static func mounts(_ mount: String) -> [(container: String, node: String)] {
        // An engine makes directories where a file is missing that it is to bind.
        guard LocalDirectory.kind(mount + "/proc/meminfo") == .file else { return [] }
        return files.filter { LocalFile.exists(mount + $0) }.map { ($0, mount + $0) }
    }
}
