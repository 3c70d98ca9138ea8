// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

import Glibc
import Kernel
import Testing

/// Where LXCFS is wrong: that we are right there, and that it is wrong still, so that these tests test something.
@Suite(.serialized, .enabled(if: PeerNeeds.missing(["runc", "lxcfs"]) == nil, PeerNeeds.reason(["runc", "lxcfs"])))
struct PeerFlawTests {
    /// Both servers, in a lab of their own.
    private func both(seconds: Int = 120, _ body: (PeerLab, PeerUmwelt, PeerLxcfs) throws -> Void) throws {
        try PeerLab.with(seconds: seconds) { lab in
            let umwelt = try PeerUmwelt(lab)
            try body(lab, umwelt, PeerLxcfs(lab))
        }
    }

    private func ours(_ file: String, _ guest: PeerGuest) throws -> PeerFields {
        PeerFields(file, try guest.run("cat /run/ours/\(file)"))
    }

    private func peer(_ file: String, _ guest: PeerGuest) throws -> PeerFields {
        PeerFields(file, try guest.run("cat /run/peer/\(file)"))
    }

    /// lxc/lxcfs#543.
    @Test func sharedPidNamespace() throws {
        try both { lab, umwelt, lxcfs in
            let pause = try PeerGuest("pause", PeerLimits(memory: 64 << 20), umwelt: umwelt, lxcfs: lxcfs, lab: lab)
            let app = try PeerGuest(
                "app",
                PeerLimits(memory: 300 << 20),
                umwelt: umwelt,
                lxcfs: lxcfs,
                sharingPidsOf: pause,
                lab: lab
            )
            #expect(try ours("proc/meminfo", app).integer("MemTotal") == 300 << 10)
            #expect(try ours("proc/meminfo", pause).integer("MemTotal") == 64 << 10)
            #expect(try peer("proc/meminfo", app).integer("MemTotal") == 64 << 10)
        }
    }

    @Test func usageOfASiblingInAParentWithALimit() throws {
        try both { lab, umwelt, lxcfs in
            let top = try PeerCgroup(path: "/\(PeerCgroup.uniqueName("top"))", lab: lab)
            try top.setMemory(200 << 20)
            let sibling = try PeerCgroup(path: "\(top.path)/sibling", isLeaf: true, lab: lab)
            try PeerBurden.hold(megabytes: 100, in: sibling, lab: lab)
            let guest = try PeerGuest("reader", parent: top, umwelt: umwelt, lxcfs: lxcfs, lab: lab)
            let free = try #require(try ours("proc/meminfo", guest).integer("MemFree"))
            #expect(free < 105 << 10 && free > 60 << 10)
            #expect((try peer("proc/meminfo", guest).integer("MemFree") ?? 0) > 180 << 10)
        }
    }

    @Test(.enabled(if: PeerCgroup.isV2, "on v1 every cgroup has its controller"))
    func limitAboveADisabledController() throws {
        try both { lab, umwelt, lxcfs in
            let top = try PeerCgroup(path: "/\(PeerCgroup.uniqueName("top"))", isLeaf: true, lab: lab)
            try top.setMemory(200 << 20)
            let child = try PeerCgroup(path: "\(top.path)/child", isLeaf: true, lab: lab)
            let files = [umwelt.mountPoint, lxcfs.mountPoint].map { "\($0)/proc/meminfo" }
            // A container as small as can be: namespaces, and a cgroup without the memory controller.
            let text = try PeerBurden.output(
                "unshare --pid --mount --cgroup --fork cat \(files[0]); echo '<<and>>'; unshare --pid --mount --cgroup --fork cat \(files[1])",
                in: child,
                lab: lab
            )
            let cut = try #require(text.range(of: "<<and>>"))
            #expect(PeerFields("proc/meminfo", String(text[..<cut.lowerBound])).integer("MemTotal") == 200 << 10)
            let peer = PeerFields("proc/meminfo", String(text[cut.upperBound...]))
            #expect((peer.integer("MemTotal") ?? 0) > 500 << 10)
        }
    }

