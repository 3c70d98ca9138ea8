// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

import Documents
import DockerEngine
import LocalFiles
import PodDNS
import Pods
import Terminal

/// A pod over the Docker Engine, as dockershim made it: a pause container, its resolv.conf rewritten, then the containers in
/// its namespaces.
struct DockerPod: ContainerEngine {
    var docker: DockerConnection
    var plan: PodPlan
    var files: PodFiles
    var lists: Rendering.Lists
    /// As Docker's cgroup driver wants it.
    var cgroupParent: String
    var nodeMemory: Int
    var procViews: [(container: String, node: String)]
    var marks: [String: String]
    var pauseImage: String
    var network: Runtime.Network
    var progress: Progress
    /// Whom each container's image is to run as, by the container's name.
    var imageUsers: [String: String] = [:]

    var socket: String { docker.socket }

    /// dockershim's labels.
    static let typeLabel = "io.kubernetes.docker.type"
    static let sandboxLabel = "io.kubernetes.sandbox.id"
    private static let logLabel = "io.kubernetes.container.logpath"
    private static let pauseScore = -998

    /// Labels as dockershim makes them (`makeLabels`), which has annotations among them; `own` holds over the pod's.
    private func labels(
        _ labels: [String: String] = [:],
        annotations: [String: String],
        _ own: [String: String]
    ) -> Value.Member {
        let noted = Dictionary(uniqueKeysWithValues: annotations.map { ("annotation." + $0.key, $0.value) })
        let all = labels.merging(noted) { $1 }.merging(Labels.identity(plan)) { $1 }.merging(marks) { $1 }
            .merging(own) { $1 }
        return .init("Labels", .object(all.sorted { $0.key < $1.key }.map { .init($0.key, .string($0.value)) }))
    }

    /// `k8s_CONTAINER_POD_NAMESPACE_UID_ATTEMPT`.
    private func name(_ container: String, _ attempt: Int) -> String {
        "k8s_\(container)_\(plan.name)_\(plan.namespace)_\(plan.uid)_\(attempt)"
    }

    // MARK: Images

    mutating func pullImages() throws {
        guard plan.runtimeHandler.isEmpty else {
            throw Failure.failed("pod \(plan.title): RuntimeHandler \"\(plan.runtimeHandler)\" not supported")
        }
        try pull(pauseImage, .ifNotPresent, "the pause container")
        for container in plan.allContainers {
            try pull(container.image, container.pullPolicy, "container \(container.name)")
            let image = try docker.json("GET", "/images/\(container.image)/json", call: "look at \(container.image)")
            let user = image["Config"]?["User"]?.string ?? ""
            imageUsers[container.name] = user
            if let reason = plan.refusal(container, imageUser: user) {
                throw Failure.failed("container \(container.name): \(reason)")
            }
        }
    }

    private func pull(_ image: String, _ policy: ContainerPlan.PullPolicy, _ who: String) throws {
        var isHere = true
        do { _ = try docker.json("GET", "/images/\(image)/json", call: "look at \(image)") } catch let error
            as DockerError
            where error.isMissing
        { isHere = false }
        if isHere, policy != .always { return }
        if policy == .never {
            throw Failure.failed("\(who): the image \(image) is not here, and imagePullPolicy is Never")
        }
        progress.say("pulling \(image)")
        let name = CRIPod.normalized(image)
        var problem: String?
        var text: [UInt8] = []
        do {
            _ = try docker.request(
                "POST",
                "/images/create?fromImage=\(DockerConnection.escaped(name))",
                call: "pull \(image)",
                timeout: nil
            ) { piece in
                text += piece
                while let end = text.firstIndex(of: UInt8(ascii: "\n")) {
                    let line = (try? Value.json(Array(text[..<end]))) ?? .null
                    text.removeSubrange(...end)
                    problem = line["error"]?.string ?? problem
                }
                guard text.count <= 1 << 20 else {
                    throw DockerError(call: "pull \(image)", message: "a line of the answer is too long", status: 0)
                }
            }
        } catch let error as DockerError { problem = error.message }
        if let problem { throw Failure.failed("\(who): image \(image): \(problem)") }
    }

    // MARK: The sandbox

