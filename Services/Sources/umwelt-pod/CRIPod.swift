// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

import CRI
import CRIClient
import Glibc
import LocalFiles
import Pods
import Terminal

/// A pod that runs over the Container Runtime Interface: the kubelet's steps, one after the other.
struct CRIPod: ContainerEngine {
    var connection: CRIConnection
    var socket: String
    var config: CRIConfig
    var progress: Progress
    /// What the runtime calls each container's image, by the container's name.
    private var references: [String: String] = [:]
    /// Whom each container's image is to run as, by the container's name.
    private var imageUsers: [String: String] = [:]

    init(connection: CRIConnection, socket: String, config: CRIConfig, progress: Progress) {
        self.connection = connection
        self.socket = socket
        self.config = config
        self.progress = progress
    }

    var plan: PodPlan { config.plan }
    var files: PodFiles { config.files }

    /// Pulls what is missing.
    mutating func pullImages() async throws {
        for container in plan.allContainers {
            var spec = Runtime_V1_ImageSpec()
            spec.image = Self.normalized(container.image)
            let wanted = spec
            if container.pullPolicy != .always, let image = try await image(wanted) {
                references[container.name] = image.id
                try checkUser(container, image)
                continue
            }
            guard container.pullPolicy != .never else {
                throw Failure.failed(
                    "container \(container.name): the image \(container.image) is not here, and imagePullPolicy is Never"
                )
            }
            progress.say("pulling \(container.image)")
            do {
                let pulled = try await connection.call("PullImage", timeout: nil) { options in
                    var request = Runtime_V1_PullImageRequest()
                    request.image = wanted
                    request.sandboxConfig = config.sandbox
                    return try await connection.images.pullImage(request, options: options)
                }
                references[container.name] = pulled.imageRef
                try checkUser(container, try await image(wanted) ?? Runtime_V1_Image())
            } catch let error as CRIError {
                throw Failure.failed("container \(container.name): image \(container.image): \(error)")
            }
        }
    }

    /// A short name as the kubelet hands it on: with its tag.
    static func normalized(_ image: String) -> String {
        let last = image.split(separator: "/").last ?? ""
        return last.contains(":") || last.contains("@") ? image : image + ":latest"
    }

    /// What the runtime knows of an image; nil where it has none of that name.
    private func image(_ wanted: Runtime_V1_ImageSpec) async throws -> Runtime_V1_Image? {
        let status = try await connection.call("ImageStatus") { options in
            var request = Runtime_V1_ImageStatusRequest()
            request.image = wanted
            return try await connection.images.imageStatus(request, options: options)
        }
        return status.hasImage && !status.image.id.isEmpty ? status.image : nil
    }

    private mutating func checkUser(_ container: ContainerPlan, _ image: Runtime_V1_Image) throws(Failure) {
        let user = image.hasUid ? "\(image.uid.value)" : image.username
        imageUsers[container.name] = user
        if let reason = plan.refusal(container, imageUser: user) {
            throw .failed("container \(container.name): \(reason)")
        }
    }

    /// Makes the sandbox; its id.
    func makeSandbox() async throws -> String {
        progress.say("making the sandbox")
        let (wanted, handler) = (config.sandbox, plan.runtimeHandler)
        let response = try await CRIConnection.unbroken(socket: socket) { connection in
            try await connection.call("RunPodSandbox", timeout: CRIConnection.timeout * 2) { options in
                var request = Runtime_V1_RunPodSandboxRequest()
                request.config = wanted
                request.runtimeHandler = handler
                return try await connection.runtime.runPodSandbox(request, options: options)
            }
        }
        let id = response.podSandboxID
        let status = try await connection.call("PodSandboxStatus") { options in
            var request = Runtime_V1_PodSandboxStatusRequest()
            request.podSandboxID = id
            return try await connection.runtime.podSandboxStatus(request, options: options)
        }
        let network = status.status.network
        let addresses = ([network.ip] + network.additionalIps.map(\.ip)).filter { !$0.isEmpty }
        try files.addAddresses(addresses, plan)
        return id
    }

