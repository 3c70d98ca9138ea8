// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

/// The files that show the container's own machine, as below the daemon's directory for it.
package enum Views {
    /// Below `proc/`.
    ///
    /// The runtimes let these be mounted over.
    package static let procFiles = [
        "meminfo", "cpuinfo", "stat", "uptime", "loadavg", "diskstats", "swaps", "slabinfo",
    ]
    /// Below `proc/pressure/`, over which runc mounts nothing: the hook does.
    package static let pressureFiles = ["cpu", "memory", "io"]
    package static let cpuDirectory = "sys/devices/system/cpu"
    package static let nodeDirectory = "sys/devices/system/node"
}
