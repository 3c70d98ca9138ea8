// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

/// A container of a pod.
package struct ContainerPlan: Sendable {
    package enum PullPolicy: String, Sendable {
        case always = "Always"
        case ifNotPresent = "IfNotPresent"
        case never = "Never"
    }

    package var name = ""
    package var image = ""
    package var pullPolicy = PullPolicy.ifNotPresent
    /// In place of the image's entry point.
    package var command: [String] = []
    package var arguments: [String] = []
    package var workingDirectory = ""
    package var environment: [(name: String, value: String)] = []
    package var mounts: [MountPlan] = []
    package var ports: [PortPlan] = []
    package var resources = ResourcePlan()
    package var security = SecurityPlan()
    package var hasStandardInput = false
    /// Whether that is closed when the first who was attached to it goes.
    package var closesStandardInput = false
    package var hasTerminal = false
    package var terminationMessagePath = "/dev/termination-log"
    /// An init container that goes on beside the others (`restartPolicy: Always`).
    package var isSidecar = false

    package init() {}

    /// Whether this can be an image's name, of which the engine knows more: it becomes a part of requests' paths.
    package static func isImage(_ name: String) -> Bool {
        let parts = name.utf8.split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false)
        return parts.allSatisfy { part in
            !part.isEmpty && !part.allSatisfy { $0 == UInt8(ascii: ".") }
                && part.allSatisfy { byte in
                    switch byte {
                    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                        UInt8(ascii: "0")...UInt8(ascii: "9"):
                        true
                    default: "._-:@[]+".utf8.contains(byte)
                    }
                }
        }
    }
}

/// Where a container sees a volume.
package struct MountPlan: Equatable, Sendable {
    package var volume: String
    package var path: String
    package var subPath: String
    package var isReadOnly: Bool
    /// `None`, `HostToContainer` or `Bidirectional`.
    package var propagation: String

    package init(
        volume: String,
        path: String,
        subPath: String = "",
        isReadOnly: Bool = false,
        propagation: String = "None"
    ) {
        self.volume = volume
        self.path = path
        self.subPath = subPath
        self.isReadOnly = isReadOnly
        self.propagation = propagation
    }
}

/// A port of a container.
package struct PortPlan: Equatable, Sendable {
    package var container: Int
    /// 0: none.
    package var host: Int
    package var address: String
    /// TCP, UDP or SCTP.
    package var transport: String

    package init(container: Int, host: Int = 0, address: String = "", transport: String = "TCP") {
        self.container = container
        self.host = host
        self.address = address
        self.transport = transport
    }
}

/// What a container may use, and is sure to get; nil where nothing is said.
package struct ResourcePlan: Equatable, Sendable {
    package var cpuRequestMilli: Int?
    package var cpuLimitMilli: Int?
    package var memoryRequest: Int?
    package var memoryLimit: Int?

    package init() {}

    /// Whether nothing is said, or nothing but zeros (`GetPodQOS`).
    package var isEmpty: Bool {
        [cpuRequestMilli, cpuLimitMilli, memoryRequest, memoryLimit].allSatisfy { $0 ?? 0 <= 0 }
    }

    package var isGuaranteed: Bool {
        guard let cpu = cpuLimitMilli, let memory = memoryLimit, cpu > 0, memory > 0 else { return false }
        return (cpuRequestMilli ?? cpu) == cpu && (memoryRequest ?? memory) == memory
    }

    /// The weight of cgroup v1, as `MilliCPUToShares` has it: 2 at least.
    package var cpuShares: Int {
        CgroupPlan.shares(cpuRequestMilli ?? cpuLimitMilli ?? 0)
    }

    /// Microseconds in 100,000, as `MilliCPUToQuota` has it: 1,000 at least; 0 where there is no limit.
    package var cpuQuota: Int { CgroupPlan.quota(cpuLimitMilli ?? 0) }

    /// How soon the kernel ends it (pkg/kubelet/qos/policy.go).
    package func oomScore(quality: String, nodeMemory: Int) -> Int {
        switch quality {
        case "Guaranteed": return -997
        case "BestEffort": return 1000
        default:
            let request = memoryRequest ?? memoryLimit ?? 0
            let score = 1000 - Int(1000 * min(Double(request) / Double(max(nodeMemory, 1)), 1))
            return score >= 1000 ? 999 : max(score, 3)
        }
    }
}
