// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

/// What /proc/meminfo of the host says, in the kernel's order.
package struct MemInfo: Equatable, Sendable {
    /// One line: `MemTotal:       24684092 kB`.
    package struct Line: Equatable, Sendable {
        /// The name as the kernel writes it, without the colon.
        package let name: [UInt8]
        /// The number as printed: in kB where `isKB`, else a count (HugePages_Total).
        package var value: UInt64
        package var isKB: Bool
        /// `name`, packed.
        package let key: Key

        package init(name: [UInt8], value: UInt64, isKB: Bool) {
            self.name = name
            key = Key(name)
            self.value = value
            self.isKB = isKB
        }
    }

    /// The lines that bound a container's figures, found once when the file is read; nil: there is no such line.
    package struct Bounds: Equatable, Sendable {
        package internal(set) var memTotal: UInt64?
        package internal(set) var memFree: UInt64?
        package internal(set) var memAvailable: UInt64?
        package internal(set) var swapTotal: UInt64?
        package internal(set) var swapFree: UInt64?
        package internal(set) var vmallocTotal: UInt64?
        package internal(set) var hugePagesTotal: UInt64?
        package internal(set) var hugePagesFree: UInt64?
        package internal(set) var hugePageSize: UInt64?
        package internal(set) var hugetlb: UInt64?
    }

    package internal(set) var lines: [Line] = []
    package internal(set) var bounds = Bounds()

    package init() {}

    /// Whether the host had a pool of huge pages when the file was read: else no container's share of it need be looked
    /// at.
    package var hasHugePages: Bool { bounds.hugePagesTotal ?? 0 > 0 || bounds.hugetlb ?? 0 > 0 }
    /// Whether the host had swap then: else no container's use of it need be looked at.
    package var hasSwap: Bool { bounds.swapTotal ?? 0 > 0 }
}

/// What /proc/stat of the host says; times in USER_HZ ticks as the kernel prints them.
package struct HostStat: Equatable, Sendable {
    /// The ten columns of a `cpuN` line: user nice system idle iowait irq softirq steal guest guest_nice.
    package var perCPU: [Int: [UInt64]] = [:]
    /// Seconds since the epoch.
    package var bootTime: UInt64 = 0

    package init() {}
}

/// One block of /proc/cpuinfo.
package struct CPUInfoBlock: Equatable, Sendable {
    package var processor: Int
    /// The block's lines, each with its newline, without the empty line that ends it.
    package var text: [UInt8]

    package init(processor: Int, text: [UInt8]) {
        self.processor = processor
        self.text = text
    }
}

/// /proc/cpuinfo of the host, cut at its processors.
package struct CPUInfo: Equatable, Sendable {
    /// What stands before the first processor (s390x), and after the last (ppc64, arm).
    package var header: [UInt8] = []
    /// s390x: the lines `processor N: ...` between the header and the first block.
    package var summary: [CPUInfoBlock] = []
    package var blocks: [CPUInfoBlock] = []
    package var trailer: [UInt8] = []
    /// Whether the file is laid out as s390x does it: blocks begin with `cpu number`, after an empty line.
    package var isS390 = false

    package init() {}
}

/// The name of a block device, from /proc/diskstats.
package struct DiskName: Equatable, Sendable {
    package var major: UInt32
    package var minor: UInt32
    package var name: [UInt8]

    package init(major: UInt32, minor: UInt32, name: [UInt8]) {
        self.major = major
        self.minor = minor
        self.name = name
    }
}
