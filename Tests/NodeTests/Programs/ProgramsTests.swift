// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

import Kernel
import Testing

/// Real programs in real containers of known limits: one table of what each must print, and where it looks.
///
/// Those that ask the kernel where no file can answer are rows too, with what they print (`ProgramsRow.isGap`).
@Suite(.serialized, .enabled(if: PeerNeeds.missing(["runc"]) == nil, PeerNeeds.reason(["runc"])))
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
            var skipped: [String] = []
            var done = 0
            for group in ProgramsRow.rows.chunked(into: 12) {
                // A young container for each dozen, so that none is up a minute.
                let guest = try PeerGuest("programs", limits, umwelt: umwelt, lab: lab)
                for row in group {
                    guard PeerCommand.find(row.program) != nil else {
                        skipped.append(row.program)
                        continue
                    }
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
                    done += 1
                }
            }
            #expect(done >= 25, "not here: \(skipped)")
        }
    }
}

extension Array {
    func chunked(into size: Int) -> [ArraySlice<Element>] {
        stride(from: 0, to: count, by: size).map { self[$0..<Swift.min($0 + size, count)] }
    }
}
