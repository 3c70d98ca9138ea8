// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

/// A file of a cgroup, by what it tells; each version has its own name for it.
enum CgroupFile: Equatable, Sendable {
    case memoryLimit, memoryUsage, memoryStat
    /// v1: memory and swap together (memsw). v2: swap alone.
    case swapLimit, swapUsage
    case swappiness
    case cpuQuota, cpuPeriod, cpuStat, cpuUsageAll, cpuUsagePercpu
    /// Kernels before 4.7.
    case cpuacctStat
    case cpusetCPUs, cpusetNodes
    case ioStat, ioOperations, ioBytesBFQ, ioOperationsBFQ
    case pidsLimit, pidsUsage
    case pressure(PressureResource)
    /// Page size in bytes.
    case hugetlbLimit(UInt64), hugetlbUsage(UInt64)

    /// The most that is read of it, in bytes.
    var sizeLimit: Int {
        switch self {
        case .memoryStat: 64 << 10
        // One field for each of at most 8192 CPUs, or some hundred devices.
        case .cpuUsageAll, .cpuUsagePercpu, .ioStat, .ioOperations, .ioBytesBFQ, .ioOperationsBFQ: 1 << 20
        case .cpusetCPUs, .cpusetNodes: 64 << 10
        default: 4096
        }
    }

    /// The file's name; nil where the version has no such file.
    func name(_ version: CgroupVersion) -> String? {
        version == .v1 ? nameV1 : nameV2
    }

    private var nameV1: String? {
        switch self {
        case .memoryLimit: "memory.limit_in_bytes"
        case .memoryUsage: "memory.usage_in_bytes"
        case .memoryStat: "memory.stat"
        case .swapLimit: "memory.memsw.limit_in_bytes"
        case .swapUsage: "memory.memsw.usage_in_bytes"
        case .swappiness: "memory.swappiness"
        case .cpuQuota: "cpu.cfs_quota_us"
        case .cpuPeriod: "cpu.cfs_period_us"
        case .cpuStat: "cpu.stat"
        case .cpuUsageAll: "cpuacct.usage_all"
        case .cpuUsagePercpu: "cpuacct.usage_percpu"
        case .cpuacctStat: "cpuacct.stat"
        case .cpusetCPUs: "cpuset.effective_cpus"
        case .cpusetNodes: "cpuset.effective_mems"
        case .ioStat: "blkio.throttle.io_service_bytes_recursive"
        case .ioOperations: "blkio.throttle.io_serviced_recursive"
        case .ioBytesBFQ: "blkio.bfq.io_service_bytes_recursive"
        case .ioOperationsBFQ: "blkio.bfq.io_serviced_recursive"
        case .pidsLimit: "pids.max"
        case .pidsUsage: "pids.current"
        case .pressure: nil
        case .hugetlbLimit(let size): "hugetlb.\(Self.pageSizeName(size)).limit_in_bytes"
        case .hugetlbUsage(let size): "hugetlb.\(Self.pageSizeName(size)).usage_in_bytes"
        }
    }

    private var nameV2: String? {
        switch self {
        case .memoryLimit: "memory.max"
        case .memoryUsage: "memory.current"
        case .memoryStat: "memory.stat"
        case .swapLimit: "memory.swap.max"
        case .swapUsage: "memory.swap.current"
        case .cpuQuota: "cpu.max"
        case .cpuStat: "cpu.stat"
        case .cpusetCPUs: "cpuset.cpus.effective"
        case .cpusetNodes: "cpuset.mems.effective"
        case .ioStat: "io.stat"
        case .pidsLimit: "pids.max"
        case .pidsUsage: "pids.current"
        case .pressure(let resource): "\(resource.rawValue).pressure"
        case .hugetlbLimit(let size): "hugetlb.\(Self.pageSizeName(size)).max"
        case .hugetlbUsage(let size): "hugetlb.\(Self.pageSizeName(size)).current"
        case .swappiness, .cpuPeriod, .cpuUsageAll, .cpuUsagePercpu, .cpuacctStat, .ioOperations, .ioBytesBFQ,
            .ioOperationsBFQ:
            nil
        }
    }

    /// mm/hugetlb_cgroup.c, mem_fmt.
    private static func pageSizeName(_ size: UInt64) -> String {
        if size >= 1 << 30 { return "\(size >> 30)GB" }
        if size >= 1 << 20 { return "\(size >> 20)MB" }
        return "\(size >> 10)KB"
    }
}

/// What PSI accounts for.
package enum PressureResource: String, CaseIterable, Sendable { case cpu, memory, io, irq }
