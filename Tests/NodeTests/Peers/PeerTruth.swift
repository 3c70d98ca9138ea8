// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

import Glibc
import Kernel

/// What a container's cgroup and the host's clock say, read beside our files and without our code: taken before and after a
/// reading, the bounds of what it may have said.
///
/// All of it only grows, so the bounds need no tolerance but for what docs/FILES.md leaves open.
struct PeerTruth {
    /// In ticks of 10 ms: CPU time, time withheld by the container's own quota, and time since its first process started.
    var user: Double
    var system: Double
    var throttled: Double
    var age: Double
    /// By the names of `PeerFields`: `loop0.reads`.
    var disks: [String: UInt64]

    init(_ guest: PeerGuest) throws {
        let cgroup = guest.cgroup
        (user, system) = cgroup.usedTicks
        throttled =
            PeerCgroup.isV2
            ? Double(cgroup.number("cpu", "cpu.stat", "throttled_usec") ?? 0) / 10_000
            : Double(cgroup.number("cpu", "cpu.stat", "throttled_time") ?? 0) / 10_000_000
        // The name may have blanks; the 20th word after it is field 22, its start.
        let stat = String(decoding: try Fd.contents(of: Path("/proc/\(guest.pid)/stat"), limit: 4096), as: UTF8.self)
        guard let end = stat.lastIndex(of: ")"),
            let start = stat[end...].split(separator: " ").dropFirst(20).first.flatMap({ Double($0) })
        else { throw PeerFailure("no start of \(guest.pid): \(stat)") }
        age = Double(Clock.boot) / 10_000_000 - start
        disks = try Self.disks(cgroup)
    }

    /// What each field of our file may say that was read between the two.
    static func bounds(
        _ file: String,
        _ before: PeerTruth,
        _ after: PeerTruth,
        cpus: [Int]
    ) -> [String: ClosedRange<Double>] {
        switch file {
        case "proc/stat": stat(before, after, cpus: cpus)
        case "proc/diskstats": disks(before, after)
        default: [:]
        }
    }

    /// What is wrong with the sums of /proc/stat: every CPU in sight has passed the container's age.
    static func complaints(_ stat: PeerFields, _ before: PeerTruth, _ after: PeerTruth) -> [String] {
        stat.cpus.compactMap { cpu in
            let sum = PeerFields.cpuColumns.reduce(0) { $0 + (stat.number("cpu\(cpu).\($1)") ?? 0) }
            // Five columns are rounded down.
            return (before.age - 5...after.age).contains(sum)
                ? nil : "cpu\(cpu) tells \(sum) ticks, of an age of \(before.age) to \(after.age)"
        }
    }

    // MARK: CPU times

    private static func stat(_ before: PeerTruth, _ after: PeerTruth, cpus: [Int]) -> [String: ClosedRange<Double>] {
        let count = Double(cpus.count)
        let used = before.user + before.system...after.user + after.system
        // A CPU cannot have been busy for longer than passed: what it takes to make a container, all CPUs may have done at once.
        // What was used or withheld before its first process began, by the runtime, and is more than all CPUs had time for since,
        // is not the container's.
        let most = before.age * Double(sysconf(Int32(_SC_NPROCESSORS_ONLN)))
        let part =
            used.upperBound > most
            ? 0 : used.lowerBound > count * before.age ? count * before.age / used.lowerBound : 1
        // At most the time not busy: what is withheld on two CPUs at once is told once. What the kernel counts only when the
        // period is over may find little room then: 100 ms on each.
        let room = count * before.age - used.upperBound
        let least = after.throttled > most ? 0 : min(before.throttled / 2, room)
        let steal = max(least - 20 - count, 0)...after.throttled
        // What was done at once on CPUs out of sight is told when there is room: 50 ms. Columns are rounded down.
        let idle =
            max(
                count * (before.age - 1) - used.upperBound - steal.upperBound,
                0
            )...max(
                count * after.age - max(used.lowerBound * part - 5, 0) - steal.lowerBound + 2 * count,
                0
            )
        var bounds: [String: ClosedRange<Double>] = [:]
        for name in ["cpu"] + cpus.map({ "cpu\($0)" }) {
            let isSum = name == "cpu" || cpus.count == 1
            for column in PeerFields.cpuColumns { bounds["\(name).\(column)"] = 0...0 }
            // Parted by the tick on v1.
            bounds["\(name).user"] = (isSum ? max(before.user * part * 0.95 - 10, 0) : 0)...after.user * 1.05 + 10
            bounds["\(name).system"] = (isSum ? max(before.system * part * 0.95 - 10, 0) : 0)...after.system * 1.05 + 10
            // Of the user time, what v2 calls nice from 6.14 on.
            if PeerCgroup.isV2 { bounds["\(name).nice"] = 0...after.user }
            bounds["\(name).steal"] = isSum ? steal : 0...steal.upperBound
            bounds["\(name).idle"] =
                isSum ? idle : max(before.age - used.upperBound - steal.upperBound - 1, 0)...after.age
        }
        return bounds
    }

