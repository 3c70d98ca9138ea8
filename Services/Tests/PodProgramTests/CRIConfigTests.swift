// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

import CRI
import Pods
import Testing

@testable import umwelt_pod

struct CRIConfigTests {
    private func resources(_ cgroups: NodeCgroups, memory: Int?) throws -> Runtime_V1_LinuxContainerResources {
        var container = ContainerPlan()
        container.name = "c"
        container.resources.memoryLimit = memory
        var plan = PodPlan()
        plan.containers = [container]
        let config = CRIConfig(
            plan: plan,
            files: PodFiles(root: "/pods", logsRoot: "/logs", namespace: "n", name: "p", uid: "u"),
            dns: .init(servers: [], searches: [], options: []),
            isSystemd: false,
            kubeletRoot: "/var/lib/kubelet",
            nodeMemory: 1 << 30,
            cgroups: cgroups,
            procViews: [],
            marks: [:]
        )
        return try config.container(container, attempt: 0, reference: "r", imageUser: "").linux.resources
    }

    /// As the kubelet has it by default: all of a container's processes end with the one that is out of memory, and no swap.
    @Test func outOfMemoryAndSwap() throws {
        let new = try resources(NodeCgroups(isUnified: true, limitsSwap: true), memory: 1 << 26)
        #expect(new.unified == ["memory.oom.group": "1", "memory.swap.max": "0"])
        #expect(new.memoryLimitInBytes == 1 << 26 && new.memorySwapLimitInBytes == 0)
        let swapless = try resources(NodeCgroups(isUnified: true, limitsSwap: false), memory: nil)
        #expect(swapless.unified == ["memory.oom.group": "1"])
        let old = try resources(NodeCgroups(isUnified: false, limitsSwap: true), memory: 1 << 26)
        #expect(old.unified.isEmpty && old.memorySwapLimitInBytes == 1 << 26)
        let oldest = try resources(NodeCgroups(isUnified: false, limitsSwap: false), memory: 1 << 26)
        #expect(oldest.unified.isEmpty && oldest.memorySwapLimitInBytes == 0)
    }
}
