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
