// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

import CRI
import CRIClient
import DockerEngine
import Documents
import Glibc
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
    /// The kubelet's --root-dir.
    var kubeletRoot: String
    var hasKubelet: Bool
    var progress: Progress
    var marks: [String: String]
    /// Docker's pause container.
    var pauseImage: String
    var network: Runtime.Network

    /// The node's memory, in bytes.
    static var nodeMemory: Int {
        let bytes = (try? LocalFile.contents(of: "/proc/meminfo", limit: 1 << 16)) ?? []
        let line = String(decoding: bytes, as: UTF8.self).split(separator: "\n").first { $0.hasPrefix("MemTotal:") }
        return (line?.split(separator: " ").dropFirst().first.flatMap { Int($0) } ?? 0) * 1024
    }

    func overCRI(socket: String, isDetached: Bool, removesAtEnd: Bool) async throws -> [Ended] {
        let begun = Begun()
        do {
            return try await Self.explained {
                try await CRIConnection.with(socket: socket) { connection in
                    try await overCRI(connection, socket, begun, isDetached: isDetached, removesAtEnd: removesAtEnd)
                }
            }
        } catch let left as PodLeft {
            throw Failure.failed(left.message)
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
            let again = "'umwelt pod rm \(plan.title)' tries again"
            progress.warn("pod \(plan.title) could not be removed: \(error); \(again)")
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
    ) async throws -> [Ended] {
        _ = try await connection.version()
        for word in lists.servers + lists.searches + lists.options where !word.isUTF8 {
            throw Failure.failed(
                "the pod does not start: \(word) of its resolv.conf is no UTF-8, and a CRI runtime takes nothing else"
            )
        }
        let pods = CRIPods(connection: connection)
        @Sendable func known() async throws -> [(uid: String, title: String)] {
            try await pods.list().map { ($0.metadata.uid, "\($0.metadata.namespace)/\($0.metadata.name)") }
        }
        // Once more, later; but who is to wait for images only to hear that?
        guard try await !known().contains(where: { $0.title == plan.title }) else { throw taken }
        let isSystemd = await usesSystemd(connection)
        let parent = plan.cgroupParent(isSystemd: isSystemd)
        let config = CRIConfig(
            plan: plan,
            files: files,
            dns: lists,
            isSystemd: isSystemd,
            kubeletRoot: kubeletRoot,
            nodeMemory: Self.nodeMemory,
            cgroups: .ofNode,
            procViews: views,
            marks: marks.merging([Labels.cgroupParent: parent]) { $1 }
        )
        var pod = CRIPod(connection: connection, socket: socket, config: config, progress: progress)
        try await pod.pullImages()
        try await makeFiles(.cri, socket, parent, known: known)
        begun.begin(parent)
        let sandbox = try await pod.makeSandbox()
        limit(parent)
        var life = Life(pod, in: sandbox)
        if try await life.begin(), isDetached { return [] }
        let ended = try await life.supervise()
        await life.stopSidecars()
        if removesAtEnd {
            try await pods.removeAll(uid: plan.uid, graceSeconds: plan.graceSeconds)
            PodCgroup(parent: parent).remove(keepTop: hasKubelet)
        }
        return ended
    }

    private var taken: Failure {
        .failed("there is a pod \(plan.title) already: remove it with 'umwelt pod rm \(plan.title)'")
    }

    /// Makes the pod's files, unless there is one of that name; what a run that was killed left of one goes before.
    ///
    /// `known` asks the engine for its pods' uids and titles: a lock on the directory of pods keeps others from making one
    /// meanwhile.
    private func makeFiles(
        _ engine: EngineOptions.Engine,
        _ socket: String,
        _ cgroupParent: String,
        known: () async throws -> [(uid: String, title: String)]
    ) async throws {
        let root = marks[Labels.managed] ?? PodFiles.defaultRoot
        do throws(FileError) { try LocalDirectory.make(root) } catch {
            throw Failure.failed("cannot prepare pod \(plan.title): \(error)")
        }
        var lock = LocalFile.lock(root)
        while lock == nil {
            try await Task.sleep(for: .milliseconds(50))
            lock = LocalFile.lock(root)
        }
        defer { if let lock { close(lock) } }
        let pods = try await known()
        guard !pods.contains(where: { $0.title == plan.title }) else { throw taken }
        for other in HalfMade.all(below: root, engine, socket, besides: pods.map(\.uid))
        where other.title == plan.title {
            guard !other.isInTheMaking else { throw taken }
            progress.say("removing what a run that was killed left")
            try other.remove(keepTop: hasKubelet)
        }
        let marks = marks.merging([Labels.cgroupParent: cgroupParent]) { $1 }
        do { try files.make(plan, note: HalfMade.note(plan, engine, socket, marks: marks)) } catch {
            try? files.remove()
            throw error
        }
    }

    /// What the kubelet sets on the pod's cgroup, which is there once the sandbox is.
    private func limit(_ parent: String) {
        for problem in PodCgroup(parent: parent).limit(plan.cgroup) { progress.warn(problem) }
    }

    /// The runtime's own word, from Kubernetes 1.28's CRI on; else the kubelet's setting.
    private func usesSystemd(_ connection: CRIConnection) async -> Bool {
        let answer = try? await connection.call("RuntimeConfig") { options in
            try await connection.runtime.runtimeConfig(Runtime_V1_RuntimeConfigRequest(), options: options)
        }
        guard let answer, answer.hasLinux else { return isSystemd }
        return answer.linux.cgroupDriver == .systemd
    }

    func overDocker(socket: String, isDetached: Bool, removesAtEnd: Bool) async throws -> [Ended] {
        try await Self.explained {
            let docker = try DockerConnection(socket: socket)
            let pods = DockerPods(docker: docker)
            func known() throws -> [(uid: String, title: String)] {
                try pods.items().filter(\.isSandbox).map { ($0.label(Labels.podUID), "\($0.namespace)/\($0.name)") }
            }
            guard try !known().contains(where: { $0.title == plan.title }) else { throw taken }
            let isSystemd =
                try docker.json("GET", "/info", call: "look at Docker")["CgroupDriver"] == .string("systemd")
            let parent = plan.cgroupParent(isSystemd: isSystemd)
            var pod = DockerPod(
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
            try await makeFiles(.docker, socket, parent, known: known)
            do {
                let sandbox = try pod.makeSandbox()
                limit(parent)
                var life = Life(pod, in: sandbox)
                if try await life.begin(), isDetached { return [] }
                let ended = try await life.supervise()
                await life.stopSidecars()
                if removesAtEnd {
                    try await pods.remove(uid: plan.uid, graceSeconds: plan.graceSeconds, keepTop: hasKubelet)
                }
                return ended
            } catch let left as PodLeft {
                throw Failure.failed(left.message)
            } catch {
                await takeBack {
                    // What is on the disk goes, whatever Docker says.
                    var problem: (any Error)?
                    do {
                        let seconds = min(plan.graceSeconds, 10)
                        try await pods.remove(uid: plan.uid, graceSeconds: seconds, keepTop: hasKubelet)
                    } catch { problem = error }
                    try files.remove()
                    PodCgroup(parent: parent).remove(keepTop: hasKubelet)
                    if let problem { throw problem }
                }
                throw error
            }
        }
    }
}
