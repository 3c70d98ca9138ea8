// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

import Glibc

/// The run in words: Markdown, for people and for the repository.
struct Report {
    let machine: Machine
    let isQuick: Bool
    let results: [(Case, Result)]
    let memory: [MemoryUse]
    let throttled: UInt64

    var text: String {
        """
        # Benchmark of \(machine.date)

        \(machine.description)\(isQuick ? "; a quick run, whose figures are rough" : "")

        Ours and Debian's lxcfs \(machine.lxcfs) took turns in one run: short bursts, medians over them, ratios of neighbouring
        bursts. Everything is read inside one container (256 MiB, \(machine.cpus) CPUs and a quota of as many; it was held up
        by the quota \(throttled) times). "By path" is the container's own file, bound into it; "by caller" the one file for
        all. lxcfs runs as Debian's unit starts it, with `-l --enable-cfs --enable-pidfd` for the files marked *, which it
        otherwise does not answer for the container; "with options" is meminfo from that one. The host's own file is the
        floor. "Unpinned": nobody pins anything. "Same core": daemon and readers confined to CPU 0. "Reader pinned": only the
        readers. Readers are processes. open-read-close reads into 64 KiB without a pause; stdio is open, fstat, reads of
        4 KiB to the end, close, without a pause; "one each N ms" is open-read-close with a pause. Higher ratios are
        better for ours.

        ## Latency: us, p50 / p90 / p99

        \(latencyTable)

        ## Throughput, and CPU time of daemon and reader together

        \(throughputTable)

        ## Resident memory of a fresh daemon: kB (of it anonymous)

        umweltd is two processes, keeper and worker; the sum counts pages of the program that both have mapped twice.

        \(memoryTable)

        A short-lived container reads every file once, by caller and, of ours, by path too; of lxcfs with options all but
        loadavg, in which that lxcfs locks itself up when containers come and go.

        ## Goals

        \(goals.map { "- \($0)" }.joined(separator: "\n"))

        """
    }

    private func head(_ wanted: Case) -> String {
        "\(wanted.file.name)\(wanted.file.needsOptions ? "*" : "") | \(wanted.pattern.name) | \(wanted.readers) | "
            + wanted.placement.rawValue
    }

    private static func table(_ columns: [String], _ rows: [String]) -> String {
        (["| " + columns.joined(separator: " | ") + " |", String(repeating: "|---", count: columns.count) + "|"]
            + rows.map { "| \($0) |" }).joined(separator: "\n")
    }

    private static let heads = ["File", "Reading", "Readers", "Placement"]

    private var latencyTable: String {
        let rows = results.map { wanted, result -> String in
            let cells = [Server.path, .caller, .lxcfs, .lxcfsFull, .host].map { server in
                result.median(server).map { "\(us($0.p50)) / \(us($0.p90)) / \(us($0.p99))" } ?? "-"
            }
            let ratios = [Server.path, .caller].map { ratio(result.ratio(of: .lxcfs, to: $0, \.p50)) }
            return ([head(wanted)] + cells + ratios).joined(separator: " | ")
        }
        return Self.table(
            Self.heads
                + [
                    "By path", "By caller", "lxcfs", "lxcfs with options", "Host", "lxcfs : by path",
                    "lxcfs : by caller",
                ],
            rows
        )
    }

    private var throughputTable: String {
        let rows = results.map { wanted, result -> String in
            let servers = [Server.path, .caller, .lxcfs, .host]
            let rates = servers.map { result.median($0).map { "\(Int($0.readsPerSecond))" } ?? "-" }
            let rateRatios = [Server.path, .caller].map { server in
                ratio(result.ratio(of: .lxcfs, to: server, \.readsPerSecond).map { 1 / $0 })
            }
            let cpu = servers.map { result.median($0).map { "\(us($0.daemonCPU)) + \(us($0.readerCPU))" } ?? "-" }
            let cpuRatios = [Server.path, .caller].map { ratio(result.ratio(of: .lxcfs, to: $0, \.cpu)) }
            return ([head(wanted)] + rates + rateRatios + cpu + cpuRatios).joined(separator: " | ")
        }
        return Self.table(
            Self.heads
                + [
                    "Reads/s by path", "by caller", "lxcfs", "Host", "By path : lxcfs", "By caller : lxcfs",
                    "CPU us/read by path", "by caller", "lxcfs", "Host", "lxcfs : by path", "lxcfs : by caller",
                ],
            rows
        )
    }

    private var memoryTable: String {
        func cell(_ size: MemoryUse.Size) -> String { "\(size.all) (\(size.anonymous))" }
        let rows = memory.map { use in
            [
                use.name, cell(use.atRest), use.atOnce.map { cell($0) } ?? "-", use.after.map { cell($0.size) } ?? "-",
                use.afterMore.map { cell($0.size) } ?? "-",
            ].joined(separator: " | ")
        }
        let after = memory.first?.after?.containers ?? 0
        let more = memory.first?.afterMore?.containers ?? 10_000
        return Self.table(
            [
                "Daemon", "At rest", "As the last of \(after) short-lived containers ends", "Within 3 s of it",
                "Within 3 s of \(more)",
            ],
            rows
        )
    }

    /// One line for a terminal.
    static func progress(_ wanted: Case, _ result: Result) -> String {
        func p50(_ server: Server) -> String { result.median(server).map { us($0.p50) } ?? "-" }
        return "\(wanted.file.name), \(wanted.pattern.name), \(wanted.readers), \(wanted.placement.rawValue): "
            + "path \(p50(.path)) caller \(p50(.caller)) lxcfs \(p50(.lxcfs)) host \(p50(.host)) us"
    }
}

/// A figure in three digits or so.
func us(_ value: Double) -> String {
    guard value.isFinite else { return "-" }
    if value >= 100 { return "\(Int(value.rounded()))" }
    let tenths = Int((value * 10).rounded())
    return "\(tenths / 10).\(tenths % 10)"
}

func ratio(_ value: Double?) -> String {
    guard let value, value.isFinite else { return "-" }
    let hundredths = Int((value * 100).rounded())
    let rest = hundredths % 100
    return "\(hundredths / 100).\(rest < 10 ? "0" : "")\(rest)"
}

/// Where and when, as far as it concerns others.
struct Machine {
    let date: String
    let kernel: String
    let model: String
    let cpus: Int
    let lxcfs: String

    init(lxcfs: String) {
        self.lxcfs = lxcfs
        var now = time(nil)
        var parts = tm()
        gmtime_r(&now, &parts)
        func two(_ number: Int32) -> String { number < 10 ? "0\(number)" : "\(number)" }
        date = "\(parts.tm_year + 1900)-\(two(parts.tm_mon + 1))-\(two(parts.tm_mday))"
        kernel = (System.text(of: "/proc/sys/kernel/osrelease") ?? "unknown\n").split(separator: "\n").joined()
        let info = System.text(of: "/proc/cpuinfo") ?? ""
        model =
            info.split(separator: "\n").first { $0.hasPrefix("model name") }.flatMap { $0.split(separator: ":").last }
            .map { String($0.drop { $0 == " " }) } ?? "unknown CPU"
        cpus = sysconf(Int32(_SC_NPROCESSORS_ONLN))
    }

    var description: String {
        let isVirtual = (System.text(of: "/proc/cpuinfo") ?? "").contains(" hypervisor")
        return "\(model), \(cpus) CPUs\(isVirtual ? " of a virtual machine" : ""), Linux \(kernel)"
    }
}
