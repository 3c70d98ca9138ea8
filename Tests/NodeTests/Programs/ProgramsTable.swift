// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

/// A container's limits, and what programs in it can be right or wrong about.
struct ProgramsFacts: Sendable {
    /// Bytes.
    var memory: UInt64
    /// The CPUs in sight, by the kernel's numbers.
    var visible: [Int]
    /// CPUs that sched_getaffinity(2) tells: those of the cpuset, whatever the quota.
    var affinity: Int
    /// Seconds since the container began, when the program ran.
    var uptime: Double
    /// Of the host, from its meminfo.
    var hostMemory: UInt64
    /// The host's load average of the last minute.
    var hostLoad: Double

    var cpus: Int { visible.count }
}

/// One program: what it is asked, where it looks, and what it must say.
struct ProgramsRow: Sendable {
    enum Place: String, Sendable {
        case meminfo, stat, uptime, loadavg, cpuinfo, diskstats, swaps, cgroup, cpuDirectories, online, possible
        case processes
        /// No file can change what these say: known gaps.
        case sysinfo, affinity, sysBlock, vmstat
    }

    var command: String
    /// The program needed, where it is not the command's first word.
    var needs: String?
    var looks: [Place]
    /// It says something of the host's, for want of a file to say otherwise.
    var isGap = false
    /// What is wrong; nil where nothing is.
    var judge: @Sendable (String, ProgramsFacts) -> String?

    var program: String { needs ?? String(command.prefix { $0 != " " }) }
}

/// What is read out of what programs print.
enum ProgramsText {
    /// The words of the first line that begins with, or has, `mark`.
    static func words(_ text: String, _ mark: String) -> [String] {
        for line in text.split(separator: "\n") where line.range(of: mark) != nil {
            return line.split(whereSeparator: { $0 == " " || $0 == "\t" || $0 == "," }).map(String.init)
        }
        return []
    }

    static func equal(_ text: String, _ expected: some CustomStringConvertible) -> String? {
        text.trimmed == "\(expected)" ? nil : "not \(expected)"
    }

    static func near(_ value: Double?, _ expected: Double, _ tolerance: Double) -> String? {
        guard let value else { return "no number" }
        return abs(value - expected) <= tolerance ? nil : "\(value) is not \(expected) +- \(tolerance)"
    }

    /// The first complaint there is.
    static func first(_ complaints: String?...) -> String? { complaints.compactMap(\.self).first }
}

extension StringProtocol {
    var trimmed: String {
        var rest = self[...]
        while let first = rest.first, first.isWhitespace { rest = rest.dropFirst() }
        while let last = rest.last, last.isWhitespace { rest = rest.dropLast() }
        return String(rest)
    }

    func range(of other: String) -> Range<Index>? {
        var start = startIndex
        while start < endIndex {
            if self[start...].hasPrefix(other) { return start..<index(start, offsetBy: other.count) }
            start = index(after: start)
        }
        return nil
    }
}
