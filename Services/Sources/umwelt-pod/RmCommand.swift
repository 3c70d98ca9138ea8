// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

import ArgumentParser
import CRI
import CRIClient
import DockerEngine
import KubeletSettings
import Terminal

/// `umwelt pod rm`: the command line of it.
struct RmCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "rm",
        abstract: "Stop pods and remove them with all they have on this node.",
        discussion: "Also what a run that was killed left (see umwelt pod ps)."
    )

    @Argument(help: "The pods: NAME, NAMESPACE/NAME, or the beginning of an id.") var pods: [String]
    @OptionGroup var engine: EngineOptions
    @Option(help: ArgumentHelp("Where pods' volumes are kept.", valueName: "directory"))
    var rootDir = PodFiles.defaultRoot
    @Option(
        help: ArgumentHelp(
            "Seconds from SIGTERM to SIGKILL. Default: the pod's terminationGracePeriodSeconds.",
            valueName: "seconds"
        )
    )
    var graceSeconds: Int?

    func validate() throws {
        if let graceSeconds, !(0...86400).contains(graceSeconds) {
            throw ValidationError("--grace-seconds is from 0 to 86400")
        }
    }

    func run() async throws {
        let (engine, socket) = try engine.choose()
        let keepTop = KubeletFinder().find().process != nil
        // One that cannot be removed does not keep the others.
        var problems: [String] = []
        for name in pods {
            do {
                try await Start.explained {
                    switch engine {
                    case .cri: try await removeOverCRI(name, socket, keepTop: keepTop)
                    case .docker: try await removeOverDocker(name, socket, keepTop: keepTop)
                    }
                }
            } catch let error as Failure {
                let message = error.message ?? ""
                if !problems.contains(message) { problems.append(message) }
            }
        }
        if !problems.isEmpty { throw Failure.failed(problems.joined(separator: "; ")) }
    }

    private func removeOverCRI(_ name: String, _ socket: String, keepTop: Bool) async throws {
        try await CRIConnection.with(socket: socket) { connection in
            _ = try await connection.version()
            let pods = CRIPods(connection: connection)
            let known = try await pods.list().map { ($0.metadata.uid, "\($0.metadata.namespace)/\($0.metadata.name)") }
            if try removeHalfMade(name, .cri, socket, besides: known, keepTop: keepTop) { return }
            guard let sandbox = try await pods.find(name) else {
                throw Failure.failed("there is no pod \(name) (see 'umwelt pod ps')")
            }
            try await pods.remove(sandbox, graceSeconds: seconds(sandbox.annotations[Labels.gracePeriod]))
            if let parent = sandbox.annotations[Labels.cgroupParent] {
                PodCgroup(parent: parent).remove(keepTop: keepTop)
            }
        }
    }

    private func removeOverDocker(_ name: String, _ socket: String, keepTop: Bool) async throws {
        let pods = DockerPods(docker: try DockerConnection(socket: socket))
        let known = try pods.items().map { ($0.label(Labels.podUID), "\($0.namespace)/\($0.name)") }
        if try removeHalfMade(name, .docker, socket, besides: known, keepTop: keepTop) { return }
        let sandbox = try pods.find(name)
        let grace = seconds(sandbox.labels[Labels.gracePeriod])
        try await pods.remove(uid: sandbox.label(Labels.podUID), graceSeconds: grace, keepTop: keepTop)
    }

    /// What the command line says, else what the pod says, else Kubernetes' default.
    private func seconds(_ mark: String?) -> Int {
        graceSeconds ?? mark.flatMap { Int($0) }.map { min(max($0, 0), 86400) } ?? 30
    }

    /// Removes what is left of that name, if anything is, and no pod of the engine's is called so.
    private func removeHalfMade(
        _ name: String,
        _ engine: EngineOptions.Engine,
        _ socket: String,
        besides known: [(uid: String, title: String)],
        keepTop: Bool
    ) throws(Failure) -> Bool {
        let left = HalfMade.left(below: rootDir, engine, socket, besides: known.map(\.uid)).filter { $0.isCalled(name) }
        guard !left.isEmpty else { return false }
        let others = known.map(\.title).filter { $0 == name || $0.hasSuffix("/" + name) }
        let titles = Set(left.map(\.title) + others)
        guard titles.count == 1 else {
            throw .failed("there are several pods \(name): \(titles.sorted().joined(separator: ", "))")
        }
        for item in left { try item.remove(keepTop: keepTop) }
        return others.isEmpty
    }
}
