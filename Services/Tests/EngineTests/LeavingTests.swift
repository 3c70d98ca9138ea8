// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

import Foundation
import Testing

extension EngineSuite {
    /// Whenever a run ends before its time, nothing is left of it.
    struct LeavingTests {
        /// Ctrl-C while the sandbox is made, while a container starts, and when all of it runs.
        @Test(arguments: Lab.engines)
        func interruptedAtAnyMoment(engine: Lab.Engine) throws {
            let lab = try Lab(engine)
            let two = Lab.sleeper + Lab.sleeper.replacingOccurrences(of: "name: c", with: "name: d")
            let manifest = try lab.write("pod.yaml", Lab.manifest("", containers: two))
            let options = try lab.kubelet()
            let began = ContinuousClock.now
            #expect(try lab.pod("run", ["-f", manifest, "--detach"] + options).code == 0)
            let whole = (ContinuousClock.now - began) / .seconds(1)
            #expect(try lab.pod("rm", ["p", "--grace-seconds", "0"]).code == 0)
            for step in 1...10 {
                // The second one of an impatient user is not the end of what the first one began.
                let run = try lab.pod(
                    "run",
                    ["-f", manifest] + options,
                    interruptAfter: whole * Double(step) / 9,
                    times: 1 + step % 2
                )
                #expect(run.code == 128 + SIGINT, "step \(step): \(run.errors)")
                try lab.expectNothingLeft()
            }
        }