    /// Makes and starts one container; its id.
    func start(_ container: ContainerPlan, attempt: Int, in sandbox: String) async throws -> String {
        do throws(FileError) {
            try LocalFile.replace(config.files.terminationLog(container.name, attempt), with: [], mode: 0o666)
        } catch { throw Failure.failed("container \(container.name): \(error)") }
        let reference = references[container.name] ?? container.image
        let wanted = try config.container(
            container,
            attempt: attempt,
            reference: reference,
            imageUser: imageUsers[container.name] ?? ""
        )
        progress.say("starting \(container.name)")
        do {
            let sandboxConfig = config.sandbox
            return try await CRIConnection.unbroken(socket: socket) { connection in
                let created = try await connection.call("CreateContainer") { options in
                    var request = Runtime_V1_CreateContainerRequest()
                    request.podSandboxID = sandbox
                    request.config = wanted
                    request.sandboxConfig = sandboxConfig
                    return try await connection.runtime.createContainer(request, options: options)
                }
                let id = created.containerID
                do {
                    _ = try await connection.call("StartContainer") { options in
                        var request = Runtime_V1_StartContainerRequest()
                        request.containerID = id
                        return try await connection.runtime.startContainer(request, options: options)
                    }
                } catch let error as CRIError where !error.isSilence {
                    // It is made anew.
                    try? await Self.remove(container: id, connection)
                    throw error
                }
                return id
            }
        } catch var error as CRIError {
            error.call = "container \(container.name): \(error.call)"
            throw error
        }
    }

    func started(_ container: ContainerPlan, attempt: Int, in sandbox: String) async throws -> String? {
        let all = try await CRIPods(connection: connection).containers(of: sandbox)
        let wanted = UInt32(clamping: attempt)
        let one = all.first { $0.metadata.name == container.name && $0.metadata.attempt == wanted }
        guard let one else { return nil }
        if one.state == .containerRunning || one.state == .containerExited { return one.id }
        try await remove(container: one.id)
        return nil
    }

    /// The exit codes of those that have ended.
    ///
    /// Few calls: NIO's HTTP/2 gives a connection up on which the server resets more than 200 streams within 30 s, and
    /// containerd's ends each call with a reset.
    func exitCodes(_ ids: [String], in sandbox: String) async throws -> [String: Int32] {
        let containers = try await CRIPods(connection: connection).containers(of: sandbox)
        var codes: [String: Int32] = [:]
        for id in ids {
            guard let container = containers.first(where: { $0.id == id }) else {
                codes[id] = Ended.unknown
                continue
            }
            guard container.state == .containerExited else { continue }
            do {
                codes[id] = try await connection.call("ContainerStatus") { options in
                    var request = Runtime_V1_ContainerStatusRequest()
                    request.containerID = id
                    return try await connection.runtime.containerStatus(request, options: options)
                }.status.exitCode
            } catch let error as CRIError where error.isMissing {
                // Somebody has removed it just now.
                codes[id] = Ended.unknown
            }
        }
        return codes
    }

    func isReady(sandbox: String) async throws -> Bool {
        do {
            let answer = try await connection.call("PodSandboxStatus") { options in
                var request = Runtime_V1_PodSandboxStatusRequest()
                request.podSandboxID = sandbox
                return try await connection.runtime.podSandboxStatus(request, options: options)
            }
            return answer.status.state == .sandboxReady
        } catch let error as CRIError where error.isMissing { return false }
    }

    func remove(container id: String) async throws { try await Self.remove(container: id, connection) }

    private static func remove(container id: String, _ connection: CRIConnection) async throws {
        _ = try await connection.call("RemoveContainer") { options in
            var request = Runtime_V1_RemoveContainerRequest()
            request.containerID = id
            return try await connection.runtime.removeContainer(request, options: options)
        }
    }

    func stop(_ id: String) async throws { try await CRIPods.stop(id, plan.graceSeconds, connection) }
}
