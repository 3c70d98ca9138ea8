// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

import Glibc
import Kernel
import NodeLink
import Testing

extension DaemonSuite {
    /// Workers that stand still, never come to serve, or end while the daemon does.
    @Suite(.serialized) struct HangTests {
        /// Stops threads of a process for good by ptrace, as a lock that is never released would.
        ///
        /// The process is not stopped, its other threads go on. Where it is killed, it stays: nobody waits for those threads.
        private static let freezer = #"""
            my ($number, $pid, $names) = @ARGV;
            for my $tid (map { m{(\d+)$} } glob "/proc/$pid/task/*") {
                open my $f, "/proc/$pid/task/$tid/comm" or next;
                next unless <$f> =~ /$names/;
                # PTRACE_SEIZE, PTRACE_INTERRUPT
                syscall($number, 0x4206, $tid + 0, 0, 0) == 0 and syscall($number, 0x4207, $tid + 0, 0, 0) == 0 or die "$!";
                $count++;
            }
            $| = 1; print "frozen $count\n"; sleep 600;
            """#

        /// Runs until the shell ends.
        private func freeze(_ names: String, of pid: Int32, _ lab: DaemonLab) throws -> LabShell {
            let script = lab.directory.appending("freeze.pl")
            try FileTree.write(Array(Self.freezer.utf8), to: script, mode: 0o644)
            let shell = try lab.shell()
            let output = lab.directory.appending("frozen")
            try shell.begin(
                "n=101; [ $(uname -m) = x86_64 ] || n=117; exec perl \(script) $n \(pid) '\(names)' >\(output) 2>&1"
            )
            for _ in 0..<500 * Programs.patience {
                let text = String(decoding: (try? Fd.contents(of: output, limit: 4096)) ?? [], as: UTF8.self)
                if text.hasPrefix("frozen ") { return shell }
                guard text.isEmpty else { throw LabError(text) }
                usleep(10_000)
            }
            throw LabError("nothing was frozen")
        }

        private func waitUntilSaid(_ words: String, _ lab: DaemonLab, seconds: Int) -> Bool {
            for _ in 0..<seconds * 50 {
                if lab.said.contains(words) { return true }
                usleep(20_000)
            }
            return false
        }

        /// All loop threads stand still, some of them in the middle of a request; the process goes on, and cannot be made to
        /// end.
        @Test(.enabled(if: PeerCommand.find("perl") != nil, "no perl"))
        func loopThreadsStandStill() throws {
            let lab = try DaemonLab()
            let chaos = try ChaosLab(lab)
            for index in 0..<4 as Range<UInt64> {
                try chaos.add(memoryMB: 40 + index, id: index % 2 == 0 ? "c\(index)" : nil)
            }
            try chaos.begin()
            usleep(300_000 * UInt32(Programs.patience))
            let worker = lab.workerPID
            let frozen = try freeze("^fuse-", of: worker, lab)
            let since = Clock.monotonic
            #expect(lab.workerPID == worker, "the thread that serves the socket goes on")
            #expect(waitUntilSaid("hangs", lab, seconds: 10 * Programs.patience))
            #expect(lab.worker(after: worker) != nil)
            #expect(FileTree.isThere(Path("/proc/\(worker)")), "it is not waited for")
            usleep(500_000 * UInt32(Programs.patience))
            let (reads, wrong) = try chaos.end()
            print("hang: \((Clock.monotonic - since) / 1_000_000) ms from the lock to the end, \(reads) reads")
            #expect(reads > 0)
            #expect(wrong.count == 0, "\(wrong.prefix(10))")
            #expect(chaos.stuck.isEmpty)
            #expect(try chaos.allRead())
            frozen.end()
        }

        /// A file that no worker comes to read to its end: of the container's cgroup, it is a pipe that nobody writes to.
        ///
        /// Who reads it is refused after three workers, also where the kernel does not resend what they had in hand. Others
        /// notice nothing.
        @Test func aRequestThatHangsEveryWorkerIsRefused() throws {
            let lab = try DaemonLab()
            let chaos = try ChaosLab(lab)
            try chaos.add(memoryMB: 40, id: "c")
            let cgroup = try lab.cgroup("stuck")
            try cgroup.limitMemory(50 << 20)
            let container = try lab.container(in: cgroup, hasOwnRoot: false)
            try lab.register("stuck", pid: container.initPID)
            let file = cgroup.directory("memory").appending("memory.stat")
            let pipe = lab.directory.appending("pipe")
            #expect(mkfifo("\(pipe)", 0o600) == 0)
            let shell = try lab.shell()
            // Where the daemon looks for cgroups (`HostPlace`).
            try shell.run("for host in 1 2 $$; do nsenter --mount --target $host true 2>/dev/null && break; done")
            let covered = try shell.run("nsenter --mount --target $host mount --bind \(pipe) \(file)")
            #expect(covered.code == 0, "\(covered.text)")
            defer { _ = try? shell.run("nsenter --mount --target $host umount -l \(file)") }
            try chaos.begin()
            let began = Clock.monotonic
            let output = try shell.run(
                "cat \(lab.mount)/containers/stuck/proc/meminfo 2>&1",
                seconds: 45 * Programs.patience
            )
            print("hang: refused after \((Clock.monotonic - began) / 1_000_000) ms")
            #expect(output.text.hasSuffix("Input/output error"), "\(output.text) \(lab.said)")
            #expect(!lab.said.contains("aborting the connection"), "\(lab.said)")
            let (reads, wrong) = try chaos.end()
            #expect(reads > 0)
            #expect(wrong.count == 0, "\(wrong.prefix(10))")
        }

        /// The thread that serves the socket stands still, while files are read.
        @Test(.enabled(if: PeerCommand.find("perl") != nil, "no perl"))
        func socketThreadStandsStill() throws {
            let lab = try DaemonLab()
            let worker = lab.workerPID
            let frozen = try freeze("^umweltd-worker", of: worker, lab)
            #expect(try lab.shell().run("cat \(lab.mount)/proc/meminfo").code == 0)
            #expect(waitUntilSaid("hangs", lab, seconds: 20 * Programs.patience))
            #expect(lab.worker(after: worker) != nil)
            frozen.end()
        }

        /// A keeper that somebody stopped goes on: its worker sees to that, so that somebody follows it.
        @Test func keeperIsStopped() throws {
            let lab = try DaemonLab()
            let keeper = try #require(lab.daemon?.pid)
            let worker = lab.workerPID
            try ProcessID.kill(keeper, SIGSTOP)
            usleep(2_500_000 * UInt32(Programs.patience))
            try ProcessID.kill(worker, SIGKILL)
            let output = try lab.shell().run("cat \(lab.mount)/proc/meminfo", seconds: 5)
            #expect(output.code == 0, "\(output.text) \(lab.said)")
            #expect(lab.daemon?.pid == keeper && lab.workerPID != worker)
        }

        /// Workers that end before they serve: their table cannot be written.
        private func keepWorkersFromServing(_ lab: DaemonLab) throws -> Path {
            let table = Path("\(lab.socket).table")
            try Directories.unlink(table)
            try Directories.make(table)
            try ProcessID.kill(lab.workerPID, SIGKILL)
            return table
        }

        /// Whoever waits is set free after 30 seconds, and the containers are mended once a worker serves.
        @Test func connectionThatNobodyServesIsAborted() throws {
            let lab = try DaemonLab()
            let keeper = try #require(lab.daemon?.pid)
            let chaos = try ChaosLab(lab)
            try chaos.add(memoryMB: 50, id: "c")
            try chaos.add(memoryMB: 51, id: nil)
            let before = lab.mounts.map(\.device)
            let table = try keepWorkersFromServing(lab)
            let began = Clock.monotonic
            for reader in chaos.readers { try reader.container.shell.begin("exec 2>&1; cat /proc/meminfo") }
            #expect(waitUntilSaid("aborting the connection", lab, seconds: 45))
            #expect(Clock.monotonic - began > 25_000_000_000)
            for reader in chaos.readers {
                let output = try reader.container.shell.result(seconds: 5)
                #expect(output.code == 1 && output.text.contains("connection"), "\(output.text)")
            }
            try Directories.remove(table)
            let served = Clock.monotonic
            var isMended = false
            for _ in 0..<500 where !isMended {
                isMended = (try? chaos.allRead()) == true
                usleep(20_000)
            }
            #expect(isMended, "\(lab.said)")
            print("hang: all read again \((Clock.monotonic - served) / 1_000_000) ms after a worker could serve")
            #expect(lab.daemon?.pid == keeper)
            #expect(lab.mounts.count == 1 && lab.mounts.map(\.device) != before)
            #expect(lab.said.contains("fusectl") == false, "\(lab.said)")
        }

        /// Nobody comes to serve on the next connection either: no container is left with files that fail.
        @Test(.enabled(if: Programs.patience == 1, "lasts a minute"))
        func whatNobodyServesIsTakenAway() throws {
            let lab = try DaemonLab()
            let chaos = try ChaosLab(lab)
            try chaos.add(memoryMB: 50, id: "c")
            try chaos.add(memoryMB: 51, id: nil)
            let table = try keepWorkersFromServing(lab)
            for reader in chaos.readers { try reader.container.shell.begin("cat /proc/meminfo >/dev/null 2>&1") }
            #expect(lab.waitForEnd(seconds: 90) == .exited(1), "\(lab.said)")
            #expect(lab.said.contains("gave up after another connection"), "\(lab.said)")
            #expect(lab.mounts.isEmpty)
            for reader in chaos.readers {
                _ = try reader.container.shell.result(seconds: 5)
                let output = try reader.container.shell.run("cat /proc/meminfo && cat /proc/stat >/dev/null")
                #expect(output.code == 0 && output.number("MemTotal:") ?? 0 > reader.memoryKB, "\(output.text)")
            }
            try Directories.remove(table)
        }

        /// No room for the table: a worker that comes then serves what is registered, and only takes no more.
        @Test func fullDiskKeepsNobodyFromServing() throws {
            let lab = try DaemonLab(isStarted: false)
            try Mount.mount("full", on: lab.directory, type: "tmpfs", data: "size=64k")
            try lab.start()
            let cgroup = try lab.cgroup()
            try cgroup.limitMemory(50 << 20)
            let container = try lab.container(in: cgroup, hasOwnRoot: false)
            try lab.register("c", pid: container.initPID)
            let shell = try lab.shell()
            try shell.run("cat /dev/zero >\(lab.directory)/full 2>/dev/null")
            try ProcessID.kill(lab.workerPID, SIGKILL)
            let output = try shell.run("cat \(lab.mount)/containers/c/proc/meminfo", seconds: 10)
            #expect(output.number("MemTotal:") == 50 << 10, "\(output.text) \(lab.said)")
            // Until a line is cut short.
            var refused = false
            for number in 0..<500 where !refused {
                do { try lab.register("\(String(repeating: "x", count: 100))-\(number)", pid: 0) } catch {
                    refused = true
                }
            }
            #expect(refused)
            try shell.run("rm \(lab.directory)/full")
            try lab.register("d", pid: container.initPID)
            try ProcessID.kill(lab.workerPID, SIGKILL)
            for name in ["c", "d"] {
                let output = try shell.run("cat \(lab.mount)/containers/\(name)/proc/meminfo", seconds: 10)
                #expect(output.number("MemTotal:") == 50 << 10, "\(name): \(output.text) \(lab.said)")
            }
        }

        /// A file system that has become read-only: what is registered is served on, and changes are refused.
        @Test func readOnlyDiskKeepsNobodyFromServing() throws {
            let lab = try DaemonLab()
            let cgroup = try lab.cgroup()
            try cgroup.limitMemory(50 << 20)
            let container = try lab.container(in: cgroup, hasOwnRoot: false)
            try lab.register("c", pid: container.initPID)
            let shell = try lab.shell()
            let covered = try shell.run("d=\(lab.directory); mount --rbind $d $d && mount -o remount,bind,ro $d")
            #expect(covered.code == 0, "\(covered.text)")
            try ProcessID.kill(lab.workerPID, SIGKILL)
            let output = try shell.run("cat \(lab.mount)/containers/c/proc/meminfo", seconds: 10)
            #expect(output.number("MemTotal:") == 50 << 10, "\(output.text) \(lab.said)")
            #expect(throws: LinkError.self) { try lab.register("d", pid: 0) }
            try shell.run("mount -o remount,bind,rw \(lab.directory)")
            try lab.register("d", pid: container.initPID)
            try ProcessID.kill(lab.workerPID, SIGKILL)
            #expect(try shell.run("cat \(lab.mount)/containers/d/proc/meminfo").number("MemTotal:") == 50 << 10)
            try shell.run("umount -l \(lab.directory)")
        }

        /// Workers that are killed while the views are taken away.
        @Test func workerThatEndsDuringTheStop() throws {
            for round in 0..<Programs.share(of: 10) {
                let lab = try DaemonLab()
                let keeper = try #require(lab.daemon?.pid)
                let chaos = try ChaosLab(lab)
                for index in 0..<4 as Range<UInt64> {
                    try chaos.add(memoryMB: 40 + index, id: index % 2 == 0 ? "c\(index)" : nil)
                }
                let files = "/proc/meminfo /proc/stat /proc/uptime"
                let loop = "while cat \(files) >/dev/null; do [ ! -e \(chaos.stopFile) ] || exit 0; done; exit 1"
                for reader in chaos.readers { try reader.container.shell.begin("sh -c '\(loop)'") }
                usleep(200_000)
                let worker = lab.workerPID
                _ = try lab.request(Message(.stop))
                try ProcessID.kill(worker, SIGKILL)
                for pause in [5_000, 30_000, 100_000] as [UInt32] {
                    usleep(pause + UInt32(round) * 1_000)
                    if let next = DaemonLab.worker(of: keeper) { try? ProcessID.kill(next, SIGKILL) }
                }
                #expect(lab.waitForEnd(seconds: 10 * Programs.patience) == .exited(0), "\(lab.said)")
                #expect(lab.mounts.isEmpty)
                usleep(100_000)
                try FileTree.write([10], to: chaos.stopFile, mode: 0o644)
                for reader in chaos.readers {
                    let output = try reader.container.shell.result()
                    #expect(output.code == 0, "round \(round): \(output.text) \(lab.said)")
                    let memory = try reader.container.shell.run("cat /proc/meminfo").number("MemTotal:")
                    #expect(memory ?? 0 > 50 << 10)
                }
            }
        }
    }
}
