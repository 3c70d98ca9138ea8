// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

import CRI
import CRIClient
import Glibc
import LocalFiles
import Pods
import Terminal

/// A pod that runs over the Container Runtime Interface: the kubelet's steps, one after the other.
struct CRIPod: Sendable {
    var connection: CRIConnection
    var socket: String
    var config: CRIConfig
    var progress: Progress

    private var plan: PodPlan { config.plan }
    /// The kubelet's own: 10 s, doubled up to 5 min.
    private static let firstPause = Duration.seconds(10)
    private static let longestPause = Duration.seconds(300)
    private static let lookPause = Duration.milliseconds(250)

    /// Pulls what is missing; the runtime's reference of each container's image, by the container's name.
    func pullImages() async throws -> [String: String] {
        var references: [String: String] = [:]
        for container in plan.allContainers {
            var spec = Runtime_V1_ImageSpec()
            spec.image = Self.normalized(container.image)
            let wanted = spec
            let status = try await connection.call("ImageStatus") { options in
                var request = Runtime_V1_ImageStatusRequest()
                request.image = wanted
                return try await connection.images.imageStatus(request, options: options)
            }
            let isHere = status.hasImage && !status.image.id.isEmpty
            if isHere, container.pullPolicy != .always {
                try checkUser(container, status.image)
                references[container.name] = status.image.id
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
            } catch let error as CRIError {
                throw Failure.failed("container \(container.name): image \(container.image): \(error)")
            }
        }
        return references
    }

    /// A short name as the kubelet hands it on: with its tag.
    static func normalized(_ image: String) -> String {
        let last = image.split(separator: "/").last ?? ""
        return last.contains(":") || last.contains("@") ? image : image + ":latest"
    }