    // MARK: Disks

    private static let columns = [
        "Read": ("reads", "sectorsRead"), "Write": ("writes", "sectorsWritten"),
        "Discard": ("discards", "sectorsDiscarded"),
    ]

    private static func disks(_ before: PeerTruth, _ after: PeerTruth) -> [String: ClosedRange<Double>] {
        var bounds: [String: ClosedRange<Double>] = [:]
        for field in after.disks.keys {
            guard let device = field.split(separator: ".").first else { continue }
            // Columns that no cgroup counts.
            for column in PeerFields.diskColumns where bounds["\(device).\(column)"] == nil {
                bounds["\(device).\(column)"] = 0...0
            }
        }
        for (field, value) in after.disks {
            bounds[field] = Double(min(before.disks[field] ?? 0, value))...Double(value)
        }
        return bounds
    }

    /// What the I/O controller counts, by the names that the host has for the devices.
    private static func disks(_ cgroup: PeerCgroup) throws -> [String: UInt64] {
        var names: [String: Substring] = [:]
        let host = try PeerNeeds.hostText("proc/diskstats")
        for line in host.split(separator: "\n") {
            let words = line.split(separator: " ")
            if words.count > 2 { names["\(words[0]):\(words[1])"] = words[2] }
        }
        var disks: [String: UInt64] = [:]
        func take(_ device: Substring, _ column: String?, _ value: Substring?, over divisor: UInt64) {
            guard let name = names[String(device)], let column, let value = value.flatMap({ UInt64($0) }) else {
                return
            }
            disks["\(name).\(column)"] = value / divisor
        }
        guard PeerCgroup.isV2 else {
            let files = [("io_serviced_recursive", UInt64(1)), ("io_service_bytes_recursive", 512)]
            for (file, divisor) in files {
                for line in (cgroup.read("blkio", "blkio.throttle.\(file)") ?? "").split(separator: "\n") {
                    let words = line.split(separator: " ")
                    guard words.count == 3, let pair = columns[String(words[1])] else { continue }
                    take(words[0], divisor == 1 ? pair.0 : pair.1, words[2], over: divisor)
                }
            }
            return disks
        }
        let keys = [
            "rios": "reads", "wios": "writes", "dios": "discards", "rbytes": "sectorsRead", "wbytes": "sectorsWritten",
            "dbytes": "sectorsDiscarded",
        ]
        for line in (cgroup.read("io", "io.stat") ?? "").split(separator: "\n") {
            let words = line.split(separator: " ")
            for word in words.dropFirst() {
                let parts = word.split(separator: "=")
                guard parts.count == 2, let device = words.first else { continue }
                take(device, keys[String(parts[0])], parts[1], over: parts[0].hasSuffix("bytes") ? 512 : 1)
            }
        }
        return disks
    }
}
