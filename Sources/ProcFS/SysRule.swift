// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

/// How a file below /sys/devices/system/{cpu,node} is shown to a container.
enum SysTreatment: UInt8, Sendable {
    /// The host's content: identification, topology, caches, vulnerabilities.
    case verbatim
    /// A cpulist (`0-3,5`) or cpumask (`00000000,0000000f`), of which the visible CPUs are shown.
    case cpuList
    case cpuMask
    /// online, present, possible: the visible CPUs, whatever the host's file says.
    case visibleCPUs
    /// offline: none.
    case noCPUs
    /// A list of memory nodes, of which the visible are shown.
    case nodeList
    case nodeMeminfo
}

/// What is shown of sysfs at all.
///
/// Counters of the host (cpuidle usage, cpufreq's and ACPI's statistics, numastat, vmstat, power) are not.
struct SysRule: Equatable {
    var treatment: SysTreatment
    var cpu: Int?
    var memoryNode: Int?
    /// A policy of cpufreq, which is of several CPUs.
    var isPolicy = false

    /// nil: not shown.
    ///
    /// `path` is below /sys/devices/system.
    init?(path: [UInt8]) {
        let parts = path.split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: true)
        guard let top = parts.first, parts.count >= 2 else { return nil }
        if top.elementsEqual("cpu".utf8) {
            self.init(cpuPath: parts.dropFirst().map(Array.init))
        } else if top.elementsEqual("node".utf8) {
            self.init(nodePath: parts.dropFirst().map(Array.init))
        } else {
            return nil
        }
    }

    private init?(cpuPath parts: [[UInt8]]) {
        guard let first = parts.first, let last = parts.last else { return nil }
        if parts.dropFirst().contains(where: { $0.elementsEqual("stats".utf8) || $0.elementsEqual("acpi_cppc".utf8) }) {
            return nil
        }
        treatment = .verbatim
        cpu = Self.number(first, after: "cpu")
        let name = String(decoding: last, as: UTF8.self)
        if parts.count == 1 {
            switch name {
            case "online", "possible", "present": treatment = .visibleCPUs
            case "offline": treatment = .noCPUs
            case "isolated", "nohz_full", "enabled": treatment = .cpuList
            case "power", "hotplug", "cpuidle", "uevent", "crash_hotplug", "probe", "release": return nil
            default: break
            }
            return
        }
        if cpu != nil, parts.count == 2 {
            switch name {
            case "power", "hotplug", "cpuidle", "uevent", "crash_notes", "crash_notes_size", "thermal_throttle",
                "firmware_node", "driver":
                return nil
            default: break
            }
            if let node = Self.number(last, after: "node") { memoryNode = node }
            return
        }
        isPolicy = parts.count == 2 && first.elementsEqual("cpufreq".utf8) && Self.number(last, after: "policy") != nil
        switch name {
        case "power", "uevent": return nil
        case "affected_cpus", "related_cpus", "freqdomain_cpus": treatment = .cpuList
        case "thread_siblings", "core_siblings", "core_cpus", "die_cpus", "package_cpus", "cluster_cpus",
            "book_siblings", "drawer_siblings", "shared_cpu_map":
            treatment = .cpuMask
        default:
            if name.hasSuffix("_list"), name != "scaling_available_frequencies_list" { treatment = .cpuList }
        }
    }

    private init?(nodePath parts: [[UInt8]]) {
        guard let first = parts.first, let last = parts.last else { return nil }
        treatment = .verbatim
        memoryNode = Self.number(first, after: "node")
        let name = String(decoding: last, as: UTF8.self)
        if parts.count == 1 {
            switch name {
            case "online", "possible", "has_cpu", "has_memory", "has_normal_memory", "has_generic_initiator":
                treatment = .nodeList
            default: if memoryNode == nil { return nil }
            }
            return
        }
        guard memoryNode != nil, parts.count == 2 else { return nil }
        switch name {
        case "cpulist": treatment = .cpuList
        case "cpumap": treatment = .cpuMask
        case "meminfo": treatment = .nodeMeminfo
        case "distance": break
        default:
            guard let number = Self.number(last, after: "cpu") else { return nil }
            cpu = number
        }
    }

    /// `cpu12` after `cpu`: 12.
    private static func number(_ name: [UInt8], after prefix: StaticString) -> Int? {
        let prefix = prefix.description.utf8
        guard name.starts(with: prefix), name.count > prefix.count, name.count <= prefix.count + 5 else { return nil }
        var value = 0
        for byte in name.dropFirst(prefix.count) {
            guard byte >= UInt8(ascii: "0"), byte <= UInt8(ascii: "9") else { return nil }
            value = value * 10 + Int(byte - UInt8(ascii: "0"))
        }
        return value
    }
}
