// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

import CRI
import CRIClient
import LocalFiles
import Terminal

/// The pods that a CRI runtime has and `umwelt pod run` made.
struct CRIPods: Sendable {
    var connection: CRIConnection

    /// The sandboxes of ours.
    func list() async throws -> [Runtime_V1_PodSandbox] {
        let response = try await connection.call("ListPodSandbox") { options in
            try await connection.runtime.listPodSandbox(Runtime_V1_ListPodSandboxRequest(), options: options)
        }
        return response.items.filter { Self.files($0) != nil }
    }

    /// The one of that name (`NAME` or `NAMESPACE/NAME`), or with that beginning of an id; nil where there is none.
    func find(_ name: String) async throws -> Runtime_V1_PodSandbox? {
        let items = try await list()
        let parts = name.split(separator: "/", maxSplits: 1).map(String.init)
        let byName = items.filter { item in
            parts.count == 2
                ? item.metadata.namespace == parts[0] && item.metadata.name == parts[1] : item.metadata.name == name
        }
        if byName.count > 1 {
            let names = byName.map { "\($0.metadata.namespace)/\($0.metadata.name)" }.joined(separator: ", ")
            throw Failure.failed("there are several pods \(name): \(names)")
        }
        return byName.first ?? items.first { name.utf8.count >= 8 && $0.id.hasPrefix(name) }
    }

    /// `sandbox` nil: those of all.
    func containers(of sandbox: String? = nil) async throws -> [Runtime_V1_Container] {
        let response = try await connection.call("ListContainers") { options in
            var request = Runtime_V1_ListContainersRequest()
            if let sandbox { request.filter.podSandboxID = sandbox }
            return try await connection.runtime.listContainers(request, options: options)
        }
        return response.containers.sorted { $0.createdAt < $1.createdAt }
    }

    /// The files of a pod of ours; nil where it is none, whatever it says of itself.
    static func files(_ sandbox: Runtime_V1_PodSandbox) -> PodFiles? {
        PodFiles(
            marks: sandbox.annotations,
            namespace: sandbox.metadata.namespace,
            name: sandbox.metadata.name,
            uid: sandbox.metadata.uid
        )
    }

    /// Stops and removes the pod and what it has on the disk.
    func remove(_ sandbox: Runtime_V1_PodSandbox, graceSeconds: Int) async throws {
        let files = Self.files(sandbox)
        files?.giveUp()
        let running = try await containers(of: sandbox.id).filter { $0.state == .containerRunning }
        // As the kubelet does: all of them at once.
        try await withThrowingTaskGroup { group in
            for container in running {
                group.addTask { try await Self.stop(container.id, graceSeconds, connection) }
            }
            try await group.waitForAll()
        }
        _ = try await connection.call("StopPodSandbox") { options in
            var request = Runtime_V1_StopPodSandboxRequest()
            request.podSandboxID = sandbox.id
            return try await connection.runtime.stopPodSandbox(request, options: options)
        }
        _ = try await connection.call("RemovePodSandbox") { options in
            var request = Runtime_V1_RemovePodSandboxRequest()
            request.podSandboxID = sandbox.id
            return try await connection.runtime.removePodSandbox(request, options: options)
        }
        try files?.remove()
    }

    /// Ends a container; one that has ended, or is gone, is no error.
    static func stop(_ id: String, _ graceSeconds: Int, _ connection: CRIConnection) async throws {
        let timeout = CRIConnection.timeout + .seconds(graceSeconds)
        do {
            _ = try await connection.call("StopContainer", timeout: timeout) { options in
                var request = Runtime_V1_StopContainerRequest()
                request.containerID = id
                request.timeout = Int64(graceSeconds)
                return try await connection.runtime.stopContainer(request, options: options)
            }
        } catch let error as CRIError where error.isMissing {}
    }

    /// Removes every sandbox of that uid: what a failed start left.
    func removeAll(uid: String, graceSeconds: Int) async throws {
        for sandbox in try await list() where sandbox.metadata.uid == uid {
            try await remove(sandbox, graceSeconds: graceSeconds)
        }
    }
}