        /// Killed at any moment: what is left is listed and can be removed, and stands in nobody's way.
        @Test(arguments: Lab.engines)
        func killedAtAnyMoment(engine: Lab.Engine) throws {
            let lab = try Lab(engine)
            let volumes = "volumes: [{name: s, secret: {secretName: s}}, {name: m, emptyDir: {medium: Memory}}]\n"
            let text = Lab.manifest(volumes, containers: Lab.sleeper)
            let secret = "\n---\n{kind: Secret, metadata: {name: s}, stringData: {k: v}}\n"
            let manifest = try lab.write("pod.yaml", text + secret)
            let options = try lab.kubelet()
            func uids() -> [String] { (try? FileManager.default.contentsOfDirectory(atPath: lab.podRoot)) ?? [] }
            var halfMade = 0
            for step in 1...6 {
                let seconds = Double(step) * 0.1
                let run = try lab.pod("run", ["-f", manifest] + options, interruptAfter: seconds, signal: SIGKILL)
                #expect(run.code == 128 + SIGKILL)
                // The engine ends what it was about by itself.
                Thread.sleep(forTimeInterval: 2)
                let left = try #require(uids().count < 2 ? uids().first ?? "" : nil)
                // However the socket is spelled.
                let socket = URL(fileURLWithPath: lab.socket)
                let spelled = socket.deletingLastPathComponent().path + "/cni/../" + socket.lastPathComponent
                let place = ["--socket", spelled, "--root-dir", lab.podRoot]
                var list = try lab.run("umwelt-pod", ["ps", "-o", "json"] + place)
                for _ in 0..<20 where list.text.contains("\"name\": \"p\"") == left.isEmpty {
                    // On a busy machine that takes longer.
                    Thread.sleep(forTimeInterval: 1)
                    list = try lab.run("umwelt-pod", ["ps", "-o", "json"] + place)
                }
                #expect(list.text.contains("\"name\": \"p\"") == !left.isEmpty, "\(list.text) \(list.errors)")
                if list.text.contains("half made") {
                    halfMade += 1
                    // Every other time it is the next run that takes it away.
                    if step % 2 == 0 { continue }
                }
                if !left.isEmpty { #expect(try lab.pod("rm", ["p", "--grace-seconds", "0"]).code == 0) }
                try lab.expectNothingLeft()
                for place in ["", "/memory", "/unified"] where !left.isEmpty {
                    let cgroup = "/sys/fs/cgroup\(place)/kubepods/besteffort/pod\(left)"
                    #expect(!FileManager.default.fileExists(atPath: cgroup))
                }
            }
            // Docker is asked first, and has the pod from then on.
            #expect(halfMade > 0 || engine == .docker)
            try lab.start(text + secret, ["--detach"])
            #expect(uids().count == 1)
            #expect(try lab.pod("rm", ["p", "--grace-seconds", "0"]).code == 0)
            try lab.expectNothingLeft()
        }

        /// Deeper than any path may be long, and a name that is no UTF-8.
        @Test(arguments: Lab.engines)
        func aVolumeOfAnyDepth(engine: Lab.Engine) throws {
            let lab = try Lab(engine)
            let container = """
                  - name: c
                    image: localhost/umwelt/box:1
                    command: [sh, -c, "cd /v; for i in `busybox seq 300`; do busybox mkdir dddddddddddddddd other; cd dddddddddddddddd; done; echo x > f; cd /v/other; echo x > $(busybox printf 'caf\\\\351')"]
                    volumeMounts: [{name: v, mountPath: /v}]

                """
            try lab.start(Lab.manifest("volumes: [{name: v, emptyDir: {}}]\n", containers: container), ["--rm"])
            try lab.expectNothingLeft()
        }

        /// Of several that make one pod at the same time, one does.
        @Test(arguments: Lab.engines)
        func oneOfThreeAtOnce(engine: Lab.Engine) async throws {
            let lab = try Lab(engine)
            let manifest = try lab.write("pod.yaml", Lab.manifest("", containers: Lab.sleeper))
            let options = try lab.kubelet()
            let runs = (0..<3).map { _ in
                Task.detached { try lab.pod("run", ["-f", manifest, "--detach"] + options) }
            }
            var outputs: [Lab.Output] = []
            for run in runs { outputs.append(try await run.value) }
            #expect(outputs.filter { $0.code == 0 }.count == 1)
            for output in outputs where output.code != 0 {
                #expect(output.errors.contains("there is a pod shop/p already"), "\(output.errors)")
            }
            #expect(try lab.pod("rm", ["p", "--grace-seconds", "0"]).code == 0)
            try lab.expectNothingLeft()
        }

        /// A registry that never answers is not waited for.
        @Test(arguments: Lab.engines)
        func interruptedWhilePulling(engine: Lab.Engine) throws {
            let lab = try Lab(engine)
            let server = Process()
            server.executableURL = URL(fileURLWithPath: "/usr/bin/env")
            let program = """
                import socket, time
                s = socket.socket()
                s.bind(("127.0.0.1", 5123))
                s.listen(64)
                kept = []
                while True:
                    kept.append(s.accept())
                """
            server.arguments = ["python3", "-c", program]
            try server.run()
            defer {
                kill(server.processIdentifier, SIGKILL)
                server.waitUntilExit()
            }
            let knock = "until (: < /dev/tcp/127.0.0.1/5123) 2> /dev/null; do sleep 0.1; done"
            #expect(try lab.run("/usr/bin/timeout", ["20", "bash", "-c", knock]).code == 0)
            let container = "  - {name: c, image: \"127.0.0.1:5123/none:1\"}\n"
            let manifest = try lab.write("pod.yaml", Lab.manifest("", containers: container))
            let began = ContinuousClock.now
            // Also on a machine of one CPU.
            let run = try lab.pod("run", ["-f", manifest] + lab.kubelet(), interruptAfter: 4, onOneCPU: true)
            #expect(run.code == 128 + SIGINT, "\(run.errors)")
            #expect(ContinuousClock.now - began < .seconds(20))
            try lab.expectNothingLeft()
        }

        struct Full: CustomTestStringConvertible, Sendable {
            var name: String
            /// What is on the small file system.
            var isLogs: Bool
            var options: String
            var message: String

            var testDescription: String { name }
        }

        static let full = [
            Full(
                name: "a volume's files",
                isLogs: false,
                options: "size=16k",
                message: "cannot prepare pod shop/p: write "
            ),
            Full(
                name: "the pod's directory",
                isLogs: false,
                options: "nr_inodes=3",
                message: "cannot prepare pod shop/p: mkdir "
            ),
            Full(
                name: "what a container needs, once the sandbox is made",
                isLogs: false,
                options: "nr_inodes=9",
                message: "container c: open "
            ),
            Full(
                name: "the directory of logs",
                isLogs: true,
                options: "nr_inodes=2",
                message: "cannot prepare pod shop/p: mkdir "
            ),
        ]

        @Test(arguments: Lab.engines, full)
        func aFullDisk(engine: Lab.Engine, entry: Full) throws {
            let lab = try Lab(engine)
            let place = entry.isLogs ? lab.logRoot : lab.podRoot
            try FileManager.default.createDirectory(atPath: place, withIntermediateDirectories: true)
            let mount = try lab.run("/usr/bin/mount", ["-t", "tmpfs", "-o", entry.options, "umwelt-full", place])
            #expect(mount.code == 0, "\(mount.errors)")
            defer { _ = try? lab.run("/usr/bin/umount", ["-l", place]) }
            let size = entry.options.hasPrefix("size") ? 64 << 10 : 1
            let text =
                Lab.manifest("volumes: [{name: m, configMap: {name: m}}]\n")
                + "\n---\n{kind: ConfigMap, metadata: {name: m}, data: {k: \(String(repeating: "x", count: size))}}\n"
            let manifest = try lab.write("pod.yaml", text)
            let run = try lab.pod("run", ["-f", manifest] + lab.kubelet())
            #expect(run.code == 1)
            #expect(run.errors.contains(entry.message), "\(run.errors)")
            #expect(run.errors.hasSuffix(": no space left on device\n"), "\(run.errors)")
            #expect(try FileManager.default.contentsOfDirectory(atPath: place) == [])
            #expect(try lab.run("/usr/bin/umount", [place]).code == 0)
            try lab.expectNothingLeft()
        }
    }
}
