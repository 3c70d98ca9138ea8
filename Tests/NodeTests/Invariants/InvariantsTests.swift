// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

import Glibc
import Kernel
import Synchronization
import Testing

/// What docs/FILES.md says holds in every sample and between any two, while stress-ng runs and limits change under it.
@Suite(
    .serialized,
    .enabled(if: PeerNeeds.missing(["runc", "stress-ng"]) == nil, PeerNeeds.reason(["runc", "stress-ng"]))
)
struct InvariantsTests {
    /// Samples of one test.
    ///
    /// Where reading is slow (in an emulated machine), `least` of them, after `seconds`; fewer after `longest` are a failure.
    private static let wanted = 1000
    private static let least = 150
    private static let seconds: UInt64 = 15
    private static let longest: UInt64 = 120

    @Test func memoryLimitLoweredBelowTheUsage() throws {
        try run(PeerLimits(memory: 256 << 20, cpus: 1.5)) { guest, turn in
            // v1 refuses a limit that it cannot bring the usage below; that is an answer too. v2 kills until it fits.
            let least: UInt64 = PeerCgroup.isV2 ? 32 << 20 : 12 << 20
            let sizes: [UInt64?] = [256 << 20, 64 << 20, 32 << 20, least, nil, 128 << 20]
            try? guest.cgroup.setMemory(sizes[turn % sizes.count])
        }
    }

    @Test func quotaWidenedAndNarrowed() throws {
        try run(PeerLimits(memory: 256 << 20, cpus: 2)) { guest, turn in
            let quotas: [Double?] = [2, 0.5, 1.2, 0.1, nil, 1]
            try guest.cgroup.setCPUs(quotas[turn % quotas.count])
        }
    }

    @Test func cpusetWidenedAndNarrowed() throws {
        try run(PeerLimits(memory: 256 << 20)) { guest, turn in
            try guest.cgroup.setCpuset(["0-1", "1", "0-1", "0"][turn % 4])
        }
    }

    @Test func nothingChanges() throws { try run(PeerLimits(memory: 256 << 20, cpus: 1.5)) { _, _ in } }

    /// Swap on a disk of compressed memory, filled by a container over its limit, then taken away from it.
    @Test(.enabled(if: PeerCgroup.isV2, "cgroup v1 has memory and swap in one limit"))
    func swapLimitLoweredBelowTheUsage() throws {
        try PeerLab.with(seconds: 200) { lab in
            try Self.swapOn(lab)
            try run(PeerLimits(memory: 64 << 20), lab: lab) { guest, turn in
                if turn == 0 {
                    try guest.run("{ head -c 120000000 /dev/zero; sleep 1000; } | tail > /dev/null 2>&1 &")
                    try? PeerLab.wait(for: "swap in use", milliseconds: 60_000) {
                        (guest.cgroup.number("memory", "memory.swap.current") ?? 0) > 20 << 20
                    }
                    let used = guest.cgroup.number("memory", "memory.swap.current") ?? 0
                    #expect(used > 20 << 20, "no swap was used")
                    let meminfo = PeerFields("proc/meminfo", try guest.ours("proc/meminfo"))
                    #expect((meminfo.integer("SwapTotal") ?? 0) > (meminfo.integer("SwapFree") ?? .max))
                    #expect(PeerFields("proc/swaps", try guest.ours("proc/swaps"))["lines"] == "2")
                }
                let limits: [UInt64?] = [nil, 4 << 20, 0, 60 << 20]
                try guest.cgroup.setSwap(limits[turn % limits.count])
            }
        }
    }

    // MARK: The run

    /// Samples the container's files while `change` is called every 0.3 s.
    private func run(_ limits: PeerLimits, change: (PeerGuest, Int) throws -> Void) throws {
        try PeerLab.with(seconds: 200) { try run(limits, lab: $0, change: change) }
    }

