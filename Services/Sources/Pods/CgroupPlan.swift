// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

/// What the kubelet sets on the cgroup that holds a pod's containers (`ResourceConfigForPod`, pkg/kubelet/cm).
package struct CgroupPlan: Equatable, Sendable {
    package static let cpuPeriod = 100_000

    /// The weight of cgroup v1.
    package var cpuShares = 2
    /// Microseconds in `cpuPeriod`; nil: without a limit.
    package var cpuQuota: Int?
    /// Bytes; nil: without a limit.
    package var memoryLimit: Int?

    package init(cpuShares: Int = 2, cpuQuota: Int? = nil, memoryLimit: Int? = nil) {
        self.cpuShares = cpuShares
        self.cpuQuota = cpuQuota
        self.memoryLimit = memoryLimit
    }

    /// The weight of cgroup v2 (`cpuSharesToCPUWeight`).
    package var cpuWeight: Int { 1 + (cpuShares - 2) * 9999 / 262_142 }

    /// More processors than there are anywhere, so that nothing overflows.
    private static let milliLimit = 1 << 40

    /// `MilliCPUToShares`: 2 at least, 262,144 at most.
    static func shares(_ milli: Int) -> Int { min(max(min(milli, milliLimit) * 1024 / 1000, 2), 262_144) }

    /// `MilliCPUToQuota`: 1,000 at least; 0 where there is no limit.
    static func quota(_ milli: Int) -> Int { milli <= 0 ? 0 : max(min(milli, milliLimit) * 100, 1000) }
}

extension PodPlan {
    /// The pod's own cgroup: its weight, and limits where every container has one.
    package var cgroup: CgroupPlan {
        guard qosClass != "BestEffort" else { return CgroupPlan() }
        var plan = CgroupPlan(cpuShares: CgroupPlan.shares(total { $0.cpuRequestMilli ?? $0.cpuLimitMilli ?? 0 }))
        let all = allContainers.map(\.resources)
        if all.allSatisfy({ $0.cpuLimitMilli ?? 0 > 0 }) {
            plan.cpuQuota = CgroupPlan.quota(total { $0.cpuLimitMilli ?? 0 })
        }
        if all.allSatisfy({ $0.memoryLimit ?? 0 > 0 }) { plan.memoryLimit = total { $0.memoryLimit ?? 0 } }
        return plan
    }

    /// What a sandbox is told of its pod (`calculateSandboxResources`, pkg/kubelet/kuberuntime): whatever limits there are.
    package var sum: CgroupPlan {
        let (quota, memory) = (CgroupPlan.quota(total { $0.cpuLimitMilli ?? 0 }), total { $0.memoryLimit ?? 0 })
        return CgroupPlan(
            cpuShares: CgroupPlan.shares(total { $0.cpuRequestMilli ?? $0.cpuLimitMilli ?? 0 }),
            cpuQuota: quota > 0 ? quota : nil,
            memoryLimit: memory > 0 ? memory : nil
        )
    }

    /// What the pod needs at most at any time: its containers together, or one init container beside the sidecars before it.
    private func total(_ amount: (ResourcePlan) -> Int) -> Int {
        func sum(_ one: Int, _ other: Int) -> Int {
            let (sum, isOver) = one.addingReportingOverflow(other)
            return isOver ? .max : sum
        }
        var sidecars = 0
        var most = 0
        for container in initContainers {
            let beside = sum(sidecars, amount(container.resources))
            if container.isSidecar { sidecars = beside }
            most = max(most, beside)
        }
        return max(most, containers.reduce(sidecars) { sum($0, amount($1.resources)) })
    }
}
