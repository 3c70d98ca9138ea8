// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

import Glibc
import Kernel
import Testing

/// stress-ng makes load: what the container's files, and top, say of it is what its cgroups counted.
@Suite(
    .serialized,
    .enabled(if: PeerNeeds.missing(["runc", "stress-ng"]) == nil, PeerNeeds.reason(["runc", "stress-ng"]))
)
struct ProgramsLoadTests {
    @Test func throttledTimeIsSteal() throws {
        try PeerLab.with(seconds: 200) { lab in
            let guest = try PeerGuest("steal", PeerLimits(cpus: 0.3, cpuset: "0-1"), umwelt: PeerUmwelt(lab), lab: lab)
            try guest.run("stress-ng --cpu 2 --cpu-method nsqrt --temp-path /tmp --timeout 100 > /dev/null 2>&1 &")
            sleep(2)
            let before = try Self.sample(guest)
            // Meanwhile top takes its own two samples.
            let top = try guest.run("top -b -n2 -d2 -w 120")
            let after = try Self.sample(guest)

            let passed = after.uptime - before.uptime
            let used = after.cgroupUsed - before.cgroupUsed
            let busy = after.busy - before.busy
            let steal = after.steal - before.steal
            #expect(passed > 1.5)
            // Of one CPU in sight: busy, stolen, idle; no more than passed.
            #expect(abs(busy - used) < passed * 0.1 + 0.1, "\(busy) s busy, \(used) s used")
            #expect(busy + steal <= passed * 1.05 + 0.1)
            let throttled = after.throttled - before.throttled
            #expect(throttled > 0, "the quota was never felt: is this host too busy?")
            #expect(
                abs(steal - min(throttled, max(passed - busy, 0))) < passed * 0.15 + 0.1,
                "\(steal) s of \(throttled) s"
            )

            let shares = Self.topShares(top)
            #expect(abs((shares["us", default: 0] + shares["sy", default: 0]) - used / passed * 100) < 20, "\(shares)")
            #expect(abs(shares["st", default: 0] - steal / passed * 100) < 25, "\(shares)")
        }
    }

    @Test func loadAverageRisesTowardsTheBusyThreads() throws {
        try PeerLab.with(seconds: 200) { lab in
            let guest = try PeerGuest("load", umwelt: PeerUmwelt(lab), lab: lab)
            let idle = PeerFields("proc/loadavg", try guest.run("cat /proc/loadavg"))
            #expect((idle.number("load1") ?? 9) < 0.2)
            try guest.run("stress-ng --cpu 3 --cpu-method nsqrt --temp-path /tmp --timeout 100 > /dev/null 2>&1 &")
            var last = 0.0
            for _ in 0..<3 {
                sleep(6)
                let load = PeerFields("proc/loadavg", try guest.run("cat /proc/loadavg"))
                let load1 = try #require(load.number("load1"))
                #expect(load1 > last, "load1 stays at \(last)")
                #expect(load1 < 3.3)
                #expect(
                    (load.number("load5") ?? 9) < load1 && (load.number("load15") ?? 9) < (load.number("load5") ?? 0)
                )
                #expect((load.integer("running") ?? 0) >= 3 && (load.integer("running") ?? 99) <= 5)
                last = load1
            }
            // 3 threads for 15 to 20 s: 3 x (1 - e^(-15/60)) = 0.66.
            #expect(last > 0.5)
        }
    }

    private struct Sample {
        /// All in seconds.
        var uptime: Double
        var busy: Double
        var steal: Double
        var cgroupUsed: Double
        var throttled: Double
    }

    private static func sample(_ guest: PeerGuest) throws -> Sample {
        let stat = PeerFields("proc/stat", try guest.ours("proc/stat"))
        let uptime = PeerFields("proc/uptime", try guest.ours("proc/uptime"))
        let used = guest.cgroup.usedTicks
        func column(_ name: String) -> Double { (stat.number("cpu.\(name)") ?? 0) / 100 }
        let throttled =
            PeerCgroup.isV2
            ? Double(guest.cgroup.number("cpu", "cpu.stat", "throttled_usec") ?? 0) / 1e6
            : Double(guest.cgroup.number("cpu", "cpu.stat", "throttled_time") ?? 0) / 1e9
        return Sample(
            uptime: uptime.number("up") ?? 0,
            busy: column("user") + column("nice") + column("system"),
            steal: column("steal"),
            cgroupUsed: (used.user + used.system) / 100,
            throttled: throttled
        )
    }

    /// `%Cpu(s):  0.0 us,  0.0 sy, ...` of the last sample: percent by column.
    private static func topShares(_ text: String) -> [String: Double] {
        guard let line = text.split(separator: "\n").last(where: { $0.hasPrefix("%Cpu") }),
            let colon = line.firstIndex(of: ":")
        else { return [:] }
        var shares: [String: Double] = [:]
        for part in line[line.index(after: colon)...].split(separator: ",") {
            let words = part.split(separator: " ")
            if words.count == 2 { shares[String(words[1])] = Double(words[0]) }
        }
        return shares
    }
}
