// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

import ArgumentParser
import CRI
import CRIClient
import DockerEngine
import Documents
import Glibc
import Terminal

/// `umwelt pod exec`: the command line of it.
struct ExecCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "exec",
        abstract: "Run a command in a container of a pod, without input.",
        usage: "umwelt pod exec POD [--container NAME] -- COMMAND [ARGUMENT ...]",
        discussion: """
            The command has no standard input and no terminal: over the Container Runtime Interface those need a stream of their \
            own (SPDY or WebSocket). For a shell there are the engines' own tools: crictl exec -it ID, ctr -n k8s.io tasks exec -t \
            --exec-id NAME ID, docker exec -it ID; umwelt pod ps -o json tells the ids.
            """
    )

    @OptionGroup var target: ContainerOptions
    @OptionGroup var engine: EngineOptions
    @Option(help: ArgumentHelp("Seconds until it is ended. Default: none.", valueName: "seconds"))
    var timeout: Int?
    // kubectl's and docker's flags: whoever is used to them is to be told, not left without input.
    @Flag(name: [.customShort("i"), .customLong("stdin")], help: .hidden) var wantsInput = false
    @Flag(name: [.customShort("t"), .customLong("tty")], help: .hidden) var wantsTerminal = false
    @Argument(parsing: .postTerminator, help: "The command and its arguments.") var command: [String] = []

    func validate() throws {
        if wantsInput || wantsTerminal {
            let flag = wantsInput ? "-i (--stdin)" : "-t (--tty)"
            throw ValidationError(
                "\(flag) is not supported: exec has no input and no terminal; take the engine's own tool: "
                    + "crictl exec -it ID, ctr -n k8s.io tasks exec -t --exec-id NAME ID, or docker exec -it ID"
            )
        }
        if command.isEmpty { throw ValidationError("the command is missing: it stands after '--'") }
        if let timeout, !(1...86400).contains(timeout) { throw ValidationError("--timeout is from 1 to 86400") }
    }

    func run() async throws {
        let (engine, socket) = try engine.choose()
        if engine == .docker {
            let code = try await Start.explained {
                try dockerExec(DockerPods(docker: try DockerConnection(socket: socket)))
            }
            if code != 0 { throw Failure(code: code, nil) }
            return
        }
        let (target, command, seconds) = (target, command, timeout)
        let response = try await Start.explained {
            try await CRIConnection.with(socket: socket) { connection in
                let (_, container) = try await Target.find(connection, target, needsRunning: true)
                return try await connection.call("ExecSync", timeout: seconds.map { .seconds($0 + 10) }) { options in
                    var request = Runtime_V1_ExecSyncRequest()
                    request.containerID = container.id
                    request.cmd = command
                    request.timeout = Int64(seconds ?? 0)
                    return try await connection.runtime.execSync(request, options: options)
                }
            }
        }
        try Standard.output(Array(response.stdout))
        Standard.error(Array(response.stderr))
        if response.exitCode != 0 { throw Failure(code: response.exitCode, nil) }
    }
}

extension ExecCommand {
    private func dockerExec(_ pods: DockerPods) throws -> Int32 {
        let item = try pods.target(target, needsRunning: true)
        let body = Value.object([
            "AttachStdout": .bool(true), "AttachStderr": .bool(true), "Cmd": .strings(command),
        ])
        let made = try pods.docker.json("POST", "/containers/\(item.id)/exec", body, call: "exec in \(item.container)")
        guard let id = made["Id"]?.string else {
            throw Failure.failed("exec in \(item.container): the answer has no Id")
        }
        var frames = StreamFrames()
        let start = Value.object(["Detach": .bool(false), "Tty": .bool(false)])
        do {
            _ = try pods.docker.request(
                "POST",
                "/exec/\(id)/start",
                start,
                call: "exec in \(item.container)",
                timeout: timeout
            ) { piece in
                for frame in frames.feed(piece) {
                    if frame.isError { Standard.error(frame.text) } else { try Standard.output(frame.text) }
                }
            }
        } catch let error as DockerError where error.isSilence {
            // Docker has no request for that; it tells the process, which is one of this node's.
            let command = try pods.docker.json("GET", "/exec/\(id)/json", call: "exec in \(item.container)")
            if command["Running"] == .bool(true), let process = command["Pid"]?.int, process > 1 {
                kill(pid_t(clamping: process), SIGKILL)
            }
            throw Failure.failed("exec in \(item.container): the command was ended after \(timeout ?? 0) s")
        }
        let result = try pods.docker.json("GET", "/exec/\(id)/json", call: "exec in \(item.container)")
        return Int32(clamping: result["ExitCode"]?.int ?? 255)
    }
}
