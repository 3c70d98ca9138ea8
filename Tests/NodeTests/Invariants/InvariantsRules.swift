// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

/// The files of one container, read one right after the other.
struct InvariantsSample {
    var meminfo: PeerFields
    var stat: PeerFields
    var uptime: PeerFields
    var cpuinfo: PeerFields
    var diskstats: PeerFields
    var swaps: PeerFields
    var loadavg: PeerFields
    /// cpulists, as numbers.
    var online: [Int]
    var present: [Int]
    var possible: [Int]
    /// Numbers of the cpuN directories.
    var directories: [Int]
    /// Seconds since the epoch, when stat was read.
    var now: Double
    /// At most so long after uptime stat was read.
    var secondsFromUptimeToStat: Double
    /// By column, what was told of CPUs that are out of sight now: docs/FILES.md says that the `cpu` line keeps it.
    var gone: [String: UInt64]
}

/// What holds in every sample, and between any two.
enum InvariantsRules {
    /// What is wrong with one sample.
    static func complaints(_ sample: InvariantsSample) -> [String] {
        memory(sample) + cpus(sample) + times(sample) + sizes(sample)
    }

    /// What went back between two samples, the older first.
    static func complaints(_ old: InvariantsSample, _ new: InvariantsSample) -> [String] {
        var result: [String] = []
        for name in old.stat.names where name.hasPrefix("cpu") || name == "processes" {
            if let before = old.stat.integer(name), let after = new.stat.integer(name), after < before {
                result.append("stat \(name) goes back from \(before) to \(after)")
            }
        }
        for name in ["up", "idle"] where (new.uptime.number(name) ?? 0) < (old.uptime.number(name) ?? 0) {
            result.append("uptime \(name) goes back from \(old.uptime[name] ?? "") to \(new.uptime[name] ?? "none")")
        }
        // Each CPU that stays in sight passes the time.
        let time = (new.uptime.number("up") ?? 0) - (old.uptime.number("up") ?? 0)
        for cpu in old.stat.cpus where new.stat.cpus.contains(cpu) {
            let told = passed(cpu, new) - passed(cpu, old)
            // Five columns are rounded down, and uptime.
            let range = time - old.secondsFromUptimeToStat - 0.07...time + new.secondsFromUptimeToStat + 0.07
            if !range.contains(told) { result.append("cpu\(cpu) tells \(told) s in \(range)") }
        }
        for name in old.diskstats.names {
            guard let before = old.diskstats.integer(name) else { continue }
            if (new.diskstats.integer(name) ?? 0) < before {
                result.append("diskstats \(name) goes back from \(before) to \(new.diskstats[name] ?? "none")")
            }
        }
        return result
    }

    private static func memory(_ sample: InvariantsSample) -> [String] {
        func kB(_ name: String) -> UInt64 { sample.meminfo.integer(name) ?? 0 }
        let parts = [
            "Buffers", "Cached", "SwapCached", "SReclaimable", "SUnreclaim", "AnonPages", "KernelStack", "PageTables",
        ]
        let lists = ["Active(anon)", "Inactive(anon)", "Active(file)", "Inactive(file)", "Unevictable"]
        let total = kB("MemTotal")
        var result: [String] = []
        func require(_ holds: Bool, _ what: String) { if !holds { result.append(what) } }
        require(total > 0, "MemTotal is 0")
        require(kB("MemFree") <= kB("MemAvailable"), "MemFree \(kB("MemFree")) > MemAvailable \(kB("MemAvailable"))")
        require(kB("MemAvailable") <= total, "MemAvailable \(kB("MemAvailable")) > MemTotal \(total)")
        require(parts.reduce(kB("MemFree")) { $0 + kB($1) } <= total, "the parts and MemFree exceed MemTotal")
        require(lists.reduce(kB("MemFree")) { $0 + kB($1) } <= total, "the lists and MemFree exceed MemTotal")
        require(kB("SwapFree") <= kB("SwapTotal"), "SwapFree \(kB("SwapFree")) > SwapTotal \(kB("SwapTotal"))")
        require(kB("Shmem") <= kB("Cached"), "Shmem > Cached")
        require(kB("AnonHugePages") <= kB("AnonPages"), "AnonHugePages > AnonPages")
        require(kB("Slab") == kB("SReclaimable") + kB("SUnreclaim"), "Slab is not its parts")
        if let size = sample.swaps.integer("size"), let used = sample.swaps.integer("used") {
            require(used <= size, "swaps: \(used) used of \(size)")
        }
        return result
    }

    private static func cpus(_ sample: InvariantsSample) -> [String] {
        let all = [
            ("cpuinfo", sample.cpuinfo.cpus), ("stat", sample.stat.cpus), ("present", sample.present),
            ("possible", sample.possible), ("cpuN", sample.directories),
        ]
        return all.filter { $0.1 != sample.online }.map { "\($0.0) has CPUs \($0.1), online \(sample.online)" }
            + (sample.online.isEmpty ? ["no CPU is online"] : [])
    }

    private static func times(_ sample: InvariantsSample) -> [String] {
        var result: [String] = []
        for column in PeerFields.cpuColumns {
            let sum = sample.stat.cpus.reduce(UInt64(0)) { $0 + (sample.stat.integer("cpu\($1).\(column)") ?? 0) }
            let total = sample.stat.integer("cpu.\(column)") ?? 0
            let gone = sample.gone[column] ?? 0
            if sum + gone != total {
                result.append("stat \(column): cpu is \(total), the cpuN make \(sum), those out of sight \(gone)")
            }
        }
        let up = sample.uptime.number("up") ?? 0
        let idle = sample.uptime.number("idle") ?? 0
        let goneIdle = Double(sample.gone["idle"] ?? 0) / 100
        if idle > up * Double(sample.online.count) + goneIdle + 0.05 {
            result.append("idle \(idle) > uptime \(up) x \(sample.online.count) CPUs, and \(goneIdle)")
        }
        for cpu in sample.stat.cpus where passed(cpu, sample) > up + sample.secondsFromUptimeToStat + 0.01 {
            result.append("cpu\(cpu) tells \(passed(cpu, sample)) s of \(up)")
        }
        let btime = sample.stat.number("btime") ?? 0
        if abs(btime + up - sample.now) > 1.5 { result.append("btime \(btime) + uptime \(up) is not \(sample.now)") }
        return result
    }

    /// All that the line of a CPU tells, in seconds.
    private static func passed(_ cpu: Int, _ sample: InvariantsSample) -> Double {
        PeerFields.cpuColumns.reduce(0) { $0 + (sample.stat.number("cpu\(cpu).\($1)") ?? 0) } / 100
    }

    /// Nothing looks as if it had wrapped.
    private static func sizes(_ sample: InvariantsSample) -> [String] {
        let files = [
            ("meminfo", sample.meminfo), ("stat", sample.stat), ("uptime", sample.uptime),
            ("diskstats", sample.diskstats), ("swaps", sample.swaps), ("loadavg", sample.loadavg),
        ]
        var result: [String] = []
        for (file, fields) in files {
            for name in fields.names {
                guard let value = fields.number(name) else { continue }
                if value < 0 || value > 1e15 { result.append("\(file) \(name) is \(value)") }
            }
        }
        return result
    }
}