    private func checkUser(_ container: ContainerPlan, _ image: Runtime_V1_Image) throws(Failure) {
        guard container.security.runAsNonRoot ?? plan.security.runAsNonRoot ?? false else { return }
        let user = container.security.runAsUser ?? plan.security.runAsUser
        if user == 0 { throw .failed("container \(container.name): container's runAsUser breaks non-root policy") }
        if user == nil, image.username.isEmpty, image.uid.value == 0 {
            throw .failed("container \(container.name): container has runAsNonRoot and image will run as root")
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
        if !plan.isOnHostNetwork { config.files.addAddress(addresses, plan.hostname) }
        return id
    }

    /// Makes and starts one container; its id.
    private func start(_ container: ContainerPlan, attempt: Int, in sandbox: String, _ reference: String) async throws
        -> String
    {
        do throws(FileError) {
            try LocalFile.replace(config.files.terminationLog(container.name, attempt), with: [], mode: 0o666)
        } catch { throw Failure.failed("container \(container.name): \(error)") }
        let wanted = try config.container(container, attempt: attempt, reference: reference)
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
                _ = try await connection.call("StartContainer") { options in
                    var request = Runtime_V1_StartContainerRequest()
                    request.containerID = created.containerID
                    return try await connection.runtime.startContainer(request, options: options)
                }
                return created.containerID
            }
        } catch let error as CRIError {
            throw Failure.failed("container \(container.name): \(error)")
        }
    }

    /// The container's exit code, once it has ended.
    private func exitCode(_ id: String) async throws -> Int32? {
        let status = try await connection.call("ContainerStatus") { options in
            var request = Runtime_V1_ContainerStatusRequest()
            request.containerID = id
            return try await connection.runtime.containerStatus(request, options: options)
        }.status
        return status.state == .containerExited ? status.exitCode : nil
    }

    private func wait(_ id: String) async throws -> Int32 {
        while true {
            if let code = try await exitCode(id) { return code }
            try await Task.sleep(for: Self.lookPause)
        }
    }

    /// Runs the init containers in order; those that go on are returned.
    func runInitContainers(in sandbox: String, _ references: [String: String]) async throws -> [Running] {
        var sidecars: [Running] = []
        for container in plan.initContainers {
            let reference = references[container.name] ?? container.image
            if container.isSidecar {
                let id = try await start(container, attempt: 0, in: sandbox, reference)
                sidecars.append(Running(container: container, id: id))
                continue
            }
            var attempt = 0
            var pause = Self.firstPause
            while true {
                let id = try await start(container, attempt: attempt, in: sandbox, reference)
                let code = try await wait(id)
                if code == 0 { break }
                guard plan.restartPolicy != .never else {
                    throw Failure.failed(
                        "init container \(container.name) ended with \(code)\(message(container, attempt))"
                    )
                }
                progress.say(
                    "init container \(container.name) ended with \(code), again in \(pause.components.seconds) s"
                )
                try await Task.sleep(for: pause)
                pause = min(pause * 2, Self.longestPause)
                attempt += 1
            }
        }
        return sidecars
    }

    /// A container that was started.
    struct Running: Sendable {
        var container: ContainerPlan
        var id: String
        var attempt = 0
        var pause = CRIPod.firstPause
        /// When it is to be started again; nil while it runs.
        var restart: ContinuousClock.Instant?
        /// Set when it has ended for good.
        var code: Int32?
    }

    func startContainers(in sandbox: String, _ references: [String: String]) async throws -> [Running] {
        var running: [Running] = []
        for container in plan.containers {
            let id = try await start(container, attempt: 0, in: sandbox, references[container.name] ?? container.image)
            running.append(Running(container: container, id: id))
        }
        return running
    }

    /// Looks after the containers until all but the sidecars have ended for good; their exit codes.
    func supervise(
        _ containers: [Running],
        sidecars: [Running],
        in sandbox: String,
        _ references: [String: String]
    ) async throws -> [(name: String, code: Int32)] {
        var all = containers + sidecars
        while all.contains(where: { !$0.container.isSidecar && $0.code == nil }) {
            try await Task.sleep(for: Self.lookPause)
            for index in all.indices where all[index].code == nil {
                var item = all[index]
                defer { all[index] = item }
                if let restart = item.restart {
                    guard restart <= ContinuousClock.now else { continue }
                    item.restart = nil
                    item.attempt += 1
                    let reference = references[item.container.name] ?? item.container.image
                    let old = item.id
                    item.id = try await start(item.container, attempt: item.attempt, in: sandbox, reference)
                    try? await remove(container: old)
                    continue
                }
                guard let code = try await exitCode(item.id) else { continue }
                let isRestarted =
                    switch plan.restartPolicy {
                    case _ where item.container.isSidecar: true
                    case .always: true
                    case .onFailure: code != 0
                    case .never: false
                    }
                let said = "\(item.container.name) ended with \(code)\(message(item.container, item.attempt))"
                if isRestarted {
                    progress.say("\(said), again in \(item.pause.components.seconds) s")
                    item.restart = .now + item.pause
                    item.pause = min(item.pause * 2, Self.longestPause)
                } else {
                    progress.say(said)
                    item.code = code
                }
            }
        }
        return all.compactMap { item in item.code.map { (item.container.name, $0) } }
    }

    /// What a container left at its terminationMessagePath.
    private func message(_ container: ContainerPlan, _ attempt: Int) -> String {
        let path = config.files.terminationLog(container.name, attempt)
        guard let bytes = try? LocalFile.contents(of: path, limit: 4096), !bytes.isEmpty else { return "" }
        let line = String(decoding: bytes, as: UTF8.self).split(whereSeparator: \.isNewline).joined(separator: " ")
        return ": \(line)"
    }

    private func remove(container id: String) async throws {
        _ = try await connection.call("RemoveContainer") { options in
            var request = Runtime_V1_RemoveContainerRequest()
            request.containerID = id
            return try await connection.runtime.removeContainer(request, options: options)
        }
    }

    /// Stops what still runs, so that the pod is at rest.
    func stop(_ running: [Running]) async {
        for item in running {
            _ = try? await connection.call("StopContainer", timeout: .seconds(plan.graceSeconds + 120)) { options in
                var request = Runtime_V1_StopContainerRequest()
                request.containerID = item.id
                request.timeout = Int64(plan.graceSeconds)
                return try await connection.runtime.stopContainer(request, options: options)
            }
        }
    }
}