    private func run(_ limits: PeerLimits, lab: PeerLab, change: (PeerGuest, Int) throws -> Void) throws {
        let guest = try PeerGuest("invariants", limits, umwelt: PeerUmwelt(lab), lab: lab)
        try guest.run(
            """
            stress-ng --cpu 1 --cpu-method nsqrt --vm 1 --vm-bytes 40m --vm-hang 1 --hdd 1 --hdd-bytes 8m --hdd-opts sync \
            --temp-path /mnt --timeout 150 > /dev/null 2>&1 &
            """
        )
        var reader = InvariantsReader(guest)
        var previous: InvariantsSample?
        var count = 0
        var turn = 0
        var complaints: [String: Int] = [:]
        let begin = Clock.monotonic
        var nextTurn = begin
        func hasPassed(_ seconds: UInt64) -> Bool { Clock.monotonic - begin >= seconds * 1_000_000_000 }
        while count < (hasPassed(Self.seconds) ? Self.least : Self.wanted) || turn < 8, !hasPassed(Self.longest) {
            if Clock.monotonic >= nextTurn {
                try change(guest, turn)
                turn += 1
                nextTurn = Clock.monotonic + 300_000_000
            }
            let sample = try reader.sample()
            for complaint in InvariantsRules.complaints(sample) { complaints[complaint, default: 0] += 1 }
            if let previous {
                for complaint in InvariantsRules.complaints(previous, sample) { complaints[complaint, default: 0] += 1 }
            }
            previous = sample
            count += 1
        }
        print("invariants: \(count) samples, \(turn) changes, in \((Clock.monotonic - begin) / 1_000_000) ms")
        #expect(count >= Self.least, "only \(count) samples")
        #expect(turn >= 8, "only \(turn) changes")
        let worst = complaints.sorted { $0.value > $1.value }.prefix(12).map { "\($0.value) x \($0.key)" }
        #expect(worst == [], "of \(count) samples")
    }

    static func swapOn(_ lab: PeerLab) throws {
        guard PeerCommand.find("modprobe") != nil, (try? PeerCommand.run("modprobe", ["zram"])) != nil,
            FileTree.isThere("/sys/block/zram0/disksize")
        else { throw PeerFailure("no zram to swap on") }
        let other = try Fd.contents(of: "/proc/swaps", limit: 4096)
        if String(decoding: other, as: UTF8.self).split(separator: "\n").count > 1 { return }
        try Fd.open("/sys/block/zram0/disksize", .writeOnly).write(Array("268435456".utf8))
        lab.atEnd { try? Fd.open("/sys/block/zram0/reset", .writeOnly).write(Array("1".utf8)) }
        try PeerCommand.run("mkswap", ["/dev/zram0"])
        try PeerCommand.run("swapon", ["/dev/zram0"])
        lab.atEnd { _ = try? PeerCommand.run("swapoff", ["/dev/zram0"]) }
    }
}

/// The rules themselves see what is wrong.
struct InvariantsRulesTests {
    private static let sound = InvariantsSample(
        meminfo: PeerFields(
            "proc/meminfo",
            "MemTotal: 100 kB\nMemFree: 40 kB\nMemAvailable: 60 kB\nCached: 20 kB\nSwapTotal: 9 kB\nSwapFree: 4 kB\n"
        ),
        stat: PeerFields(
            "proc/stat",
            "cpu 10 0 4 6 0 0 0 0 0 0\ncpu0 4 0 2 3 0 0 0 0 0 0\ncpu1 6 0 2 3 0 0 0 0 0 0\nbtime 1000\nprocesses 5\n"
        ),
        uptime: PeerFields("proc/uptime", "10.00 15.00\n"),
        cpuinfo: PeerFields("proc/cpuinfo", "processor\t: 0\nx: 1\n\nprocessor\t: 1\nx: 1\n\n"),
        diskstats: PeerFields("proc/diskstats", "   8       0 sda 5 0 6 0 7 0 8 0 0 0 0 0 0 0 0 0 0\n"),
        swaps: PeerFields("proc/swaps", "Filename Type Size Used Priority\nnone virtual 9 5 0\n"),
        loadavg: PeerFields("proc/loadavg", "0.10 0.20 0.30 1/5 7\n"),
        online: [0, 1],
        present: [0, 1],
        possible: [0, 1],
        directories: [0, 1],
        now: 1010,
        secondsFromUptimeToStat: 0,
        gone: [:]
    )

    @Test func soundSampleIsSound() {
        #expect(InvariantsRules.complaints(Self.sound) == [])
        #expect(InvariantsRules.complaints(Self.sound, Self.sound) == [])
    }

