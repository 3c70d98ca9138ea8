// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

import ArgumentParser
import Attachment
import Kernel
import NodeLink
import ProcFS
import Samples

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
              HEALTH   ok; part (some files are not its own); dead (they fail); no daemon (they fail until umweltd runs); -

            EXIT STATUS
              0; 1 where no umweltd runs.
            """
    )

    @Option(help: RunHelp.stateDirectory, transform: RunParsing.stateDirectory) var stateDir: String?

    func run() throws {
        let state = StateDirectory(stateDir)
        do {
            let attacher = try Attacher(state: state)
            let registered = try attacher.registered()
            try list(state, registered) { container in
                let plan = try? attacher.plan(of: container, registered)
                return Row(
                    memory: memory(container.pid, attacher),
                    cpus: cpus(container.pid, attacher),
                    hasViews: plan?.held.isEmpty == false,
                    health: Self.health(plan)
                )
            }
        } catch let failure as Failure {
            // What can be told all the same.
            let registered = TableJournal.noted(at: Path(state.socket + ".table")).map {
                Attacher.Registered(
                    id: String(decoding: $0.id, as: UTF8.self),
                    route: String(decoding: $0.route, as: UTF8.self),
                    pid: $0.pid
                )
            }
            try list(state, registered.filter { FileTree.isThere(Path("/proc/\($0.pid)/ns")) }) { container in
                let hasViews = Self.hasViews(container.pid)
                return Row(hasViews: hasViews, health: hasViews ? "no daemon" : "-")
            }
            throw failure
        }
    }

    /// What is told of a container beside what its engine says.
    private struct Row {
        var memory = "-"
        var cpus = "-"
        var hasViews: Bool
        var health: String
    }

    private func list(
        _ state: StateDirectory,
        _ registered: [Attacher.Registered],
        _ look: (EngineContainer) -> Row
    ) throws {
        var containers = EngineStates(stateDirectory: state.path).containers().filter { !$0.isSandbox }
        for known in registered where known.pid > 0 && !containers.contains(where: { $0.pid == known.pid }) {
            containers.append(EngineContainer(id: known.id, engine: "-", pid: known.pid))
        }
        var rows = [["ID", "NAME", "ENGINE", "PID", "MEMORY", "CPUS", "ROUTE", "HEALTH"]]
        for container in containers {
            let row = look(container)
            let route = registered.first { $0.pid == container.pid }?.route
            rows.append([
                container.shortID, container.name.isEmpty ? "-" : container.name, container.engine,
                "\(container.pid)", row.memory, row.cpus, row.hasViews ? route ?? "mount" : "-", row.health,
            ])
        }
        try Standard.output(Array(Self.table(rows).utf8))
    }

    /// Whether some daemon's files are mounted in a container, alive or dead.
    private static func hasViews(_ pid: Int32) -> Bool {
        let mounts = (try? MountSurvey.mounts(of: MountSurvey.unconfined(pid)))?.topmost ?? []
        return mounts.contains { ![$0].ours(of: Path($0.source)).isEmpty && $0.mountPoint != $0.source }
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
