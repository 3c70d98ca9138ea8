// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

import Samples

/// What `umwelt run` must know of the host to say which limits can be had, and what the container is made of.
struct HostFacts: Equatable {
    /// How the cgroup hierarchies are mounted at /sys/fs/cgroup.
    enum Layout: Equatable {
        /// One mount for each controller.
        case v1
        /// As v1, and an empty v2 hierarchy beside them.
        case hybrid
        /// Only v2.
        case unified
        case missing
    }

    /// Bytes.
    var memoryTotal: UInt64 = 0
    var swapTotal: UInt64 = 0
    /// The CPUs a new cgroup can have.
    var cpus = CPUSet()
    /// Processes and threads the kernel makes at most; nil where it does not say.
    var processLimit: UInt64?
    var layout = Layout.missing
    /// The kernel's names of the controllers that new cgroups can have.
    var controllers: Set<String> = []
    var accountsForSwap = false
    /// Which of `Views.procFiles` the host's kernel has.
    var procFiles: Set<String> = []
    /// The kernel has /proc/pressure (CONFIG_PSI, not off by default).
    var hasPressure = false
    /// The kernel has /sys/devices/system/node (CONFIG_NUMA).
    var hasNodes = false
    /// A mount can be made read-only with all that is mounted below it (mount_setattr(2), Linux 5.12).
    var canProtectSubmounts = false
    /// The caller's variables, `NAME=value`, in their order.
    var environment: [String] = []
    /// Where the caller is.
    var workingDirectory: String?
    /// Real paths of /etc's files that lie where the container has a directory of its own: /etc/resolv.conf is often a link
    /// into /run.
    var displacedFiles: [String] = []

    /// The value of a variable of the caller.
    func variable(_ name: String) -> String? {
        for entry in environment where entry.hasPrefix(name + "=") { return String(entry.dropFirst(name.count + 1)) }
        return nil
    }
}
