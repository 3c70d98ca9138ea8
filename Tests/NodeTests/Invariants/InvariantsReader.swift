// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

import Glibc
import Kernel

/// Reads a container's files on the host, by its path in the mount.
struct InvariantsReader {
    let files: Path
    /// What each CPU's line said last.
    private var told: [Int: [String: UInt64]] = [:]

    init(_ guest: PeerGuest) { files = guest.files }

    /// stat after uptime: nothing that is read after it brings the CPU times up to date, so what a CPU's line says is what is
    /// kept of it where it goes out of sight before the next sample.
    mutating func sample() throws -> InvariantsSample {
        let begin = Clock.monotonic
        let uptime = try fields("proc/uptime")
        let stat = try fields("proc/stat")
        let seconds = Double(Clock.monotonic - begin) / 1e9
        for cpu in stat.cpus {
            for column in PeerFields.cpuColumns {
                told[cpu, default: [:]][column] = stat.integer("cpu\(cpu).\(column)")
            }
        }
        let gone = told.filter { !stat.cpus.contains($0.key) }.values
        var now = timespec()
        clock_gettime(CLOCK_REALTIME, &now)
        return InvariantsSample(
            meminfo: try fields("proc/meminfo"),
            stat: stat,
            uptime: uptime,
            cpuinfo: try fields("proc/cpuinfo"),
            diskstats: try fields("proc/diskstats"),
            swaps: try fields("proc/swaps"),
            loadavg: try fields("proc/loadavg"),
            online: try list("online"),
            present: try list("present"),
            possible: try list("possible"),
            directories: try directories(),
            now: Double(now.tv_sec) + Double(now.tv_nsec) / 1e9,
            secondsFromUptimeToStat: seconds,
            gone: gone.reduce(into: [:]) { $0.merge($1, uniquingKeysWith: +) }
        )
    }

    private func text(_ file: String) throws -> String {
        String(decoding: try Fd.contents(of: files.appending(Path(file)), limit: 1 << 20), as: UTF8.self)
    }

    private func fields(_ file: String) throws -> PeerFields { PeerFields(file, try text(file)) }

    private func list(_ name: String) throws -> [Int] {
        var result: [Int] = []
        for part in try text("sys/devices/system/cpu/\(name)").trimmed.split(separator: ",") {
            let ends = part.split(separator: "-").compactMap { Int($0) }
            if let first = ends.first, let last = ends.last, first <= last { result += first...last }
        }
        return result
    }

    private func directories() throws -> [Int] {
        let directory = try Fd.open(files.appending("sys/devices/system/cpu"), [.readOnly, .directory])
        return try directory.entries(limit: 10_000).compactMap { entry in
            let name = String(decoding: entry.name, as: UTF8.self)
            return name.hasPrefix("cpu") ? Int(name.dropFirst(3)) : nil
        }.sorted()
    }
}
