// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

/// The controllers that a container's view is made of.
package enum Controller: Int, CaseIterable, Sendable {
    case memory, cpu, cpuacct, cpuset, io, pids, hugetlb

    /// The controller that v1's mount options, /proc/PID/cgroup and cgroup.controllers mean by `name`.
    init?(kernelName name: some Sequence<UInt8>) {
        for controller in Self.allCases {
            if name.elementsEqual(controller.kernelName.utf8) {
                self = controller
                return
            }
        }
        // v1 calls it after the layer, v2 after what it counts.
        guard name.elementsEqual("blkio".utf8) else { return nil }
        self = .io
    }

    var kernelName: String {
        switch self {
        case .memory: "memory"
        case .cpu: "cpu"
        case .cpuacct: "cpuacct"
        case .cpuset: "cpuset"
        case .io: "io"
        case .pids: "pids"
        case .hugetlb: "hugetlb"
        }
    }
}

/// The interface that a hierarchy speaks.
package enum CgroupVersion: Sendable { case v1, v2 }
