// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

import LocalFiles
import Pods

/// The cgroup that holds a pod's containers: runtimes make it and no more, the kubelet sets its limits and removes it.
struct PodCgroup: Sendable {
    /// Its path below each hierarchy's root, as `/kubepods/burstable/podUID`.
    var parent: String

    private static let root = "/sys/fs/cgroup"

    /// Its directories: one in cgroup v2, one for each controller in v1.
    private var directories: [String] {
        let names = (try? LocalFile.names(in: Self.root)) ?? []
        let paths = [Self.root + parent] + names.map { Self.root + "/" + $0 + parent }
        return paths.filter { LocalDirectory.kind($0) == .directory }
    }

    /// Sets what the kubelet sets; what could not be set, in words.
    ///
    /// A controller that is not enabled there has no file, and is left out as by the runtime.
    func limit(_ plan: CgroupPlan) -> [String] {
        var values = [("cpu.weight", "\(plan.cpuWeight)"), ("cpu.shares", "\(plan.cpuShares)")]
        if let quota = plan.cpuQuota {
            let period = "\(CgroupPlan.cpuPeriod)"
            values.append(("cpu.max", "\(quota) \(period)"))
            values.append(("cpu.cfs_period_us", period))
            values.append(("cpu.cfs_quota_us", "\(quota)"))
        }
        if let limit = plan.memoryLimit {
            values.append(("memory.max", "\(limit)"))
            values.append(("memory.limit_in_bytes", "\(limit)"))
        }
        var problems: [String] = []
        for directory in directories {
            for (name, value) in values where LocalFile.exists(directory + "/" + name) {
                do throws(FileError) {
                    try LocalFile.overwrite(directory + "/" + name, with: Array(value.utf8))
                } catch { problems.append("\(value) for the pod's cgroup: \(error)") }
            }
        }
        return problems
    }

    /// Removes it, and those above it that are empty.
    func remove(keepTop: Bool) {
        // A label says what it is, which may be anything.
        let leadsUp = parent.utf8.split(separator: UInt8(ascii: "/")).contains { $0.elementsEqual("..".utf8) }
        guard !leadsUp, parent.contains("/pod") || parent.contains("-pod") else { return }
        for path in directories {
            for name in (try? LocalFile.names(in: path)) ?? [] { LocalDirectory.removeIfEmpty(path + "/" + name) }
            LocalDirectory.removeIfEmpty(path)
            guard !keepTop else { continue }
            var above = path
            for _ in parent.split(separator: "/").dropFirst() {
                above = above.split(separator: "/").dropLast().map { "/" + $0 }.joined()
                guard LocalDirectory.removeIfEmpty(above) else { break }
            }
        }
    }
}

/// What the node's cgroups can do, by which the kubelet decides what it asks of a runtime.
struct NodeCgroups: Sendable {
    /// Whether there is but the one hierarchy of version 2.
    var isUnified: Bool
    /// Whether swap can be limited.
    var limitsSwap: Bool

    /// As the kubelet looks (`swapControllerAvailable`, pkg/kubelet/kuberuntime): the root has no limit of its own.
    static var ofNode: NodeCgroups {
        let isUnified = LocalFile.exists("/sys/fs/cgroup/cgroup.controllers")
        guard isUnified else {
            let limit = "/sys/fs/cgroup/memory/memory.memsw.limit_in_bytes"
            return NodeCgroups(isUnified: false, limitsSwap: LocalFile.exists(limit))
        }
        let bytes = (try? LocalFile.contents(of: "/proc/self/cgroup", limit: 1 << 16)) ?? []
        let line = String(decoding: bytes, as: UTF8.self).split(separator: "\n").first { $0.hasPrefix("0::/") }
        let own = "/sys/fs/cgroup" + (line?.dropFirst("0::".count) ?? "")
        return NodeCgroups(isUnified: true, limitsSwap: LocalFile.exists(own + "/memory.swap.max"))
    }
}
