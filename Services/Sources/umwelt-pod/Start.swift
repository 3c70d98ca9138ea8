// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

import CRI
import CRIClient
import DockerEngine
import Documents
import LocalFiles
import PodDNS
import Pods
import Synchronization
import Terminal

/// One run of a pod, from nothing to its end; whatever goes wrong on the way, nothing is left of it.
struct Start: Sendable {
    var plan: PodPlan
    var lists: Rendering.Lists
    var files: PodFiles
    var views: [(container: String, node: String)]
    var isSystemd: Bool
    var hasKubelet: Bool
    var progress: Progress
    var marks: [String: String]
    /// Docker's pause container.
    var pauseImage: String
    var network: Runtime.Network

    typealias Codes = [(name: String, code: Int32)]

    /// The node's memory, in bytes.
    static var nodeMemory: Int {
        let bytes = (try? LocalFile.contents(of: "/proc/meminfo", limit: 1 << 16)) ?? []
        let line = String(decoding: bytes, as: UTF8.self).split(separator: "\n").first { $0.hasPrefix("MemTotal:") }
        return (line?.split(separator: " ").dropFirst().first.flatMap { Int($0) } ?? 0) * 1024
    }

    func overCRI(socket: String, isDetached: Bool, removesAtEnd: Bool) async throws -> Codes {
        let begun = Begun()
        do {
            return try await Self.explained {
                try await CRIConnection.with(socket: socket) { connection in
                    try await overCRI(connection, socket, begun, isDetached: isDetached, removesAtEnd: removesAtEnd)
                }
            }
        } catch {
            if let parent = begun.cgroupParent {
                await takeBack {
                    // Over a connection of its own: that of a task that was cancelled is closed.
                    try await CRIConnection.with(socket: socket) { connection in
                        let pods = CRIPods(connection: connection)
                        try await pods.removeAll(uid: plan.uid, graceSeconds: min(plan.graceSeconds, 10))
                    }
                    try files.remove()
                    PodCgroup(parent: parent).remove(keepTop: hasKubelet)
                }
            }
            throw error
        }
    }

    /// Where a run is: from when on there is something to take back.
    private final class Begun: Sendable {
        private let parent = Mutex<String?>(nil)

        /// The pod's cgroup; nil as long as nothing has been made.
        var cgroupParent: String? { parent.withLock { $0 } }
        func begin(_ cgroupParent: String) { parent.withLock { $0 = cgroupParent } }
    }

    /// Removes what was made, also after Ctrl-C, which has cancelled this task.
    private func takeBack(_ body: @Sendable @escaping () async throws -> Void) async {
        progress.say("removing the pod")
        do { try await Task.detached { try await body() }.value } catch {
            progress.warn("pod \(plan.title) could not be removed: \(error)")
        }
    }

    /// The engine's errors as ours.
    static func explained<Result: Sendable>(_ body: () async throws -> Result) async throws -> Result {
        do { return try await body() } catch let error as CRIError { throw Failure.failed(error.description) } catch let
            error
            as DockerError
        { throw Failure.failed(error.description) }
    }

