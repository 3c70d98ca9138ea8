// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

import Documents
import DockerEngine
import Terminal

/// The pods that Docker has and `umwelt pod run` made.
struct DockerPods: Sendable {
    var docker: DockerConnection

    struct Item: Sendable {
        var id: String
        var labels: [String: String]
        var state: String
        var created: Int

        func label(_ name: String) -> String { labels[name] ?? "" }
        var isSandbox: Bool { label(DockerPod.typeLabel) == "podsandbox" }
        var name: String { label(Labels.podName) }
        var namespace: String { label(Labels.podNamespace) }
        var container: String { label(Labels.containerName) }
        var files: PodFiles

        /// As Docker lists it; nil where it is none of ours, whatever its image says.
        init?(_ entry: Value) {
            id = entry["Id"]?.string ?? ""
            labels = Dictionary((entry["Labels"]?.members ?? []).map { ($0.key, $0.value.string ?? "") }) { $1 }
            state = entry["State"]?.string ?? ""
            created = entry["Created"]?.int ?? 0
            let files = PodFiles(
                marks: labels,
                namespace: labels[Labels.podNamespace] ?? "",
                name: labels[Labels.podName] ?? "",
                uid: labels[Labels.podUID] ?? ""
            )
            guard let files else { return nil }
            self.files = files
        }
    }

    /// All containers of ours, the oldest first.
    func items() throws -> [Item] {
        let filter = Value.object(["label": .strings([Labels.managed])]).compactJSON
        let answer = try docker.json(
            "GET",
            "/containers/json?all=1&filters=\(DockerConnection.escaped(filter))",
            call: "list containers"
        )
        return (answer.array ?? []).compactMap { Item($0) }.reversed().sorted { $0.created < $1.created }
    }

    func find(_ name: String) throws -> Item {
        let sandboxes = try items().filter(\.isSandbox)
        let parts = name.split(separator: "/", maxSplits: 1).map(String.init)
        let found = sandboxes.filter { item in
            parts.count == 2 ? item.namespace == parts[0] && item.name == parts[1] : item.name == name
        }
        if found.count > 1 {
            throw Failure.failed(
                "there are several pods \(name): \(found.map { "\($0.namespace)/\($0.name)" }.joined(separator: ", "))"
            )
        }
        guard let item = found.first ?? sandboxes.first(where: { name.utf8.count >= 8 && $0.id.hasPrefix(name) }) else {
            throw Failure.failed("there is no pod \(name) (see 'umwelt pod ps')")
        }
        return item
    }

    func rows() throws -> [PodRow] {
        let all = try items()
        return all.filter(\.isSandbox).map { sandbox in
            let containers = all.filter { $0.label(DockerPod.sandboxLabel) == sandbox.id }
            return PodRow(
                namespace: sandbox.namespace,
                name: sandbox.name,
                state: sandbox.state == "running" ? "ready" : "stopped",
                id: sandbox.id,
                containers: containers.map { ($0.container, $0.state, $0.id) }
            )
        }
    }

    /// The container that a command line names.
    func target(_ options: ContainerOptions, needsRunning: Bool) throws -> Item {
        let sandbox = try find(options.pod)
        let all = try items().filter { $0.label(DockerPod.sandboxLabel) == sandbox.id }
        let some = all.filter { $0.container == options.container || options.container == nil }
        guard let last = some.last else {
            throw options.noContainer(besides: all.map(\.container))
        }
        let candidates = needsRunning ? some.filter { $0.state == "running" } : some
        guard let chosen = candidates.last else {
            throw Failure.failed("no container of pod \(options.pod) runs: \(last.container) has ended")
        }
        if options.container == nil, Set(candidates.map(\.container)).count > 1 {
            let list = candidates.map(\.container).joined(separator: ", ")
            throw Failure.usage("pod \(options.pod) has several containers (\(list)): choose one with --container")
        }
        return chosen
    }

    /// Ends a container; one that has ended is no error.
    func stop(_ id: String, _ graceSeconds: Int, call: String) throws {
        let path = "/containers/\(id)/stop?t=\(graceSeconds)"
        _ = try docker.request("POST", path, call: call, timeout: graceSeconds + 120)
    }

    /// Stops and removes every container of that pod, the pause container last, and what it has on the disk.
    ///
    /// `keepTop` where a kubelet keeps the cgroups above it.
    func remove(uid: String, graceSeconds: Int, keepTop: Bool) async throws {
        func left() throws -> [Item] { try items().filter { $0.label(Labels.podUID) == uid } }
        var all = try left()
        guard let one = all.first else { return }
        let files = one.files
        files.giveUp()
        // Again for one that its run was about to start.
        for _ in 0..<3 where !all.isEmpty {
            // As the kubelet does: all of them at once. What does not end is removed by force.
            await withTaskGroup { group in
                for item in all where item.state == "running" && !item.isSandbox {
                    group.addTask(executorPreference: Threads.own) {
                        try? stop(item.id, graceSeconds, call: "stop \(item.container)")
                    }
                }
            }
            for item in all.filter({ !$0.isSandbox }) + all.filter(\.isSandbox) {
                let path = "/containers/\(item.id)?force=1&v=1"
                do { _ = try docker.request("DELETE", path, call: "remove \(item.container)") } catch let error
                    as DockerError
                    where error.isMissing
                {}
            }
            all = try left()
        }
        try files.remove()
        if let parent = one.labels[Labels.cgroupParent] { PodCgroup(parent: parent).remove(keepTop: keepTop) }
    }
}
