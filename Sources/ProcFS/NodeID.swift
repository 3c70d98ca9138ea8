// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

/// The number by which the kernel knows a node: which container's tree (24 bits), and which entry of it (36 bits).
///
/// Computed, never counted, so that a later daemon on the same connection means the same node by the same number. Key 0
/// is the tree whose content depends on the caller. The root is 1, as FUSE_ROOT_ID says.
struct NodeID: Hashable, Sendable {
    static let keyLimit: UInt32 = 1 << 24

    let key: UInt32
    let entry: EntryID

    init(key: UInt32, entry: EntryID) {
        self.key = key
        self.entry = entry
    }

    init(rawValue: UInt64) {
        key = UInt32(truncatingIfNeeded: rawValue >> 36) & (Self.keyLimit - 1)
        entry = EntryID(rawValue: rawValue & 0xF_FFFF_FFFF)
    }

    var rawValue: UInt64 { UInt64(key) << 36 | entry.rawValue }
}

/// A place in a tree: a number below 4096 for what this code names, else the hash of a sysfs path.
struct EntryID: RawRepresentable, Hashable, Sendable {
    let rawValue: UInt64

    init(rawValue: UInt64) { self.rawValue = rawValue }

    // These numbers are part of what survives an upgrade: add, never reuse.
    static let root = EntryID(rawValue: 1)
    static let containers = EntryID(rawValue: 2)
    static let proc = EntryID(rawValue: 3)
    static let pressure = EntryID(rawValue: 4)
    static let sys = EntryID(rawValue: 5)
    static let devices = EntryID(rawValue: 6)
    static let system = EntryID(rawValue: 7)

    init(_ file: ProcFile) { rawValue = 64 + UInt64(file.rawValue) }

    var procFile: ProcFile? {
        guard rawValue >= 64, rawValue < 64 + 256 else { return nil }
        return ProcFile(rawValue: UInt8(rawValue - 64))
    }

    /// FNV-1a of a path below /sys/devices/system, bit 35 set: never one of the small numbers.
    init(sysfsPath: [UInt8]) {
        var hash: UInt64 = 0xCBF2_9CE4_8422_2325
        for byte in sysfsPath { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01B3 }
        rawValue = (hash ^ hash >> 35) & 0x7_FFFF_FFFF | 0x8_0000_0000
    }

    var isSysfs: Bool { rawValue & 0x8_0000_0000 != 0 }

    /// Its place in a listing of sysfs: from 1 on, and within 31 bits with what a listing adds, for glibc's readdir(3) of 32-bit
    /// programs fails with EOVERFLOW beyond.
    var position: UInt64 { (rawValue & 0x3FFF_FFFF) + 1 }
}

/// The files of /proc that are served.
package enum ProcFile: UInt8, CaseIterable, Sendable {
    case meminfo = 0
    case cpuinfo = 1
    case stat = 2
    case uptime = 3
    case loadavg = 4
    case diskstats = 5
    case swaps = 6
    case slabinfo = 7
    case pressureCPU = 8
    case pressureMemory = 9
    case pressureIO = 10

    /// The path below /proc.
    package var path: StaticString {
        switch self {
        case .meminfo: "meminfo"
        case .cpuinfo: "cpuinfo"
        case .stat: "stat"
        case .uptime: "uptime"
        case .loadavg: "loadavg"
        case .diskstats: "diskstats"
        case .swaps: "swaps"
        case .slabinfo: "slabinfo"
        case .pressureCPU: "pressure/cpu"
        case .pressureMemory: "pressure/memory"
        case .pressureIO: "pressure/io"
        }
    }

    var isPressure: Bool { rawValue >= ProcFile.pressureCPU.rawValue }

    /// The last component of the path.
    var name: [UInt8] {
        let path = self.path.description.utf8
        return Array(isPressure ? path.drop { $0 != UInt8(ascii: "/") }.dropFirst() : path[...])
    }

    /// Whether it can have more than 4096 bytes: a line or more for each CPU, interrupt, disk or cache.
    var canBeLarge: Bool {
        switch self {
        case .cpuinfo, .stat, .diskstats, .swaps, .slabinfo: true
        default: false
        }
    }

    /// As the kernel's own: slabinfo is for root alone.
    var permissions: UInt32 { self == .slabinfo ? 0o400 : 0o444 }
}
