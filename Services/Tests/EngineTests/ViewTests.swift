// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

import Foundation
import Testing

extension EngineSuite {
    /// Containers of either engine read their own machine, from an umweltd that the script has started.
    struct ViewTests {
        private static let views = ProcessInfo.processInfo.environment["UMWELT_LAB_VIEWS"]

        @Test(.enabled(if: views != nil, "umweltd is not built: make build"), arguments: Lab.engines)
        func containersSeeTheirOwnLimits(engine: Lab.Engine) throws {
            let lab = try Lab(engine)
            func container(_ name: String, _ limits: String) -> String {
                """
                  - name: \(name)
                    image: localhost/umwelt/box:1
                    command: [sh, -c, "grep MemTotal: /proc/meminfo; grep -c ^processor /proc/cpuinfo; cat /proc/swaps"]
                    resources: {limits: {\(limits)}}

                """
            }
            let two = container("a", "memory: 64Mi, cpu: 1") + container("b", "memory: 96Mi, cpu: 1")
            try lab.start(Lab.manifest("", containers: two), ["--proc-dir", try #require(Self.views)])
            for (name, size) in [("a", 65536), ("b", 98304)] {
                let lines = try lab.pod("logs", ["p", "-c", name]).text.split(separator: "\n").map(String.init)
                #expect(lines.first?.split(separator: " ") == ["MemTotal:", "\(size)", "kB"], "\(lines)")
                #expect(lines.dropFirst().first == "1", "\(lines)")
            }
            #expect(try lab.pod("rm", ["p"]).code == 0)
            try lab.expectNothingLeft()
        }

        private static let command = ProcessInfo.processInfo.environment["UMWELT_LAB_COMMAND"]

        /// A container that runs without them gets its views and loses them, of a real containerd over CRI by its pod's name.
        @Test(.enabled(if: command != nil, "umwelt is not built: make build"), arguments: Lab.engines)
        func attachAndDetach(engine: Lab.Engine) async throws {
            let lab = try Lab(engine)
            try lab.setNode("nameserver 192.0.2.1\n")
            let command = try #require(Self.command)
            let name = "views-\(ProcessInfo.processInfo.processIdentifier)"
            let container = Lab.sleeper.replacingOccurrences(of: "}", with: ", resources: {limits: {memory: 64Mi}}}")
            let manifest = try lab.write("pod.yaml", Lab.manifest("", name: name, containers: container))
            let arguments = try ["-f", manifest, "--proc-dir", lab.work + "/none"] + lab.kubelet()
            let run = Task.detached { try lab.pod("run", arguments) }
            for _ in 0..<300 {
                if try lab.pod("ps", []).text.contains("c (running)") { break }
                try await Task.sleep(for: .milliseconds(100))
            }
            func seen() throws -> String {
                try lab.pod("exec", [name, "--", "grep", "MemTotal:", "/proc/meminfo"]).text
            }
            func umwelt(_ verb: String, _ target: String) throws -> Lab.Output {
                try lab.run(command, [verb, target, "--state-dir", lab.lab])
            }
            var targets = [name, name + "/c"]
            if engine == .docker {
                // Its state directory is the lab's: it is found by its cgroup.
                let list = try lab.engineTool(["ps", "-q", "--no-trunc", "--filter", "name=k8s_c_\(name)_"], [])
                targets = [list.text.trimmingCharacters(in: .whitespacesAndNewlines)]
            }
            let before = try seen()
            #expect(before.hasPrefix("MemTotal:") && !before.contains(" 65536 kB"), "\(before)")
            for target in targets {
                let attached = try umwelt("attach", target)
                #expect(attached.code == 0 && attached.text.contains("files attached"), "\(attached)")
                #expect(try seen().contains(" 65536 kB"))
                let detached = try umwelt("detach", target)
                #expect(detached.code == 0 && detached.text.contains("files taken away"), "\(detached)")
                #expect(try seen() == before)
            }
            #expect(try lab.pod("rm", [name]).code == 0)
            _ = try await run.value
            try lab.expectNothingLeft()
        }

        /// Without the daemon nothing is mounted, and the pod runs all the same.
        @Test(arguments: Lab.engines)
        func withoutTheDaemonThePodRuns(engine: Lab.Engine) throws {
            let lab = try Lab(engine)
            // Or with what an engine leaves that was to bind a file which was gone.
            try FileManager.default.createDirectory(
                atPath: lab.work + "/left/proc/meminfo",
                withIntermediateDirectories: true
            )
            for name in ["none", "left"] {
                try lab.start(Lab.manifest(""), ["--rm", "--proc-dir", lab.work + "/" + name])
                try lab.expectNothingLeft()
            }
        }
    }
}
