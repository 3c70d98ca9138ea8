// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

package import Samples

/// The one rule for which CPUs a container sees; every file goes by it, so that counts and numbers agree everywhere.
package enum VisibleCPUs {
    /// The first n CPUs of the effective cpuset that are online, n being what the quota allows.
    ///
    /// Numbers stay the kernel's, so that sched_getaffinity(2), taskset(1) and the cpuset files agree with them. Never
    /// empty: a cpuset that shares nothing with `hostOnline` (one of the two is out of date) is ignored.
    package static func of(_ sample: CPUSample, hostOnline: CPUSet) -> CPUSet {
        let online = hostOnline.isEmpty ? CPUSet([0]) : hostOnline
        var candidates = (sample.cpuset ?? online).intersection(online)
        if candidates.isEmpty { candidates = online }
        guard let quota = sample.quotaCPUs, quota < candidates.count else { return candidates }
        return candidates.prefix(max(quota, 1))
    }
}
