// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

import LocalFiles
import Pods
import Terminal

/// What the life of a pod's containers needs of an engine.
protocol ContainerEngine: Sendable {
    var plan: PodPlan { get }
    var files: PodFiles { get }
    var progress: Progress { get }

    /// Makes and starts a container; its id.
    func start(_ container: ContainerPlan, attempt: Int, in sandbox: String) async throws -> String
    /// The exit code of one that has ended; nil while it runs.
    func exitCode(_ id: String) async throws -> Int32?
    /// Ends it, within the pod's grace period.
    func stop(_ id: String) async throws
    /// Removes one that has ended.
    func remove(container id: String) async throws
}

/// Somebody else removes the pod.
struct PodRemoved: Error {}

/// The life of a pod's containers in their sandbox: started in order, started again with the kubelet's pauses
/// (`doBackOff`, pkg/kubelet/kuberuntime), until all but the sidecars have ended.
struct Life {
    private static let firstPause = Duration.seconds(10)
    private static let longestPause = Duration.seconds(300)
    /// Who has run for so long begins anew.
    private static let forgetting = longestPause * 2
    private static let lookPause = Duration.milliseconds(250)

    private struct Item {
        var container: ContainerPlan
        var isInit: Bool
        var id: String
        var attempt = 0
        var started = ContinuousClock.now
        /// Before it is started again; the first time at once.
        var pause = Duration.zero
        /// When it is to be started again; nil while it runs.
        var restart: ContinuousClock.Instant?
        /// Set when it has ended for good.
        var code: Int32?
    }

    private let engine: any ContainerEngine
    private let sandbox: String
    private var items: [Item] = []

    init(_ engine: any ContainerEngine, in sandbox: String) {
        self.engine = engine
        self.sandbox = sandbox
    }

    /// Runs the init containers one after the other, and starts the rest; sidecars are looked after meanwhile.
    ///
    /// Throws `PodRemoved` where somebody removes the pod meanwhile.
    mutating func begin() async throws {
        do { try await startAll() } catch { throw engine.files.isWanted ? error : PodRemoved() }
    }

    private mutating func startAll() async throws {
        for container in engine.plan.initContainers {
            try await start(container, isInit: true)
            guard !container.isSidecar, let index = items.indices.last else { continue }
            while items[index].code == nil { try await look() }
        }
        for container in engine.plan.containers { try await start(container, isInit: false) }
    }

    /// Looks after the containers until all but the sidecars have ended for good; their exit codes.
    ///
    /// Throws `PodRemoved` where somebody removes the pod meanwhile.
    mutating func supervise() async throws -> Start.Codes {
        do {
            while items.contains(where: { !$0.container.isSidecar && $0.code == nil }) { try await look() }
        } catch { throw engine.files.isWanted ? error : PodRemoved() }
        return items.filter { !$0.isInit }.compactMap { item in item.code.map { (item.container.name, $0) } }
    }

    /// Stops the sidecars, the last one first, so that the pod is at rest.
    func stopSidecars() async {
        for item in items.reversed() where item.container.isSidecar { try? await engine.stop(item.id) }
    }

    private mutating func start(_ container: ContainerPlan, isInit: Bool) async throws {
        let id = try await engine.start(container, attempt: 0, in: sandbox)
        items.append(Item(container: container, isInit: isInit, id: id))
    }

    /// After a pause, one look at each container that has not ended for good.
    private mutating func look() async throws {
        try await Task.sleep(for: Self.lookPause)
        guard engine.files.isWanted else { throw PodRemoved() }
        for index in items.indices where items[index].code == nil {
            if let restart = items[index].restart {
                if restart <= .now { try await startAgain(index) }
            } else if let code = try await engine.exitCode(items[index].id) {
                try ended(index, code)
            }
        }
    }

    private mutating func startAgain(_ index: Int) async throws {
        var item = items[index]
        item.restart = nil
        item.attempt += 1
        item.pause = item.pause == .zero ? Self.firstPause : min(item.pause * 2, Self.longestPause)
        let old = item.id
        item.id = try await engine.start(item.container, attempt: item.attempt, in: sandbox)
        item.started = .now
        items[index] = item
        try? await engine.remove(container: old)
    }

    private mutating func ended(_ index: Int, _ code: Int32) throws(Failure) {
        let item = items[index]
        let policy = engine.plan.restartPolicy
        let isSidecar = item.container.isSidecar
        let title = item.isInit && !isSidecar ? "init container \(item.container.name)" : item.container.name
        let said = "\(title) ended with \(code)\(message(item))"
        let isRestarted =
            isSidecar || (policy == .onFailure && code != 0) || (policy == .always && (!item.isInit || code != 0))
        guard isRestarted else {
            if item.isInit, code != 0 { throw .failed(said) }
            if !item.isInit { engine.progress.say(said) }
            items[index].code = code
            return
        }
        let pause = item.started.duration(to: .now) > Self.forgetting ? .zero : item.pause
        engine.progress.say("\(said), again " + (pause == .zero ? "at once" : "in \(pause.components.seconds) s"))
        items[index].pause = pause
        items[index].restart = .now + pause
    }

    /// What a container left at its terminationMessagePath.
    private func message(_ item: Item) -> String {
        let path = engine.files.terminationLog(item.container.name, item.attempt)
        guard let bytes = try? LocalFile.contents(of: path, limit: 4096), !bytes.isEmpty else { return "" }
        return ": " + String(decoding: bytes, as: UTF8.self).split(whereSeparator: \.isNewline).joined(separator: " ")
    }
}
