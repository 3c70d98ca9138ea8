// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

import CRIClient
import DockerEngine
import LocalFiles
import Pods
import Terminal

/// What the life of a pod's containers needs of an engine.
protocol ContainerEngine: Sendable {
    var plan: PodPlan { get }
    var files: PodFiles { get }
    var progress: Progress { get }
    /// Where the engine listens.
    var socket: String { get }

    /// Makes and starts a container; its id.
    func start(_ container: ContainerPlan, attempt: Int, in sandbox: String) async throws -> String
    /// The container of that attempt, where the engine has started one, were it that it has ended; nil where it has not.
    ///
    /// One that was made and never started is removed.
    func started(_ container: ContainerPlan, attempt: Int, in sandbox: String) async throws -> String?
    /// The exit codes of those of these containers that have ended, or that somebody has removed (`Ended.unknown`).
    func exitCodes(_ ids: [String], in sandbox: String) async throws -> [String: Int32]
    /// Whether the sandbox is there, and runs.
    func isReady(sandbox: String) async throws -> Bool
    /// Ends it, within the pod's grace period.
    func stop(_ id: String) async throws
    /// Removes one that has ended.
    func remove(container id: String) async throws
}

/// How a container ended for good.
struct Ended: Sendable, CustomStringConvertible {
    /// The code of one that is gone, as the kubelet's.
    static let unknown: Int32 = 137

    /// The container, with what kind it is of.
    var name: String
    var code: Int32
    /// What it left at its terminationMessagePath.
    var message: String

    var description: String { "\(name) ended with \(code)" + (message.isEmpty ? "" : ": \(message)") }
}

/// A run ends, and leaves the pod as it is: somebody else removes it, or its engine does not answer.
struct PodLeft: Error {
    /// Why, for people.
    var message: String
}

/// The life of a pod's containers in their sandbox: started in order, started again with the kubelet's pauses
/// (`doBackOff`, pkg/kubelet/kuberuntime), until all but the sidecars have ended.
struct Life {
    private static let longestPause = Duration.seconds(300)
    /// Who has run for so long begins anew.
    private static let forgetting = longestPause * 2
    private static let lookPause = Duration.milliseconds(250)
    /// An engine that is restarted is not waited for longer.
    private static let patience = Duration.seconds(120)

    private struct Item {
        var container: ContainerPlan
        var isInit: Bool
        var id: String
        /// Which one that is.
        var attempt = 0
        /// The last one that was tried: one that was not answered may have made a container.
        var tried = 0
        var started = ContinuousClock.now
        /// Before it is started again; the first time at once.
        var pause = Duration.zero
        /// When it is to be started again; nil while it runs.
        var restart: ContinuousClock.Instant?
        /// Set when it has ended for good.
        var ended: Ended?
    }

    private let engine: any ContainerEngine
    private let sandbox: String
    private let firstPause: Duration
    private var items: [Item] = []
    /// An init container that ended the pod.
    private var failure: Ended?
    /// Since when the engine gives no answer, and whether that was said: one that fails once is asked again first.
    private var silence: (since: ContinuousClock.Instant, isSaid: Bool)?

    init(_ engine: any ContainerEngine, in sandbox: String, firstPause: Duration = .seconds(10)) {
        self.engine = engine
        self.sandbox = sandbox
        self.firstPause = firstPause
    }

    /// Runs the init containers one after the other, and starts the rest; sidecars are looked after meanwhile.
    ///
    /// False where an init container failed for good: the rest is not started. Throws `PodLeft`.
    mutating func begin() async throws -> Bool {
        do { try await startAll() } catch { throw engine.files.isWanted ? error : removed }
        return failure == nil
    }

    private mutating func startAll() async throws {
        for container in engine.plan.initContainers {
            try await start(container, isInit: true)
            guard !container.isSidecar, let index = items.indices.last else { continue }
            while items[index].ended == nil { try await look() }
            if failure != nil { return }
        }
        for container in engine.plan.containers { try await start(container, isInit: false) }
    }

    /// Looks after the containers until all but the sidecars have ended for good; how they did, or the one init container
    /// that failed.
    ///
    /// Throws `PodLeft`.
    mutating func supervise() async throws -> [Ended] {
        do {
            while items.contains(where: { !$0.container.isSidecar && $0.ended == nil }) { try await look() }
        } catch { throw engine.files.isWanted ? error : removed }
        // Whose containers were removed with the pod did not end by themselves.
        guard engine.files.isWanted else { throw removed }
        return failure.map { [$0] } ?? items.filter { !$0.isInit }.compactMap(\.ended)
    }

