// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

import CNetns
import DockerEngine
package import Documents
import Foundation
import Glibc
import LocalFiles
import Manifests
import NodeDNS
import PodDNS
import Terminal

/// A sandbox or container that runs on this node, as its engine knows it.
package struct RunningPod {
    var title: String
    /// The engine, with its version.
    var runtime: Runtime
    var network: Runtime.Network
    /// Its name, namespace, uid and network; nil where it is no pod's.
    var identity: Pod?
    /// Whether the kubelet made it of a file in its directory.
    var isStatic = false
    /// What the pod says of its DNS; nil where nobody knows.
    var pod: Pod?
    /// Where that was found.
    package var specSource: String?
    /// The lists that the engine was given; nil where it does not tell.
    var given: Rendering.Lists?
    /// The file that the engine wrote for it.
    var path: String?
    /// Processes of it, the sandbox's last.
    var processes: [(name: String, pid: Int)]

    /// What the engine wrote, as it is now.
    func written() -> [UInt8]? { path.flatMap { try? LocalFile.contents(of: $0, limit: Limits.fileSize) } }

    /// What a process of it sees.
    static func seen(by pid: Int) -> [UInt8]? { file("/etc/resolv.conf", below: "/proc/\(pid)/root") }

    /// The contents of a regular file as a process with that root directory has it; nil where it has none.
    ///
    /// Whatever links the container has made, they do not lead to a file of the node's.
    package static func file(_ path: String, below root: String) -> [UInt8]? {
        // SAFETY: the strings are passed as NUL-terminated copies that live for the call.
        let number = unsafe cnetns_open_below(root, path)
        guard number >= 0 else { return nil }
        defer { close(number) }
        return try? LocalFile.contents(ofDescriptor: number, path: path, limit: Limits.fileSize)
    }

    /// The first engine that knows it; throws where none does.
    ///
    /// `namespace` is the pod's, where the name does not tell; an id's pod has to be in it.
    static func find(
        _ name: String,
        in namespace: String?,
        _ options: SocketOptions
    ) throws(Failure) -> RunningPod {
        guard let namespace else { return try find(name, options) }
        if !name.contains("/"), let found = try? find("\(namespace)/\(name)", options) { return found }
        let found = try find(name, options)
        guard found.identity?.namespace == Word(namespace) else {
            throw .failed("\(found.title) is not in the namespace \(namespace)")
        }
        return found
    }

    private static func find(_ name: String, _ options: SocketOptions) throws(Failure) -> RunningPod {
        var reasons: [String] = []
        for engine in options.engines() {
            do throws(Failure) {
                return try engine.isDocker ? docker(name, engine.socket) : cri(name, engine.socket)
            } catch { reasons.append("\(engine.socket): \(error.message ?? "")") }
        }
        if reasons.isEmpty {
            throw .failed(
                "there is no file \(name), and no container engine listens here: name its socket with --socket"
            )
        }
        throw .failed(
            "there is no file \(name), and no container or pod of that name: " + reasons.joined(separator: "; ")
        )
    }

    // MARK: CRI

    private static func cri(_ name: String, _ socket: String) throws(Failure) -> RunningPod {
        RunningPod(inspected: try Helper.json("umwelt-pod", ["inspect", name, "--engine", "cri", "--socket", socket]))
    }

    /// From our own mark, or from what kubectl apply leaves on a pod.
    private mutating func takeSpec(from annotations: Value) {
        let key = "kubectl.kubernetes.io/last-applied-configuration"
        // dockershim writes annotations as labels with that before them.
        let applied = (annotations[key] ?? annotations["annotation." + key])?.string
        let found: (spec: Value?, source: String)
        if let mark = annotations["umwelt.dev/dns"]?.string {
            found = (try? Value.json(Array(mark.utf8)), "what umwelt pod run noted")
        } else if let applied, let manifest = try? Value.json(Array(applied.utf8)), manifest["kind"] == .string("Pod") {
            found = (manifest["spec"], "what kubectl apply noted")
        } else {
            return
        }
        guard let identity, let spec = found.spec else { return }
        let document = PodDocument(
            kind: "Pod",
            name: identity.name.description,
            namespace: identity.namespace.description,
            metadata: .object([]),
            spec: spec
        )
        guard var pod = try? document.dnsPod() else { return }
        pod.uid = identity.uid
        (self.pod, specSource) = (pod, found.source)
    }

    // MARK: Docker

    private static func docker(_ name: String, _ socket: String) throws(Failure) -> RunningPod {
        do { return try docker(name, try DockerConnection(socket: socket)) } catch let error as Failure {
            throw error
        } catch {
            throw .failed("\(error)")
        }
    }

    private static func docker(_ name: String, _ docker: DockerConnection) throws -> RunningPod {
        let parts = name.split(separator: "/", maxSplits: 1).map(String.init)
        var labels = ["io.kubernetes.pod.name=\(parts.last ?? "")", "io.kubernetes.docker.type=podsandbox"]
        if parts.count == 2 { labels.append("io.kubernetes.pod.namespace=\(parts[0])") }
        let filter = Value.object(["label": .strings(labels), "status": .strings(["running"])]).compactJSON
        let list = try docker.json(
            "GET",
            "/containers/json?filters=\(DockerConnection.escaped(filter))",
            call: "list containers"
        )
        let sandboxes = (list.array ?? []).compactMap { $0["Id"]?.string }
        guard sandboxes.count < 2 else {
            throw Failure.failed("Docker has several pods \(name): give NAMESPACE/NAME, or an id")
        }
        let id = sandboxes.first ?? DockerConnection.escaped(name)
        var details = try docker.json("GET", "/containers/\(id)/json", call: "look at \(name)")
        // A pod's container has the network and the file of its sandbox.
        if let sandbox = details["Config"]?["Labels"]?["io.kubernetes.sandbox.id"]?.string {
            let path = "/containers/\(DockerConnection.escaped(sandbox))/json"
            details = try docker.json("GET", path, call: "look at the sandbox of \(name)")
        }
        let config = details["Config"] ?? .null
        let host = details["HostConfig"] ?? .null
        let marks = config["Labels"] ?? .null
        let podName = marks["io.kubernetes.pod.name"]?.string
        let mode = host["NetworkMode"]?.string ?? ""
        let network: Runtime.Network =
            switch mode {
            case "host": .host
            case "none": .none
            case "default", "bridge", "": .bridge
            case _ where mode.hasPrefix("container:"): .none
            default: .user
            }
        func words(_ key: String) -> [Word] { (host[key]?.array ?? []).compactMap { $0.string.map { Word($0) } } }
        let lists = Rendering.Lists(servers: words("Dns"), searches: words("DnsSearch"), options: words("DnsOptions"))
        var processes: [(name: String, pid: Int)] = []
        if podName != nil, let sandbox = details["Id"]?.string {
            let filter = Value.object(["label": .strings(["io.kubernetes.sandbox.id=\(sandbox)"])]).compactJSON
            let path = "/containers/json?filters=\(DockerConnection.escaped(filter))"
            for entry in try docker.json("GET", path, call: "list containers").array ?? [] {
                guard let id = entry["Id"]?.string else { continue }
                let state = try docker.json("GET", "/containers/\(id)/json", call: "look at a container")["State"]
                let name = entry["Labels"]?["io.kubernetes.container.name"]?.string ?? id
                if let pid = state?["Pid"]?.int, pid > 0 { processes.append((name, pid)) }
            }
        }
        if let pid = details["State"]?["Pid"]?.int, pid > 0 {
            processes.append((podName == nil ? name : "the sandbox", pid))
        }
        let version = Version(docker.engineVersion)
        var running = RunningPod(
            title: podName.map { "pod \($0)" } ?? "container \(name)",
            runtime: Runtime(podName == nil ? .docker : .criDockerd, version),
            network: network,
            identity: podName.map {
                Pod(
                    name: Word($0),
                    namespace: Word(marks["io.kubernetes.pod.namespace"]?.string ?? ""),
                    uid: Word(marks["io.kubernetes.pod.uid"]?.string ?? ""),
                    isOnHostNetwork: network == .host
                )
            },
            isStatic: marks["annotation.kubernetes.io/config.source"]?.string == "file",
            given: podName == nil ? lists : nil,
            path: details["ResolvConfPath"]?.string.flatMap { $0.isEmpty ? nil : $0 },
            processes: processes
        )
        running.takeSpec(from: marks)
        return running
    }
}