    /// Makes and starts the pause container, and rewrites its resolv.conf; its id.
    func makeSandbox() throws -> String {
        progress.say("making the sandbox")
        var host: [Value.Member] = [
            .init(
                "NetworkMode",
                .string(plan.isOnHostNetwork ? "host" : network == .bridge ? "default" : network.rawValue)
            ),
            .init("IpcMode", .string(plan.isInHostIPC ? "host" : "shareable")),
            .init("Privileged", .bool(false)), .init("SecurityOpt", .strings(["no-new-privileges"])),
            .init("CgroupParent", .string(cgroupParent)), .init("CpuShares", .int(2)),
            .init("OomScoreAdj", .int(Self.pauseScore)),
        ]
        if plan.isInHostPID { host.append(.init("PidMode", .string("host"))) }
        if !plan.sysctls.isEmpty {
            host.append(.init("Sysctls", .object(plan.sysctls.map { .init($0.key, .string($0.value)) })))
        }
        // By "PORT/PROTOCOL", of which one container's port may have several on the node.
        var ports: [String: [Value]] = [:]
        if !plan.isOnHostNetwork {
            for port in plan.containers.flatMap(\.ports) {
                let key = "\(port.container)/\(port.transport.lowercased())"
                let binding: Value = .object(["HostPort": .string(String(port.host)), "HostIp": .string(port.address)])
                ports[key, default: []] += port.host > 0 ? [binding] : []
            }
        }
        let bound = ports.sorted { $0.key < $1.key }
        host.append(
            .init("PortBindings", .object(bound.filter { !$0.value.isEmpty }.map { .init($0.key, .array($0.value)) }))
        )
        var config: [Value.Member] = [
            .init("Image", .string(pauseImage)),
            labels(
                Labels.map(plan.labels),
                annotations: Labels.map(plan.annotations),
                [Self.typeLabel: "podsandbox", Labels.containerName: "POD"]
            ),
            .init("ExposedPorts", .object(bound.map { .init($0.key, .object([])) })),
        ]
        if !plan.hostname.isEmpty { config.append(.init("Hostname", .string(plan.hostname))) }
        let id = try create(name("POD", 0), config, host, score: Self.pauseScore, who: "the pause container")
        try rewrite(id)
        return id
    }

    /// Creates and starts; a node that may not lower the score gets the lowest that it may.
    private func create(
        _ name: String,
        _ config: [Value.Member],
        _ host: [Value.Member],
        score: Int,
        who: String
    ) throws -> String {
        func make(_ host: [Value.Member]) throws -> String {
            let body = Value.object(config + [.init("HostConfig", .object(host))])
            let answer = try docker.json(
                "POST",
                "/containers/create?name=\(DockerConnection.escaped(name))",
                body,
                call: "\(who): create",
                isUnbroken: true
            )
            try Task.checkCancellation()
            guard let id = answer["Id"]?.string else {
                throw DockerError(call: "\(who): create", message: "the answer has no Id", status: 0)
            }
            return id
        }
        let id = try make(host)
        do {
            _ = try docker.request("POST", "/containers/\(id)/start", call: "\(who): start", isUnbroken: true)
            return id
        } catch let error as DockerError where score < Self.lowestScore {
            // The runtime's words for it differ from release to release; runc 1.1 says only that its child is gone.
            _ = try? docker.request("DELETE", "/containers/\(id)?force=1&v=1", call: "\(who): remove", isUnbroken: true)
            let lowest = Self.lowestScore
            let other = host.map { $0.key == "OomScoreAdj" ? Value.Member("OomScoreAdj", .int(lowest)) : $0 }
            let second = try make(other)
            do {
                _ = try docker.request("POST", "/containers/\(second)/start", call: "\(who): start", isUnbroken: true)
            } catch {
                // It was something else.
                _ = try? docker.request("DELETE", "/containers/\(second)?force=1&v=1", call: "\(who): remove")
                throw error
            }
            progress.warn(
                "\(who): oom_score_adj \(score) is not permitted here (\(error.message)): \(lowest), the lowest permitted, it is"
            )
            return second
        } catch let error as DockerError where error.status != 0 {
            // It is made anew.
            _ = try? docker.request("DELETE", "/containers/\(id)?force=1&v=1", call: "\(who): remove", isUnbroken: true)
            throw error
        }
    }

    /// What a process without CAP_SYS_RESOURCE may have: no less than it has had, here that of ours.
    private static var lowestScore: Int {
        let bytes = (try? LocalFile.contents(of: "/proc/self/oom_score_adj", limit: 64)) ?? []
        return Int(String(decoding: bytes.prefix { $0 != UInt8(ascii: "\n") }, as: UTF8.self)) ?? 0
    }

