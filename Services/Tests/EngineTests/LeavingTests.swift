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
            try lab.setNode("nameserver 192.0.2.1\n")
            let two = Lab.sleeper + Lab.sleeper.replacingOccurrences(of: "name: c", with: "name: d")
            let manifest = try lab.write("pod.yaml", Lab.manifest("", containers: two))
            let options = try lab.kubelet()
            let began = ContinuousClock.now
            #expect(try lab.pod("run", ["-f", manifest, "--detach"] + options).code == 0)
            let whole = (ContinuousClock.now - began) / .seconds(1)
            #expect(try lab.pod("rm", ["p", "--grace-seconds", "0"]).code == 0)
            for step in 1...10 {
                let run = try lab.pod("run", ["-f", manifest] + options, interruptAfter: whole * Double(step) / 9)
                #expect(run.code == 128 + SIGINT, "step \(step): \(run.errors)")
                try lab.expectNothingLeft()
            }
        }

        /// A registry that never answers is not waited for.
        @Test(arguments: Lab.engines)
        func interruptedWhilePulling(engine: Lab.Engine) throws {
            let lab = try Lab(engine)
            try lab.setNode("nameserver 192.0.2.1\n")
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
            let run = try lab.pod("run", ["-f", manifest] + lab.kubelet(), interruptAfter: 4)
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
                options: "nr_inodes=2",
                message: "cannot prepare pod shop/p: mkdir "
            ),
            Full(
                name: "what a container needs, once the sandbox is made",
                isLogs: false,
                options: "nr_inodes=8",
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
            try lab.setNode("nameserver 192.0.2.1\n")
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
