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
        abstract: "Stop pods and remove them with all they have on this node."
    )

    @Argument(help: "The pods: NAME, NAMESPACE/NAME, or the beginning of an id.") var pods: [String]
    @OptionGroup var engine: EngineOptions
    @Option(help: ArgumentHelp("Seconds from SIGTERM to SIGKILL.", valueName: "seconds"))
    var graceSeconds = 30

    func validate() throws {
        if !(0...86400).contains(graceSeconds) { throw ValidationError("--grace-seconds is from 0 to 86400") }
    }

    func run() async throws {
        let (engine, socket) = try engine.choose()
        let (names, seconds) = (pods, graceSeconds)
        let hasKubelet = KubeletFinder().find().process != nil
        if engine == .docker {
            return try await Start.explained {
                let pods = DockerPods(docker: try DockerConnection(socket: socket))
                for name in names {
                    let uid = try pods.find(name).label(Labels.podUID)
                    try pods.remove(uid: uid, graceSeconds: seconds, keepTop: hasKubelet)
                }
            }
        }
        try await Start.explained {
            try await CRIConnection.with(socket: socket) { connection in
                _ = try await connection.version()
                let pods = CRIPods(connection: connection)
                for name in names {
                    guard let sandbox = try await pods.find(name) else {
                        throw Failure.failed("there is no pod \(name) (see 'umwelt pod ps')")
                    }
                    try await pods.remove(sandbox, graceSeconds: seconds)
                    if let parent = sandbox.annotations[Labels.cgroupParent] {
                        PodCgroup(parent: parent).remove(keepTop: hasKubelet)
                    }
                }
            }
        }
    }
}