    private func overCRI(
        _ connection: CRIConnection,
        _ socket: String,
        _ begun: Begun,
        isDetached: Bool,
        removesAtEnd: Bool
    ) async throws -> Codes {
        _ = try await connection.version()
        let pods = CRIPods(connection: connection)
        for item in try await pods.list()
        where item.metadata.name == plan.name && item.metadata.namespace == plan.namespace {
            throw Failure.failed("there is a pod \(plan.title) already: remove it with 'umwelt pod rm \(plan.title)'")
        }
        let isSystemd = await usesSystemd(connection)
        let parent = plan.cgroupParent(isSystemd: isSystemd)
        let config = CRIConfig(
            plan: plan,
            files: files,
            dns: lists,
            isSystemd: isSystemd,
            nodeMemory: Self.nodeMemory,
            procViews: views,
            marks: marks.merging([Labels.cgroupParent: parent]) { $1 }
        )
        let pod = CRIPod(connection: connection, socket: socket, config: config, progress: progress)
        let references = try await pod.pullImages()
        begun.begin(parent)
        try files.make(plan)
        let sandbox = try await pod.makeSandbox()
        limit(parent)
        let sidecars = try await pod.runInitContainers(in: sandbox, references)
        let running = try await pod.startContainers(in: sandbox, references)
        if isDetached { return [] }
        let codes = try await pod.supervise(running, sidecars: sidecars, in: sandbox, references)
        await pod.stop(sidecars)
        if removesAtEnd {
            try await pods.removeAll(uid: plan.uid, graceSeconds: plan.graceSeconds)
            PodCgroup(parent: parent).remove(keepTop: hasKubelet)
        }
        return codes
    }

    /// What the kubelet sets on the pod's cgroup, which is there once the sandbox is.
    private func limit(_ parent: String) {
        for problem in PodCgroup(parent: parent).limit(plan.cgroup) { progress.warn(problem) }
    }

    /// The runtime's own word, from Kubernetes 1.28's CRI on; else the kubelet's setting.
    private func usesSystemd(_ connection: CRIConnection) async -> Bool {
        let answer = try? await connection.call("RuntimeConfig", timeout: .seconds(10)) { options in
            try await connection.runtime.runtimeConfig(Runtime_V1_RuntimeConfigRequest(), options: options)
        }
        guard let answer, answer.hasLinux else { return isSystemd }
        return answer.linux.cgroupDriver == .systemd
    }

    func overDocker(socket: String, isDetached: Bool, removesAtEnd: Bool) async throws -> Codes {
        try await Self.explained {
            let docker = try DockerConnection(socket: socket)
            let pods = DockerPods(docker: docker)
            for item in try pods.items()
            where item.isSandbox && item.name == plan.name && item.namespace == plan.namespace {
                throw Failure.failed(
                    "there is a pod \(plan.title) already: remove it with 'umwelt pod rm \(plan.title)'"
                )
            }
            let isSystemd =
                try docker.json("GET", "/info", call: "look at Docker")["CgroupDriver"] == .string("systemd")
            let parent = plan.cgroupParent(isSystemd: isSystemd)
            let pod = DockerPod(
                docker: docker,
                plan: plan,
                files: files,
                lists: lists,
                // systemd's slices go by their own name.
                cgroupParent: isSystemd ? parent.split(separator: "/").last.map(String.init) ?? "" : parent,
                nodeMemory: Self.nodeMemory,
                procViews: views,
                marks: marks.merging([Labels.cgroupParent: parent]) { $1 },
                pauseImage: pauseImage,
                network: network,
                progress: progress
            )
            try pod.pullImages()
            do {
                try files.make(plan)
                let sandbox = try pod.makeSandbox()
                limit(parent)
                let sidecars = try await pod.runInitContainers(in: sandbox)
                let running = try pod.startContainers(in: sandbox)
                if isDetached { return [] }
                let codes = try await pod.supervise(running, sidecars: sidecars, in: sandbox)
                for item in sidecars {
                    _ = try? docker.request("POST", "/containers/\(item.id)/stop?t=\(plan.graceSeconds)", call: "stop")
                }
                if removesAtEnd {
                    try pods.remove(uid: plan.uid, graceSeconds: plan.graceSeconds, keepTop: hasKubelet)
                }
                return codes
            } catch {
                await takeBack {
                    // What is on the disk goes, whatever Docker says.
                    let removed = Result {
                        try pods.remove(uid: plan.uid, graceSeconds: min(plan.graceSeconds, 10), keepTop: hasKubelet)
                    }
                    try files.remove()
                    PodCgroup(parent: parent).remove(keepTop: hasKubelet)
                    try removed.get()
                }
                throw error
            }
        }
    }
}