    /// `rewriteResolvFile`: in place; a missing file is an error; nothing to say leaves it as it is.
    private func rewrite(_ id: String) throws {
        let sandbox = try docker.json("GET", "/containers/\(id)/json", call: "look at the pause container")
        let path = sandbox["ResolvConfPath"]?.string ?? ""
        guard !path.isEmpty else { return progress.warn("ResolvConfPath is empty.") }
        guard LocalFile.exists(path) else {
            throw Failure.failed(
                "rewrite resolv.conf failed for pod \"\(plan.name)\": ResolvConfPath \"\(path)\" does not exist"
            )
        }
        let network = sandbox["NetworkSettings"]
        try files.addAddresses([network?["IPAddress"]?.string ?? ""].filter { !$0.isEmpty }, plan)
        guard !lists.isEmpty else { return }
        let bytes = Rendering(lists, by: Runtime(.criDockerd), on: .init(resolvConf: nil)).file ?? []
        do throws(FileError) { try LocalFile.overwrite(path, with: bytes) } catch {
            throw Failure.failed("rewrite resolv.conf failed for pod \"\(plan.name)\": \(error)")
        }
    }

    // MARK: Containers

    func start(_ container: ContainerPlan, attempt: Int, in sandbox: String) throws -> String {
        do throws(FileError) {
            try LocalFile.replace(files.terminationLog(container.name, attempt), with: [], mode: 0o666)
        } catch { throw Failure.failed("container \(container.name): \(error)") }
        progress.say("starting \(container.name)")
        let log = files.log(container.name, attempt)
        var config: [Value.Member] = [
            .init("Image", .string(container.image)),
            labels(
                annotations: Labels.annotations(container, attempt, of: plan),
                [
                    Self.typeLabel: "container", Self.sandboxLabel: sandbox, Self.logLabel: log,
                    Labels.containerName: container.name,
                ]
            ),
            // The image's own check is none of the pod's.
            .init("Healthcheck", .object([.init("Test", .strings(["NONE"]))])),
            .init("Env", .strings(container.environment.map { "\($0.name)=\($0.value)" })),
            .init("OpenStdin", .bool(container.hasStandardInput)),
            .init("StdinOnce", .bool(container.closesStandardInput)), .init("Tty", .bool(container.hasTerminal)),
        ]
        if !container.command.isEmpty { config.append(.init("Entrypoint", .strings(container.command))) }
        if !container.arguments.isEmpty {
            config.append(.init("Cmd", .strings(container.arguments)))
        } else if !container.command.isEmpty {
            // The image's own arguments do not go with another command.
            config.append(.init("Cmd", .array([])))
        }
        if !container.workingDirectory.isEmpty {
            config.append(.init("WorkingDir", .string(container.workingDirectory)))
        }
        let user =
            (container.security.runAsUser ?? plan.security.runAsUser).map(String.init)
            ?? PodPlan.user(ofImage: imageUsers[container.name] ?? "")
        let group = container.security.runAsGroup ?? plan.security.runAsGroup
        config.append(.init("User", .string(user + (group.map { ":\($0)" } ?? ""))))
        let score = container.resources.oomScore(quality: plan.qosClass, nodeMemory: nodeMemory)
        let host = try hostConfig(container, attempt, sandbox) + [.init("OomScoreAdj", .int(score))]
        let who = "container \(container.name)"
        let id = try create(name(container.name, attempt), config, host, score: score, who: who)
        try link(log, to: id, who)
        return id
    }

    func started(_ container: ContainerPlan, attempt: Int, in sandbox: String) throws -> String? {
        let who = "container \(container.name)"
        let details: Value
        do {
            details = try docker.json("GET", "/containers/\(name(container.name, attempt))/json", call: "\(who): look")
        } catch let error as DockerError where error.isMissing { return nil }
        guard let id = details["Id"]?.string else {
            throw DockerError(call: "\(who): look", message: "the answer has no Id", status: 0)
        }
        guard details["State"]?["Status"]?.string != "created" else {
            try remove(container: id)
            return nil
        }
        try link(files.log(container.name, attempt), to: id, who)
        return id
    }

