// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

import ArgumentParser
import CRI
import CRIClient
import DockerEngine
import Documents
import LocalFiles
import Terminal

/// Which container of which pod.
struct ContainerOptions: ParsableArguments {
    @Argument(help: "The pod: NAME, NAMESPACE/NAME, or the beginning of its id.") var pod: String
    @Option(name: .shortAndLong, help: ArgumentHelp("Which container, where the pod has several.", valueName: "name"))
    var container: String?

    func noContainer(besides names: [String]) -> Failure {
        let which = container.map { " " + $0 } ?? ""
        return .failed(
            "pod \(pod) has no container\(which)" + (names.isEmpty ? "" : ", but \(names.joined(separator: ", "))")
        )
    }
}

/// `umwelt pod logs`: the command line of it.
struct LogsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "logs",
        abstract: "Print what a container has written.",
        discussion:
            "What it wrote to standard output goes there, what it wrote to standard error goes to standard error."
    )

    @OptionGroup var target: ContainerOptions
    @OptionGroup var engine: EngineOptions

    func run() async throws {
        let (engine, socket) = try engine.choose()
        if engine == .docker {
            return try await Start.explained {
                try dockerLogs(DockerPods(docker: try DockerConnection(socket: socket)))
            }
        }
        let target = target
        let path = try await Start.explained {
            try await CRIConnection.with(socket: socket) { connection in
                let (sandbox, container) = try await Target.find(connection, target, needsRunning: false)
                let status = try await connection.call("ContainerStatus") { options in
                    var request = Runtime_V1_ContainerStatusRequest()
                    request.containerID = container.id
                    return try await connection.runtime.containerStatus(request, options: options)
                }.status
                return status.logPath.isEmpty
                    ? CRIPods.files(sandbox)?.log(container.metadata.name, Int(container.metadata.attempt)) ?? ""
                    : status.logPath
            }
        }
        try Self.printLog(path)
    }
}

extension LogsCommand {
    /// Piece by piece: a log may be of any size.
    private static func printLog(_ path: String) throws {
        var log = LogText()
        do {
            var file = try FilePieces(path)
            while let piece = try file.next() { try print(log.feed(piece)) }
        } catch let error as FileError { throw Failure.failed("cannot read the log: \(error)") }
        try print(log.end())
    }

    private func dockerLogs(_ pods: DockerPods) throws {
        let item = try pods.target(target, needsRunning: false)
        let details = try pods.docker.json("GET", "/containers/\(item.id)/json", call: "look at \(item.container)")
        let isTerminal = details["Config"]?["Tty"]?.bool ?? false
        var frames = StreamFrames()
        _ = try pods.docker.request(
            "GET",
            "/containers/\(item.id)/logs?stdout=1&stderr=1",
            call: "logs of \(item.container)",
            // As long as it takes, and as long as the reader takes.
            timeout: nil
        ) { piece in
            if isTerminal { return try Standard.output(Array(piece)) }
            try Self.print(frames.feed(piece))
        }
    }

    private static func print(_ pieces: [(isError: Bool, text: [UInt8])]) throws(Failure) {
        for piece in pieces {
            if piece.isError { Standard.error(piece.text) } else { try Standard.output(piece.text) }
        }
    }
}

/// Finds a container that a command line names.
enum Target {
    static func find(
        _ connection: CRIConnection,
        _ options: ContainerOptions,
        needsRunning: Bool
    ) async throws -> (Runtime_V1_PodSandbox, Runtime_V1_Container) {
        _ = try await connection.version()
        let pods = CRIPods(connection: connection)
        guard let sandbox = try await pods.find(options.pod) else {
            throw Failure.failed("there is no pod \(options.pod) (see 'umwelt pod ps')")
        }
        let all = try await pods.containers(of: sandbox.id)
        let some = all.filter { $0.metadata.name == options.container || options.container == nil }
        guard let last = some.last else {
            throw options.noContainer(besides: all.map(\.metadata.name))
        }
        let candidates = needsRunning ? some.filter { $0.state == .containerRunning } : some
        guard let chosen = candidates.last else {
            throw Failure.failed("no container of pod \(options.pod) runs: \(last.metadata.name) has ended")
        }
        if options.container == nil, Set(candidates.map(\.metadata.name)).count > 1 {
            let list = candidates.map(\.metadata.name).joined(separator: ", ")
            throw Failure.usage("pod \(options.pod) has several containers (\(list)): choose one with --container")
        }
        return (sandbox, chosen)
    }
}
