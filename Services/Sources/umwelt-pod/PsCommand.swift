// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

import ArgumentParser
import CRI
import CRIClient
import DockerEngine
import Documents
import Terminal

/// A pod as `ps` shows it.
struct PodRow: Sendable {
    var namespace: String
    var name: String
    var state: String
    var id: String
    var containers: [(name: String, state: String, id: String)]

    var document: Value {
        .object([
            "namespace": .string(namespace), "name": .string(name), "state": .string(state), "id": .string(id),
            "containers": .array(
                containers.map {
                    .object(["name": .string($0.name), "state": .string($0.state), "id": .string($0.id)])
                }
            ),
        ])
    }
}

/// `umwelt pod ps`: the command line of it.
struct PsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "ps",
        abstract: "List the pods that umwelt pod run made.",
        discussion: "What a run that was killed left, and its engine does not know, is shown as half made."
    )

    @OptionGroup var engine: EngineOptions
    @Option(help: ArgumentHelp("Where pods' volumes are kept.", valueName: "directory"))
    var rootDir = PodFiles.defaultRoot
    @Option(name: .shortAndLong, help: "text or json.")
    var output: Form = .text

    enum Form: String, ExpressibleByArgument, CaseIterable {
        case text, json
    }

    func run() async throws {
        let (engine, socket) = try engine.choose()
        let rows = try await Listing.rows(engine, socket, root: rootDir)
        if output == .json {
            return try Standard.output(Value.array(rows.map(\.document)).jsonText + "\n")
        }
        var table = [["NAMESPACE", "NAME", "STATE", "ID", "CONTAINERS"]]
        for row in rows {
            let list = row.containers.map { "\($0.name) (\($0.state))" }.joined(separator: ", ")
            table.append([row.namespace, row.name, row.state, String(row.id.prefix(12)), list])
        }
        let widths = (0..<4).map { column in table.map { $0[column].count }.max() ?? 0 }
        let text = table.map { cells in
            cells.enumerated().map { index, cell in
                index < 4 ? cell + String(repeating: " ", count: widths[index] - cell.count + 2) : cell
            }.joined()
        }
        try Standard.output(Standard.printable(text.joined(separator: "\n") + "\n"))
    }
}

/// What there is, by engine.
enum Listing {
    static func rows(_ engine: EngineOptions.Engine, _ socket: String, root: String) async throws -> [PodRow] {
        try await Start.explained {
            @Sendable func halfMade(besides known: [String]) -> [PodRow] {
                HalfMade.left(below: root, engine, socket, besides: known).map(\.row)
            }
            if engine == .docker {
                let pods = DockerPods(docker: try DockerConnection(socket: socket))
                return try pods.rows() + halfMade(besides: pods.items().map { $0.label(Labels.podUID) })
            }
            return try await CRIConnection.with(socket: socket) { connection in
                _ = try await connection.version()
                let pods = CRIPods(connection: connection)
                let list = try await pods.list()
                var rows = halfMade(besides: list.map(\.metadata.uid))
                // One question, however many pods there are (see CRIPod.exitCodes).
                let all = Dictionary(grouping: try await pods.containers(), by: \.podSandboxID)
                for item in list {
                    let containers = (all[item.id] ?? []).map { container in
                        (container.metadata.name, state(container.state), container.id)
                    }
                    rows.append(
                        PodRow(
                            namespace: item.metadata.namespace,
                            name: item.metadata.name,
                            state: item.state == .sandboxReady ? "ready" : "stopped",
                            id: item.id,
                            containers: containers
                        )
                    )
                }
                return rows
            }
        }
    }

    private static func state(_ state: Runtime_V1_ContainerState) -> String {
        switch state {
        case .containerCreated: "created"
        case .containerRunning: "running"
        case .containerExited: "exited"
        default: "unknown"
        }
    }
}
