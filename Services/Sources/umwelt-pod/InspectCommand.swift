// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

import ArgumentParser
import CRI
import CRIClient
import Documents
import Terminal

/// `umwelt pod inspect`, for `umwelt dns`: what a runtime knows of a container or sandbox, as JSON.
struct InspectCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "inspect", shouldDisplay: false)

    @Argument var name: String
    @OptionGroup var engine: EngineOptions

    func run() async throws {
        let (engine, socket) = try engine.choose()
        guard engine == .cri else { throw Failure.failed("inspect is for CRI runtimes") }
        let name = name
        let document = try await Start.explained {
            try await CRIConnection.with(socket: socket) { connection in try await Self.inspect(name, connection) }
        }
        try Standard.output(document.jsonText + "\n")
    }

    private static func inspect(_ name: String, _ connection: CRIConnection) async throws -> Value {
        let version = try await connection.version()
        let sandboxes = try await connection.call("ListPodSandbox") { options in
            try await connection.runtime.listPodSandbox(Runtime_V1_ListPodSandboxRequest(), options: options)
        }.items
        let containers = try await connection.call("ListContainers") { options in
            try await connection.runtime.listContainers(Runtime_V1_ListContainersRequest(), options: options)
        }.containers
        func isNamed(_ id: String) -> Bool { name.utf8.count >= 4 && id.hasPrefix(name) }
        let parts = name.split(separator: "/", maxSplits: 1).map(String.init)
        var found = sandboxes.filter { item in
            parts.count == 2
                ? item.metadata.namespace == parts[0] && item.metadata.name == parts[1] : item.metadata.name == name
        }.filter { $0.state == .sandboxReady }
        if found.isEmpty { found = sandboxes.filter { isNamed($0.id) } }
        if found.isEmpty, let container = containers.first(where: { isNamed($0.id) }) {
            found = sandboxes.filter { $0.id == container.podSandboxID }
        }
        guard let sandbox = found.first else { throw Failure.failed("the runtime has no pod or container \(name)") }
        guard found.count == 1 else {
            throw Failure.failed("the runtime has several pods \(name): give NAMESPACE/NAME, or an id")
        }
        let status = try await connection.call("PodSandboxStatus") { options in
            var request = Runtime_V1_PodSandboxStatusRequest()
            request.podSandboxID = sandbox.id
            request.verbose = true
            return try await connection.runtime.podSandboxStatus(request, options: options)
        }
        let info = status.info["info"].flatMap { try? Value.json(Array($0.utf8)) } ?? .object([])
        let running = containers.filter { $0.podSandboxID == sandbox.id && $0.state == .containerRunning }
        var pids: [Value] = []
        for container in running {
            let answer = try await connection.call("ContainerStatus") { options in
                var request = Runtime_V1_ContainerStatusRequest()
                request.containerID = container.id
                request.verbose = true
                return try await connection.runtime.containerStatus(request, options: options)
            }
            let info = answer.info["info"].flatMap { try? Value.json(Array($0.utf8)) }
            pids.append(
                .object([
                    "id": .string(container.id), "name": .string(container.metadata.name), "pid": info?["pid"] ?? .null,
                ])
            )
        }
        func map(_ pairs: [String: String]) -> Value {
            .object(pairs.sorted { $0.key < $1.key }.map { .init($0.key, .string($0.value)) })
        }
        return .object([
            "runtime": .object([
                "name": .string(version.runtimeName), "version": .string(version.runtimeVersion),
            ]),
            "sandbox": .object([
                "id": .string(sandbox.id), "name": .string(sandbox.metadata.name),
                "namespace": .string(sandbox.metadata.namespace), "uid": .string(sandbox.metadata.uid),
                "labels": map(sandbox.labels), "annotations": map(sandbox.annotations), "pid": info["pid"] ?? .null,
                "isOnHostNetwork": .bool(status.status.linux.namespaces.options.network == .node),
                "dnsConfig": info["config"]?["dns_config"] ?? .null, "runtimeSpec": info["runtimeSpec"] ?? .null,
            ]),
            "containers": .array(pids),
        ])
    }
}