    private var removed: PodLeft { PodLeft(message: "pod \(engine.plan.title) was removed by somebody else") }

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
        guard engine.files.isWanted else { throw removed }
        let (engine, sandbox) = (engine, sandbox)
        for index in items.indices {
            if let restart = items[index].restart, restart <= .now { try await startAgain(index) }
        }
        // One question, however many they are.
        let ids = items.filter { $0.ended == nil && $0.restart == nil }.map(\.id)
        guard !ids.isEmpty, let codes = try await patiently({ try await engine.exitCodes(ids, in: sandbox) }) else {
            return
        }
        for index in items.indices where items[index].ended == nil && items[index].restart == nil {
            if let code = codes[items[index].id] { end(index, code) }
        }
    }

    private mutating func startAgain(_ index: Int) async throws {
        var item = items[index]
        let (engine, sandbox, container) = (engine, sandbox, item.container)
        item.pause = item.pause == .zero ? firstPause : min(item.pause * 2, Self.longestPause)
        do {
            // An attempt is not made twice, whatever came of it.
            defer { items[index].tried = item.tried }
            let made = try await patiently {
                // The container of an attempt that was not answered may run: two of them at a time would be one too many.
                if item.tried > item.attempt,
                    let id = try await engine.started(container, attempt: item.tried, in: sandbox)
                {
                    return id
                }
                item.tried += 1
                return try await engine.start(container, attempt: item.tried, in: sandbox)
            }
            guard let id = made else { return }
            let old = (id: item.id, attempt: item.attempt)
            item.id = id
            item.attempt = item.tried
            item.restart = nil
            item.started = .now
            items[index] = item
            try? await engine.remove(container: old.id)
            // As the kubelet does: one that is started again and again fills no disk.
            engine.files.forget(container.name, old.attempt)
        } catch  where !(error is PodLeft) {
            // The rest of the pod goes on, and this one is tried again, as by the kubelet: a program that is being replaced
            // or a port that is taken need not stay so. In a sandbox that has ended nothing starts any more.
            try Task.checkCancellation()
            guard engine.files.isWanted, (try? await engine.isReady(sandbox: sandbox)) != false else { throw error }
            engine.files.forget(container.name, item.tried)
            item.restart = .now + item.pause
            items[index] = item
            engine.progress.warn("\(error), again in \(item.pause.components.seconds) s")
        }
    }

    /// What the engine says; nil where it says nothing: it may be being restarted, and the containers go on meanwhile.
    private mutating func patiently<Result>(_ ask: () async throws -> Result) async throws -> Result? {
        do {
            let result = try await ask()
            if silence?.isSaid == true { engine.progress.warn("\(engine.socket) answers again") }
            silence = nil
            return result
        } catch  where Self.isSilence(error) {
            try Task.checkCancellation()
            let title = engine.plan.title
            guard let (since, isSaid) = silence else {
                silence = (.now, false)
                return nil
            }
            if !isSaid {
                silence = (since, true)
                engine.progress.warn("\(error); pod \(title) is left as it is until \(engine.socket) answers again")
            }
            guard since.duration(to: .now) < Self.patience else {
                throw PodLeft(
                    message: """
                        \(engine.socket) has not answered for \(Self.patience.components.seconds) s (\(error)): pod \(title) is \
                        left as it is; 'umwelt pod rm \(title)' removes it
                        """
                )
            }
            return nil
        } catch {
            // It answers, be it with a refusal.
            silence = nil
            throw error
        }
    }

    private static func isSilence(_ error: any Error) -> Bool {
        switch error {
        case let error as CRIError: error.isSilence
        // No status is no answer.
        case let error as DockerError: error.status == 0
        default: false
        }
    }

    private mutating func end(_ index: Int, _ code: Int32) {
        let item = items[index]
        let policy = engine.plan.restartPolicy
        let isSidecar = item.container.isSidecar
        let name = item.isInit && !isSidecar ? "init container \(item.container.name)" : item.container.name
        let ended = Ended(name: name, code: code, message: message(item))
        let isRestarted =
            isSidecar || (policy == .onFailure && code != 0) || (policy == .always && (!item.isInit || code != 0))
        guard isRestarted else {
            if !item.isInit { engine.progress.say("\(ended)") } else if code != 0 { failure = ended }
            items[index].ended = ended
            return
        }
        let pause = item.started.duration(to: .now) > Self.forgetting ? .zero : item.pause
        engine.progress.say("\(ended), again " + (pause == .zero ? "at once" : "in \(pause.components.seconds) s"))
        items[index].pause = pause
        items[index].restart = .now + pause
    }

    /// What a container left at its terminationMessagePath, the end of it (`MaxContainerTerminationMessageLength`).
    private func message(_ item: Item) -> String {
        let path = engine.files.terminationLog(item.container.name, item.attempt)
        guard let bytes = try? LocalFile.end(of: path, count: 4096), !bytes.isEmpty else { return "" }
        return String(decoding: bytes, as: UTF8.self).split(whereSeparator: \.isNewline).joined(separator: " ")
    }
}