    @Test(.enabled(if: PeerCgroup.isV2, "v1 refuses CPUs that the parent has not"))
    func requestedVersusEffectiveCpuset() throws {
        try both { lab, umwelt, lxcfs in
            let top = try PeerCgroup(path: "/\(PeerCgroup.uniqueName("top"))", lab: lab)
            try top.setCpuset("1")
            let guest = try PeerGuest(
                "reader",
                PeerLimits(cpuset: "0-1"),
                parent: top,
                umwelt: umwelt,
                lxcfs: lxcfs,
                lab: lab
            )
            #expect(try ours("proc/cpuinfo", guest).cpus == [1])
            #expect(try ours("proc/stat", guest).cpus == [1])
            #expect(try peer("proc/cpuinfo", guest).cpus.count == 2)
        }
    }

    /// lxc/lxcfs#593, #628: the times of /proc/stat.
    @Test func statTimesOfOthers() throws {
        try both { lab, umwelt, lxcfs in
            let guest = try PeerGuest("idle", PeerLimits(cpuset: "0-1"), umwelt: umwelt, lxcfs: lxcfs, lab: lab)
            try PeerBurden.burn(lab: lab)
            let before = (try ours("proc/stat", guest), try peer("proc/stat", guest))
            sleep(4)
            let after = (try ours("proc/stat", guest), try peer("proc/stat", guest))
            func busy(_ old: PeerFields, _ new: PeerFields) -> Double {
                ["user", "system"].reduce(0) { $0 + (new.number("cpu.\($1)") ?? 0) - (old.number("cpu.\($1)") ?? 0) }
            }
            let own = guest.cgroup.usedTicks
            #expect(busy(before.0, after.0) <= own.user + own.system + 2)
            // Of v1 it reads the container's own accounting.
            if PeerCgroup.isV2 { #expect(busy(before.1, after.1) > 150) }
        }
    }

    /// cpuacct.usage_all counts by the tick, and who is let run by a quota runs from the tick on.
    @Test(.enabled(if: !PeerCgroup.isV2, "v2 tells what the scheduler measured")) func timesCountedByTheTick() throws {
        try both { lab, umwelt, lxcfs in
            let limits = PeerLimits(cpus: 0.5, cpuset: "0-1")
            let guest = try PeerGuest("throttled", limits, umwelt: umwelt, lxcfs: lxcfs, lab: lab)
            func ticks() throws -> (ours: Double, peer: Double, used: Double, estimated: Double) {
                func busy(_ fields: PeerFields) -> Double {
                    (fields.number("cpu.user") ?? 0) + (fields.number("cpu.system") ?? 0)
                }
                let used = guest.cgroup.usedTicks
                let estimated = ["user", "sys"].reduce(0) {
                    $0 + Double(guest.cgroup.number("cpuacct", "cpuacct.usage_\($1)") ?? 0) / 10_000_000
                }
                let (own, theirs) = (try ours("proc/stat", guest), try peer("proc/stat", guest))
                return (busy(own), busy(theirs), used.user + used.system, estimated)
            }
            let before = try ticks()
            try guest.run("for i in 1 2 3; do timeout 8 sh -c 'while :; do :; done' & done; wait")
            let after = try ticks()
            let (told, used) = (after.ours - before.ours, after.used - before.used)
            let (theirs, estimated) = (after.peer - before.peer, after.estimated - before.estimated)
            print("quota: used \(used) ticks, told \(told); by the tick \(estimated), by lxcfs \(theirs)")
            #expect(used > 200 && abs(told - used) <= 5 + used / 50)
            // LXCFS tells that estimate.
            #expect(abs(theirs - estimated) <= 5 + estimated / 50)
        }
    }

    /// lxc/lxcfs#653.
    @Test func diskstatsOfTheHost() throws {
        try both { lab, umwelt, lxcfs in
            let guest = try PeerGuest("writer", umwelt: umwelt, lxcfs: lxcfs, lab: lab)
            try guest.run("dd if=/dev/zero of=/mnt/file bs=1M count=20 oflag=direct conv=fsync")
            let host = PeerFields("proc/diskstats", try PeerNeeds.hostText("proc/diskstats"))
            let mine = try ours("proc/diskstats", guest)
            let theirs = try peer("proc/diskstats", guest)
            for name in mine.names {
                #expect((mine.integer(name) ?? .max) <= (host.integer(name) ?? 0) + 1000, "\(name)")
            }
            let written = mine.names.filter { $0.hasSuffix(".sectorsWritten") }.map { mine.integer($0) ?? 0 }
            #expect(theirs.names.count { theirs.integer($0) ?? 0 >= host.integer($0) ?? 1 } > 5)
            // v1 counts where a device is throttled, and on recent kernels there alone.
            if PeerCgroup.isV2 { #expect((written.max() ?? 0) >= 40960 && (written.max() ?? 0) < 45000, "\(written)") }
        }
    }

    /// Every column, of direct I/O whose amount is known: by what was done, by the cgroup's own files, by what the device counted
    /// meanwhile; and LXCFS's are the host's.
    @Test(.enabled(if: PeerNeeds.missing(PeerDisk.programs) == nil, PeerNeeds.reason(PeerDisk.programs)))
    func diskstatsOfDirectIO() throws {
        try both { lab, umwelt, lxcfs in
            let disk = try PeerDisk(lab)
            let guest = try PeerGuest("writer", umwelt: umwelt, lxcfs: lxcfs, disk: disk, lab: lab)
            try disk.count(in: guest.cgroup)
            func host() throws -> PeerFields { PeerFields("proc/diskstats", try PeerNeeds.hostText("proc/diskstats")) }
            let start = try host()
            try guest.run(
                """
                dd if=/dev/zero of=/run/disk bs=64k count=32 oflag=direct conv=notrunc
                dd if=/run/disk of=/dev/null bs=32k count=48 iflag=direct
                blkdiscard --force --offset 4M --length 1M /run/disk
                """
            )
            let before = (try host(), try PeerTruth(guest))
            let (mine, theirs) = (try ours("proc/diskstats", guest), try peer("proc/diskstats", guest))
            let after = (try PeerTruth(guest), try host())

            let bounds = PeerTruth.bounds("proc/diskstats", before.1, after.0, cpus: [])
            for name in mine.names {
                let value = try #require(mine.number(name))
                let own = try #require(bounds[name], "\(name) is nothing that its cgroup tells")
                #expect(own.contains(value), "\(name) is \(value), by its cgroup \(own)")
            }
            for (name, value) in before.1.disks where value > 0 { #expect(mine[name] != nil, "no \(name)") }

            func done(_ column: String) -> UInt64 { mine.integer("\(disk.name).\(column)") ?? 0 }
            func device(_ columns: String...) -> UInt64 {
                columns.reduce(0) { sum, column in
                    let name = "\(disk.name).\(column)"
                    return sum + (before.0.integer(name) ?? 0) - (start.integer(name) ?? 0)
                }
            }
            let amounts: [(String, UInt64)] = [
                ("reads", 48), ("sectorsRead", 3072), ("writes", 32), ("sectorsWritten", 4096),
                ("sectorsDiscarded", 2048),
            ]
            for (column, amount) in amounts { #expect(done(column) == amount, "\(column)") }
            // A cgroup counts requests before they are merged.
            #expect(device("writes", "writesMerged") == done("writes"))
            #expect(device("discards", "discardsMerged") == done("discards"))
            #expect(device("sectorsWritten") == done("sectorsWritten"))
            #expect(device("sectorsDiscarded") == done("sectorsDiscarded"))
            // udev looks at every new disk.
            #expect(device("reads", "readsMerged") >= done("reads"))
            #expect(device("sectorsRead") >= done("sectorsRead"))
            // What is in flight comes and goes; all else grows.
            for name in theirs.names where !name.hasSuffix(".inFlight") {
                let value = theirs.integer(name) ?? 0
                #expect(
                    value >= before.0.integer(name) ?? 0 && value <= after.1.integer(name) ?? 0,
                    "\(name) of LXCFS is \(value)"
                )
            }
            #expect(theirs["\(disk.name).reads"] != nil)
        }
    }

    /// Steal is the time that the quota withheld, and idle what is left of the time that passed.
    @Test(arguments: [("0", 1), ("0-1", 3)]) func timeWithheldByAQuota(_ cpuset: String, _ threads: Int) throws {
        try both { lab, umwelt, lxcfs in
            // So little that it is used up on a busy host too.
            let limits = PeerLimits(cpus: 0.1, cpuset: cpuset)
            let guest = try PeerGuest("throttled", limits, umwelt: umwelt, lxcfs: lxcfs, lab: lab)
            func sample() throws -> (before: PeerTruth, stat: PeerFields, after: PeerTruth) {
                // By the host: a reader in the container would have to wait for the quota.
                let before = try PeerTruth(guest)
                let stat = PeerFields("proc/stat", try guest.ours("proc/stat"))
                return (before, stat, try PeerTruth(guest))
            }
            let start = try sample()
            try guest.run("for i in $(seq \(threads)); do timeout 6 sh -c 'while :; do :; done' & done; wait")
            let end = try sample()
            for sample in [start, end] {
                #expect(PeerTruth.complaints(sample.stat, sample.before, sample.after) == [])
                let bounds = PeerTruth.bounds("proc/stat", sample.before, sample.after, cpus: [0])
                for (name, bounds) in bounds {
                    let value = try #require(sample.stat.number(name))
                    #expect(bounds.contains(value), "\(name) is \(value), by its cgroup \(bounds)")
                }
            }
            func growth(_ column: String) -> Double {
                (end.stat.number("cpu.\(column)") ?? 0) - (start.stat.number("cpu.\(column)") ?? 0)
            }
            func grown(_ value: (PeerTruth) -> Double) -> (least: Double, most: Double) {
                (value(end.before) - value(start.after), value(end.after) - value(start.before))
            }
            let passed = grown { $0.age }
            // What found no room before the first reading is told in the second.
            let told = ["user", "nice", "system"].reduce(0) { $0 + (start.stat.number("cpu.\($1)") ?? 0) }
            let used = (
                least: end.before.user + end.before.system - told - 3, most: end.after.user + end.after.system - told
            )
            let throttled = grown { $0.throttled }
            let (steal, idle) = (growth("steal"), growth("idle"))
            print(
                "quota on \(cpuset): passed \(passed), used \(used), throttled \(throttled), steal \(steal), idle \(idle)"
            )
            #expect(throttled.least > 100)
            // Two CPUs are withheld at once, and one is in sight: at most the time not busy. Columns are rounded down.
            let least = min(throttled.least, passed.least - used.most)
            // Of what found no room before the first reading, 100 ms are told in the second.
            let owed = min(max(start.after.throttled - (start.stat.number("cpu.steal") ?? 0), 0), 10)
            let most = min(throttled.most + owed, passed.most - used.least)
            #expect(steal >= least - 2 && steal <= most + 2, "steal \(steal) of \(least) to \(most)")
            #expect(idle >= passed.least - used.most - steal - 4 && idle <= passed.most - used.least - steal + 4)
            if !PeerCgroup.isV2 { #expect(try peer("proc/stat", guest).number("cpu.steal") == 0) }
        }
    }

    /// 6.0 has no pressure files; 7.0 shows the host's for io.
    @Test func ioPressureOfTheHost() throws {
        try both { lab, umwelt, lxcfs in
            let guest = try PeerGuest("writer", umwelt: umwelt, lxcfs: lxcfs, lab: lab)
            try guest.run("dd if=/dev/zero of=/mnt/file bs=1M count=30 oflag=direct conv=fsync")
            for resource in ["cpu", "memory", "io"] {
                let mine = try ours("proc/pressure/\(resource)", guest)
                #expect(mine.names.contains("some.total") && mine.names.contains("some.avg10"))
                let text =
                    PeerCgroup.isV2
                    ? guest.cgroup.read("memory", "\(resource).pressure")
                    : (try? Fd.contents(
                        of: Path("/sys/fs/cgroup/unified\(guest.cgroup.path)/\(resource).pressure"),
                        limit: 4096
                    ))
                    .map { String(decoding: $0, as: UTF8.self) }
                guard let text else { continue }
                let own = PeerFields("proc/pressure/\(resource)", text)
                // Its own total, a moment earlier.
                #expect(mine.integer("some.total") ?? .max <= own.integer("some.total") ?? 0)
                #expect((mine.number("some.total") ?? 0) > (own.number("some.total") ?? 0) - 500_000)
            }
        }
    }

    @Test func slabinfoOfTheHost() throws {
        try both { lab, umwelt, lxcfs in
            let guest = try PeerGuest("reader", umwelt: umwelt, lxcfs: lxcfs, lab: lab)
            #expect(try ours("proc/slabinfo", guest)["caches"] == "0")
            #expect((try peer("proc/slabinfo", guest).integer("caches") ?? 0) > 10)
        }
    }

    /// lxc/lxcfs#732 has another cause; a blank in the name of PID 1 is enough.
    @Test func uptimeWithAStrangeNameOfPID1() throws {
        try both { lab, umwelt, lxcfs in
            let guest = try PeerGuest("reader", umwelt: umwelt, lxcfs: lxcfs, lab: lab)
            for name in ["a b", ") 1 2", "x) S 1 1 1"] {
                try guest.run("echo '\(name)' > /proc/1/comm")
                let mine = try #require(try ours("proc/uptime", guest).number("up"))
                #expect(mine >= 0 && mine < 60, "\(name): \(mine)")
            }
            let theirs = try peer("proc/uptime", guest).number("up") ?? 0
            #expect(theirs < 0 || theirs > 60, "\(theirs)")
        }
    }

    @Test func loadavgOfNestedCgroups() throws {
        try both { lab, umwelt, lxcfs in
            let guest = try PeerGuest("nested", umwelt: umwelt, lxcfs: lxcfs, lab: lab)
            var path = guest.cgroup.path
            var deepest: PeerCgroup?
            for level in 1...6 {
                path += "/level\(level)"
                deepest = try PeerCgroup(path: path, isLeaf: true, lab: lab)
            }
            for _ in 0..<4 { try PeerBurden.burn(in: deepest, lab: lab) }
            _ = try (ours("proc/loadavg", guest), peer("proc/loadavg", guest))
            sleep(11)
            let mine = try ours("proc/loadavg", guest)
            let theirs = try peer("proc/loadavg", guest)
            #expect((mine.integer("running") ?? 0) >= 4)
            #expect((mine.number("load1") ?? 0) > 0.3)
            #expect((theirs.number("load1") ?? 9) < 0.3, "\(theirs.number("load1") ?? 9)")
        }
    }

    /// lxc/lxcfs#731.
    @Test func presentAndPossibleVersusOnline() throws {
        try both { lab, umwelt, lxcfs in
            let guest = try PeerGuest("reader", PeerLimits(cpus: 1), umwelt: umwelt, lxcfs: lxcfs, lab: lab)
            for file in ["present", "possible", "online"] {
                #expect(try ours("sys/devices/system/cpu/\(file)", guest)["content"] == "0")
            }
            #expect(try peer("sys/devices/system/cpu/online", guest)["content"] == "0")
            #expect(try peer("sys/devices/system/cpu/possible", guest)["content"] != "0")
            #expect(try guest.run("ls -d /run/ours/sys/devices/system/cpu/cpu[0-9]* | wc -l").trimmed == "1")
            #expect(try guest.run("ls -d /run/peer/sys/devices/system/cpu/cpu[0-9]* | wc -l").trimmed != "1")
        }
    }

    @Test func numbersOfCPUs() throws {
        try both { lab, umwelt, lxcfs in
            let guest = try PeerGuest("reader", PeerLimits(cpuset: "1"), umwelt: umwelt, lxcfs: lxcfs, lab: lab)
            #expect(try ours("proc/cpuinfo", guest).cpus == [1])
            #expect(try ours("proc/stat", guest).cpus == [1])
            #expect(try ours("sys/devices/system/cpu/online", guest)["content"] == "1")
            #expect(try guest.run("taskset -p 1").range(of: "mask: 2") != nil)
            #expect(try peer("proc/cpuinfo", guest).cpus == [0])
        }
    }

    @Test func quotaOfAnAncestor() throws {
        try both { lab, umwelt, lxcfs in
            let top = try PeerCgroup(path: "/\(PeerCgroup.uniqueName("top"))", lab: lab)
            try top.setCPUs(0.7)
            let guest = try PeerGuest("reader", parent: top, umwelt: umwelt, lxcfs: lxcfs, lab: lab)
            #expect(try ours("proc/cpuinfo", guest).cpus == [0])
            #expect(try peer("proc/cpuinfo", guest).cpus.count == 2)
        }
    }

    @Test func mappedAlwaysZero() throws {
        try both { lab, umwelt, lxcfs in
            let guest = try PeerGuest("mapper", umwelt: umwelt, lxcfs: lxcfs, lab: lab)
            // A program whose pages this container read first.
            try guest.run(
                "cp /bin/busybox /mnt/busybox; for i in 1 2 3; do /mnt/busybox sleep 1000 & done; sleep 1; /mnt/busybox ls > /dev/null"
            )
            let mapped = guest.cgroup.number(
                "memory",
                "memory.stat",
                PeerCgroup.isV2 ? "file_mapped" : "total_mapped_file"
            )
            let mine = try #require(try ours("proc/meminfo", guest).integer("Mapped"))
            #expect(mine > 200)
            #expect(abs(Double(mine) - Double(mapped ?? 0) / 1024) < 300)
            if PeerCgroup.isV2 { #expect(try peer("proc/meminfo", guest).integer("Mapped") == 0) }
        }
    }

    @Test(.enabled(if: PeerCommand.find("python3") != nil, "needs python3"))
    func anonHugePagesAlwaysZero() throws {
        try both { lab, umwelt, lxcfs in
            let guest = try PeerGuest("huge", umwelt: umwelt, lxcfs: lxcfs, lab: lab)
            try guest.run(
                """
                /usr/bin/python3 -c 'import mmap, time
                m = mmap.mmap(-1, 64 << 20, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
                m.madvise(mmap.MADV_HUGEPAGE)
                for i in range(0, 64 << 20, 4096): m[i] = 1
                time.sleep(1000)' > /dev/null 2>&1 &
                """
            )
            let key = PeerCgroup.isV2 ? "anon_thp" : "total_rss_huge"
            try PeerLab.wait(for: "64 MiB in use") { (guest.cgroup.usageBytes ?? 0) > 64 << 20 }
            let huge = guest.cgroup.number("memory", "memory.stat", key) ?? 0
            if huge == 0 { try Test.cancel("this kernel makes no huge pages") }
            #expect((try ours("proc/meminfo", guest).integer("AnonHugePages") ?? 0) >= huge / 1024)
            #expect(try peer("proc/meminfo", guest).integer("AnonHugePages") == 0)
        }
    }

    /// lxc/lxcfs#695.
    @Test(.enabled(if: PeerCgroup.isV2, "needs swap, which the tests have on v2 alone"))
    func swapLimitBelowTheSwapInUse() throws {
        try PeerLab.with(seconds: 150) { lab in
            try InvariantsTests.swapOn(lab)
            let umwelt = try PeerUmwelt(lab)
            let lxcfs = try PeerLxcfs(lab)
            let guest = try PeerGuest("swapper", PeerLimits(memory: 64 << 20), umwelt: umwelt, lxcfs: lxcfs, lab: lab)
            try guest.cgroup.setSwap(200 << 20)
            try guest.run("{ head -c 110000000 /dev/zero; sleep 1000; } | tail > /dev/null 2>&1 &")
            // Until it has all it wants: over a lower limit it would be killed for more.
            var last: UInt64 = 0
            try PeerLab.wait(for: "swap in use", milliseconds: 60_000) {
                sleep(1)
                let now = guest.cgroup.number("memory", "memory.swap.current") ?? 0
                defer { last = now }
                return now > 20 << 20 && now == last
            }
            // Room for the programs that read, run in the container: in a full one they would have it killed, and its swap freed.
            try guest.cgroup.setMemory(128 << 20)
            try guest.cgroup.setSwap(1 << 20)
            let mine = try ours("proc/meminfo", guest)
            #expect(mine.integer("SwapTotal") == 1024 && mine.integer("SwapFree") == 0)
            // 18446744073709508156 kB, for instance. Not each time: it depends on what LXCFS saw of swap when it started.
            let underflows = try? PeerLab.wait(for: "LXCFS to be wrong", milliseconds: 5000) {
                (try peer("proc/meminfo", guest).number("SwapFree") ?? 0) > 1e15
            }
            if underflows == nil { print("lxcfs: SwapFree did not underflow this time") }
        }
    }
}