extension RunningPod {
    /// From what `umwelt-pod inspect` says.
    package init(inspected answer: Value) {
        let sandbox = answer["sandbox"] ?? .null
        let runtimeName = answer["runtime"]?["name"]?.string ?? ""
        let version = answer["runtime"]?["version"]?.string.flatMap { Version($0) }
        let kind: Runtime.Kind =
            runtimeName.contains("cri-o") ? .crio : runtimeName.contains("docker") ? .criDockerd : .containerd
        let namespace = sandbox["namespace"]?.string ?? ""
        let podName = sandbox["name"]?.string ?? ""
        let isOnHost = sandbox["isOnHostNetwork"]?.bool ?? false
        let annotations = sandbox["annotations"] ?? .null
        var lists: Rendering.Lists?
        if let config = sandbox["dnsConfig"], config != .null {
            func words(_ key: String) -> [Word] { (config[key]?.array ?? []).compactMap { $0.string.map { Word($0) } } }
            lists = .init(servers: words("servers"), searches: words("searches"), options: words("options"))
        }
        let spec = sandbox["runtimeSpec"] ?? .null
        let mounted = spec["mounts"]?.array?.first { $0["destination"]?.string == "/etc/resolv.conf" }?["source"]?
            .string
        let path = spec["annotations"]?["io.kubernetes.cri-o.ResolvPath"]?.string ?? mounted
        var processes = (answer["containers"]?.array ?? []).compactMap { entry -> (name: String, pid: Int)? in
            guard let pid = entry["pid"]?.int, pid > 0 else { return nil }
            return (entry["name"]?.string ?? "", pid)
        }
        if let pid = sandbox["pid"]?.int, pid > 0 { processes.append(("the sandbox", pid)) }
        self.init(
            title: "pod \(podName)",
            runtime: Runtime(kind, version),
            network: isOnHost ? .host : .none,
            identity: Pod(
                name: Word(podName),
                namespace: Word(namespace),
                uid: Word(sandbox["uid"]?.string ?? ""),
                isOnHostNetwork: isOnHost
            ),
            isStatic: annotations["kubernetes.io/config.source"]?.string == "file",
            given: lists,
            path: path,
            processes: processes
        )
        takeSpec(from: annotations)
    }
}