    /// The pod's log directory leads to what Docker writes (`createContainerLogSymlink`), for those who read logs there.
    private func link(_ log: String, to id: String, _ who: String) throws {
        let path = try docker.json("GET", "/containers/\(id)/json", call: "\(who): look")["LogPath"]?.string ?? ""
        // Other logging drivers have no file.
        guard !path.isEmpty else { return }
        do throws(FileError) { try LocalFile.link(log, to: path) } catch {
            progress.warn("\(who): its log is not in \(files.logs): \(error)")
        }
    }

    private func hostConfig(_ container: ContainerPlan, _ attempt: Int, _ sandbox: String) throws -> [Value.Member] {
        let security = container.security
        var binds: [String] = []
        for mount in container.mounts {
            var options = [mount.isReadOnly ? "ro" : "rw"]
            if mount.propagation == "Bidirectional" { options.append("rshared") }
            if mount.propagation == "HostToContainer" { options.append("rslave") }
            binds.append("\(try files.source(mount, plan)):\(mount.path):\(options.joined(separator: ","))")
        }
        let taken = Set(container.mounts.map(\.path))
        if !taken.contains("/etc/hosts") { binds.append("\(files.hosts):/etc/hosts") }
        if !taken.contains(container.terminationMessagePath) {
            binds.append("\(files.terminationLog(container.name, attempt)):\(container.terminationMessagePath)")
        }
        for view in procViews where !taken.contains(view.container) {
            binds.append("\(view.node):\(view.container):ro")
        }
        var options: [String] = []
        if security.allowsEscalation == false { options.append("no-new-privileges") }
        switch security.seccompType ?? plan.security.seccompType {
        case "RuntimeDefault": break
        case "Localhost":
            throw Failure.failed("container \(container.name): seccompProfile Localhost is not supported with Docker")
        default: options.append("seccomp=unconfined")
        }
        var host: [Value.Member] = [
            .init("NetworkMode", .string("container:\(sandbox)")), .init("IpcMode", .string("container:\(sandbox)")),
            .init("Binds", .strings(binds)), .init("SecurityOpt", .strings(options)),
            .init("Privileged", .bool(security.isPrivileged ?? false)),
            .init("ReadonlyRootfs", .bool(security.hasReadOnlyRoot ?? false)),
            .init("CgroupParent", .string(cgroupParent)),
            .init("CapAdd", .strings(security.addCapabilities)), .init("CapDrop", .strings(security.dropCapabilities)),
            .init("CpuShares", .int(container.resources.cpuShares)), .init("CpuPeriod", .int(CgroupPlan.cpuPeriod)),
            .init("CpuQuota", .int(container.resources.cpuQuota)),
        ]
        if let memory = container.resources.memoryLimit {
            // The same for both: no swap.
            host += [.init("Memory", .int(memory)), .init("MemorySwap", .int(memory))]
        }
        let groups = (plan.fsGroup.map { [$0] } ?? []) + plan.supplementalGroups
        if !groups.isEmpty { host.append(.init("GroupAdd", .strings(groups.map(String.init)))) }
        // The node's name (`modifyHostOptionsForContainer`).
        if plan.isOnHostNetwork { host.append(.init("UTSMode", .string("host"))) }
        if plan.isInHostPID { host.append(.init("PidMode", .string("host"))) }
        if plan.sharesProcesses { host.append(.init("PidMode", .string("container:\(sandbox)"))) }
        return host
    }

    func exitCodes(_ ids: [String], in sandbox: String) throws -> [String: Int32] {
        var codes: [String: Int32] = [:]
        for id in ids {
            let state: Value?
            do {
                state = try docker.json("GET", "/containers/\(id)/json", call: "look at a container")["State"]
            } catch let
                error as DockerError where error.isMissing
            {
                codes[id] = Ended.unknown
                continue
            }
            guard state?["Status"]?.string == "exited" || state?["Status"]?.string == "dead" else { continue }
            codes[id] = Int32(clamping: state?["ExitCode"]?.int ?? 255)
        }
        return codes
    }

    func isReady(sandbox: String) throws -> Bool {
        do {
            let details = try docker.json("GET", "/containers/\(sandbox)/json", call: "look at the pause container")
            return details["State"]?["Running"]?.bool ?? false
        } catch let error as DockerError where error.isMissing { return false }
    }

    func stop(_ id: String) throws {
        try DockerPods(docker: docker).stop(id, plan.graceSeconds, call: "stop a container")
    }

    func remove(container id: String) throws {
        _ = try docker.request("DELETE", "/containers/\(id)?v=1", call: "remove a container")
    }
}