    @Test func everyRuleComplains() {
        func broken(_ change: (inout InvariantsSample) -> Void) -> Int {
            var sample = Self.sound
            change(&sample)
            return InvariantsRules.complaints(sample).count
        }
        #expect(
            broken { $0.meminfo = PeerFields("proc/meminfo", "MemTotal: 100\nMemFree: 70\nMemAvailable: 60\n") } == 1
        )
        #expect(
            broken { $0.meminfo = PeerFields("proc/meminfo", "MemTotal: 100\nMemFree: 70\nMemAvailable: 101\n") } == 1
        )
        #expect(
            broken {
                $0.meminfo = PeerFields("proc/meminfo", "MemTotal: 100\nMemFree: 70\nMemAvailable: 80\nCached: 31")
            } == 1
        )
        #expect(
            broken {
                $0.meminfo = PeerFields("proc/meminfo", "MemTotal: 9\nSwapTotal: 1\nSwapFree: 18446744073709551292")
            } == 2
        )
        #expect(
            broken { $0.stat = PeerFields("proc/stat", "cpu 11 0 4 6\ncpu0 4 0 2 3\ncpu1 6 0 2 3\nbtime 1000\n") } == 1
        )
        #expect(broken { $0.stat = PeerFields("proc/stat", "cpu 4 0 2 3\ncpu0 4 0 2 3\nbtime 1000\n") } == 1)
        #expect(broken { $0.uptime = PeerFields("proc/uptime", "10.00 20.10\n") } == 1)
        // A CPU that is out of sight: what it told stays in the sum, no more and no less.
        let narrowed = PeerFields("proc/stat", "cpu 10 0 4 6\ncpu0 4 0 2 3\nbtime 1000\n")
        func oneCPU(_ sample: inout InvariantsSample, gone: [String: UInt64]) {
            sample.stat = narrowed
            sample.uptime = PeerFields("proc/uptime", "10.00 10.03\n")
            sample.cpuinfo = PeerFields("proc/cpuinfo", "processor\t: 0\nx: 1\n\n")
            (sample.online, sample.present, sample.possible, sample.directories) = ([0], [0], [0], [0])
            sample.gone = gone
        }
        #expect(broken { oneCPU(&$0, gone: ["user": 6, "system": 2, "idle": 3]) } == 0)
        #expect(broken { oneCPU(&$0, gone: ["user": 5, "system": 2, "idle": 3]) } == 1)
        #expect(broken { oneCPU(&$0, gone: ["user": 6, "system": 2]) } == 1)
        #expect(
            broken {
                oneCPU(&$0, gone: ["user": 6, "system": 2, "idle": 3])
                $0.uptime = PeerFields("proc/uptime", "10.00 10.09\n")
            } == 1
        )
        #expect(
            broken { $0.stat = PeerFields("proc/stat", "cpu 0 0 0 1002\ncpu0 0 0 0 1002\ncpu1 0 0\nbtime 1000") } == 1
        )
        #expect(broken { $0.uptime = PeerFields("proc/uptime", "12.00 20.00\n") } == 1)
        #expect(broken { $0.uptime = PeerFields("proc/uptime", "-184467440737095520.00 1.00\n") } == 5)
        #expect(broken { $0.possible = [0] } == 1)
        #expect(broken { $0.directories = [0, 1, 2] } == 1)
        #expect(broken { $0.swaps = PeerFields("proc/swaps", "F\nnone virtual 9 10 0\n") } == 1)
    }

    @Test func goingBackIsSeen() {
        func after(_ change: (inout InvariantsSample) -> Void) -> Int {
            var sample = Self.sound
            change(&sample)
            return InvariantsRules.complaints(Self.sound, sample).count
        }
        #expect(after { $0.stat = PeerFields("proc/stat", "cpu 9 0 4 6\ncpu1 5 0 2 3\n") } == 2)
        #expect(after { $0.uptime = PeerFields("proc/uptime", "10.00 14.99\n") } == 1)
        #expect(after { $0.diskstats = PeerFields("proc/diskstats", "") } == 4)
        // Nine ticks more, of no time; and none, of a second.
        #expect(after { $0.stat = PeerFields("proc/stat", "cpu 10 0 4 15\ncpu0 4 0 2 12\ncpu1 6 0 2 3\n") } == 1)
        #expect(after { $0.uptime = PeerFields("proc/uptime", "11.00 15.00\n") } == 2)
    }
}
