// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

import ArgumentParser
import Attachment
import Kernel
import NodeLink

/// `umwelt ps`: the command line of it.
struct PsCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "ps",
        abstract: "List running containers, and what they see.",
        usage: "umwelt ps",
        discussion: """
            COLUMNS
              ID       of the container; of an engine's own long ids the first 20 digits
              NAME     as its engine has it
              ENGINE   docker, podman, containerd, cri, cri-o, runc, crun, umwelt
              PID      its first process, on the host
              MEMORY   all the memory it has, by its limits
              CPUS     the CPUs it has, by its limits
              ROUTE    how its views came: run, attach, mount (the engine was told to), - (none)
              HEALTH   ok; part (some files are not its own); dead (they fail: start umweltd); -

            EXIT STATUS
              0; 1 where no umweltd runs.
            """
    )

    @Option(help: RunHelp.stateDirectory, transform: RunParsing.stateDirectory) var stateDir: String?

    func run() throws {
        let attacher = try Attacher(state: StateDirectory(stateDir))
        let registered = try attacher.registered()
        var containers = EngineStates(stateDirectory: attacher.state.path).containers().filter { !$0.isSandbox }
        for known in registered where known.pid > 0 && !containers.contains(where: { $0.pid == known.pid }) {
            containers.append(EngineContainer(id: known.id, engine: "-", pid: known.pid))
        }
        var rows = [["ID", "NAME", "ENGINE", "PID", "MEMORY", "CPUS", "ROUTE", "HEALTH"]]
        for container in containers {
            let plan = try? attacher.plan(of: container, registered)
            let route = registered.first { $0.pid == container.pid }?.route
            let hasViews = plan?.held.isEmpty == false
            rows.append([
                container.shortID, container.name.isEmpty ? "-" : container.name, container.engine,
                "\(container.pid)", memory(container.pid, attacher), cpus(container.pid, attacher),
                hasViews ? route ?? "mount" : "-", Self.health(plan),
            ])
        }
        try Standard.output(Array(Self.table(rows).utf8))
    }

    static func health(_ plan: ViewPlan?) -> String {
        guard let steps = plan?.steps else { return "-" }
        if steps.contains(where: { $0.standing == .stale }) { return "dead" }
        let main = steps.filter { Views.procFiles.prefix(5).map { "proc/" + $0 }.contains($0.view) }
        let ours = main.filter { $0.standing == .ours }.count
        return ours == 0 ? steps.contains { $0.standing == .ours } ? "part" : "-" : ours == main.count ? "ok" : "part"
    }

    private func memory(_ pid: Int32, _ attacher: Attacher) -> String {
        guard let text = try? attacher.daemon.request(.view, ["\(pid)", "proc/meminfo"]).first,
            let line = String(decoding: text, as: UTF8.self).split(separator: "\n").first,
            let kilobytes = line.split(separator: " ").dropFirst().first.flatMap({ UInt64($0) })
        else { return "-" }
        return kilobytes >= 10 << 20 ? "\(kilobytes >> 20)G" : "\(kilobytes >> 10)M"
    }

    private func cpus(_ pid: Int32, _ attacher: Attacher) -> String {
        guard let text = try? attacher.daemon.request(.view, ["\(pid)", "proc/cpuinfo"]).first else { return "-" }
        let count = String(decoding: text, as: UTF8.self).split(separator: "\n").count { $0.hasPrefix("processor") }
        return count > 0 ? "\(count)" : "-"
    }

    /// Columns as wide as their widest word, two blanks between.
    static func table(_ rows: [[String]]) -> String {
        let columns = rows.map(\.count).max() ?? 0
        let widths = (0..<columns).map { column in rows.map { column < $0.count ? $0[column].count : 0 }.max() ?? 0 }
        return rows.map { row in
            var line = ""
            for (column, word) in row.enumerated() {
                line += word
                if column < row.count - 1 { line += String(repeating: " ", count: widths[column] - word.count + 2) }
            }
            return line + "\n"
        }.joined()
    }
}
