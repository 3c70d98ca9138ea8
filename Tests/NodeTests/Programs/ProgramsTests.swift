// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

import Kernel
import Testing

/// Real programs in real containers of known limits: one table of what each must print, and where it looks.
///
/// Those that ask the kernel where no file can answer are rows too, with what they print (`ProgramsRow.isGap`).
@Suite(
    .serialized,
    .enabled(if: PeerNeeds.missing(ProgramsRow.needed) == nil, PeerNeeds.reason(ProgramsRow.needed))
)
struct ProgramsTests {
    /// 256 MiB, half a CPU, CPUs 0 and 1.
    @Test func halfACPU() throws {
        try check(PeerLimits(memory: 256 << 20, cpus: 0.5, cpuset: "0-1"), visible: [0], affinity: 2)
    }

    /// Programs that count CPUs from 0 must cope with one that has another number.
    @Test func onlyCPU1() throws {
        try check(PeerLimits(memory: 256 << 20, cpuset: "1"), visible: [1], affinity: 1)
    }

    private func check(_ limits: PeerLimits, visible: [Int], affinity: Int) throws {
        try PeerLab.with(seconds: 400) { lab in
            let umwelt = try PeerUmwelt(lab)
            let classes = try Self.compileJava(lab)
            for group in ProgramsRow.rows.chunked(into: 12) {
                // A young container for each dozen, so that none is up a minute.
                let guest = try PeerGuest(
                    "programs",
                    limits,
                    umwelt: umwelt,
                    binds: [(classes, ProgramsRow.javaClasses)],
                    lab: lab
                )
                for row in group {
                    let text = try guest.run(row.command)
                    let uptime = PeerFields("proc/uptime", try guest.ours("proc/uptime"))
                    let hostMemory = PeerFields("proc/meminfo", try PeerNeeds.hostText("proc/meminfo"))
                    let hostLoad = PeerFields("proc/loadavg", try PeerNeeds.hostText("proc/loadavg"))
                    let facts = ProgramsFacts(
                        memory: limits.memory ?? 0,
                        visible: visible,
                        affinity: affinity,
                        uptime: uptime.number("up") ?? 0,
                        hostMemory: (hostMemory.integer("MemTotal") ?? 0) << 10,
                        hostLoad: hostLoad.number("load1") ?? 0
                    )
                    let complaint = row.judge(text, facts)
                    #expect(
                        complaint == nil,
                        "\(row.command): \(complaint ?? ""); it looks at \(row.looks.map(\.rawValue)) and printed:\n\(text.prefix(3000))"
                    )
                }
            }
        }
    }

    /// The directory of what the rows of Java run.
    ///
    /// Compiled outside the container: in half a CPU, and emulated, the compiler takes a minute.
    private static func compileJava(_ lab: PeerLab) throws -> Path {
        let directory = try lab.makeDirectory("java")
        let source = directory.appending("A.java")
        try FileTree.write(Array(ProgramsRow.javaSource.utf8), to: source)
        let compiler = ["-m", "jdk.compiler/com.sun.tools.javac.Main"]
        try PeerCommand.run("java", compiler + [source.description], milliseconds: 120_000)
        return directory
    }
}

extension Array {
    func chunked(into size: Int) -> [ArraySlice<Element>] {
        stride(from: 0, to: count, by: size).map { self[$0..<Swift.min($0 + size, count)] }
    }
}
