// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

import CRIClient
import DockerEngine
import Foundation
import Pods
import Synchronization
import Terminal
import Testing

@testable import umwelt_pod

/// The life of a pod's containers, with an engine that is told what to answer.
final class LifeTests {
    private let directory = NSTemporaryDirectory() + "/umwelt-life-\(UUID().uuidString)"

    init() throws { try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true) }

    deinit { try? FileManager.default.removeItem(atPath: directory) }

    private final class Engine: ContainerEngine {
        let plan: PodPlan
        let files: PodFiles
        let progress = Progress(isShown: false)
        let socket = "/run/engine.sock"
        let failures: Mutex<[any Error]>
        let isSandboxReady: Bool
        /// Whether what fails has started a container all the same.
        let startsInSilence: Bool
        /// The attempts, by their containers' names.
        let attempts = Mutex<[String: [Int]]>([:])

        /// Each restart of the container `a` fails with the next of the failures.
        init(
            _ directory: String,
            failures: [any Error],
            isSandboxReady: Bool = true,
            startsInSilence: Bool = false
        ) throws {
            var plan = PodPlan()
            plan.name = "p"
            plan.restartPolicy = .onFailure
            plan.containers = ["a", "b"].map { name in
                var container = ContainerPlan()
                container.name = name
                return container
            }
            self.plan = plan
            files = PodFiles(root: directory, logsRoot: directory, namespace: "n", name: "p", uid: "u")
            self.failures = Mutex(failures)
            self.isSandboxReady = isSandboxReady
            self.startsInSilence = startsInSilence
            let manager = FileManager.default
            try manager.createDirectory(atPath: files.directory, withIntermediateDirectories: true)
            #expect(manager.createFile(atPath: PodFiles.note(in: files.directory), contents: nil))
        }

        func start(_ container: ContainerPlan, attempt: Int, in sandbox: String) throws -> String {
            attempts.withLock { $0[container.name, default: []].append(attempt) }
            if container.name == "a", attempt > 0 {
                let failure = failures.withLock { $0.isEmpty ? nil : $0.removeFirst() }
                if let failure { throw failure }
            }
            return "\(container.name)\(attempt)"
        }

        func started(_ container: ContainerPlan, attempt: Int, in sandbox: String) -> String? {
            startsInSilence ? "\(container.name)\(attempt)" : nil
        }

        /// The first `a` fails, the last one succeeds, as does `b`.
        func exitCodes(_ ids: [String], in sandbox: String) -> [String: Int32] {
            var codes: [String: Int32] = [:]
            for id in ids { codes[id] = id == "a0" ? 1 : 0 }
            return codes
        }

        func isReady(sandbox: String) -> Bool { isSandboxReady }
        func stop(_ id: String) {}
        func remove(container id: String) {}
    }

    private static let refusals: [any Error] = [
        CRIError(call: "StartContainer", message: "exec: no such file", code: .unknown),
        DockerError(call: "start", message: "port is already allocated", status: 500),
        Failure.failed("no space left on device"),
    ]

    /// A container that cannot be started again is tried again, and the pod stays.
    @Test(.timeLimit(.minutes(1)))
    func aRestartThatFailsIsTriedAgain() async throws {
        let engine = try Engine(directory, failures: Self.refusals)
        var life = Life(engine, in: "s", firstPause: .milliseconds(10))
        #expect(try await life.begin())
        #expect(try await life.supervise().map { "\($0)" } == ["a ended with 0", "b ended with 0"])
        #expect(engine.attempts.withLock { $0 } == ["a": [0, 1, 2, 3, 4], "b": [0]])
    }

    /// Of what a container left as its last word, the end is told.
    @Test(.timeLimit(.minutes(1)))
    func aLongMessageIsToldInPart() async throws {
        let engine = try Engine(directory, failures: [])
        let path = engine.files.terminationLog("b", 0)
        let above = URL(fileURLWithPath: path).deletingLastPathComponent()
        try FileManager.default.createDirectory(at: above, withIntermediateDirectories: true)
        let text = String(repeating: "x", count: 5000) + "\nthe end\n"
        try text.write(toFile: path, atomically: true, encoding: .utf8)
        var life = Life(engine, in: "s", firstPause: .milliseconds(10))
        #expect(try await life.begin())
        let told = String(repeating: "x", count: 4096 - "\nthe end\n".count) + " the end"
        #expect(try await life.supervise().last.map { "\($0)" } == "b ended with 0: \(told)")
    }

    /// An answer is one, also where it is a refusal between two silences.
    @Test(.timeLimit(.minutes(1)))
    func aRefusalBetweenSilences() async throws {
        let silence = CRIError(call: "CreateContainer", message: "connection refused", code: .unavailable)
        let engine = try Engine(directory, failures: [silence, Self.refusals[0], silence])
        var life = Life(engine, in: "s", firstPause: .milliseconds(10))
        #expect(try await life.begin())
        #expect(try await life.supervise().first.map { "\($0)" } == "a ended with 0")
        #expect(engine.attempts.withLock { $0["a"] } == [0, 1, 2, 3, 4])
    }

    /// What was started, and the answer lost, is not started a second time.
    @Test(.timeLimit(.minutes(1)))
    func aLostAnswerMakesNoSecondContainer() async throws {
        let silence = DockerError(call: "start", message: "the connection ended within an answer", status: 0)
        let engine = try Engine(directory, failures: [silence], startsInSilence: true)
        var life = Life(engine, in: "s", firstPause: .milliseconds(10))
        #expect(try await life.begin())
        #expect(try await life.supervise().first.map { "\($0)" } == "a ended with 0")
        #expect(engine.attempts.withLock { $0["a"] } == [0, 1])
    }

    /// In a sandbox that has ended nothing starts any more.
    @Test(.timeLimit(.minutes(1)))
    func withoutItsSandboxThePodEnds() async throws {
        let engine = try Engine(directory, failures: Self.refusals, isSandboxReady: false)
        var life = Life(engine, in: "s", firstPause: .milliseconds(10))
        #expect(try await life.begin())
        await #expect(throws: CRIError.self) { _ = try await life.supervise() }
        #expect(engine.attempts.withLock { $0["a"] } == [0, 1])
    }
}
