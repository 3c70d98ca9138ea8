// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

import Glibc
import Kernel
import NodeLink
import Testing

extension DaemonSuite {
    /// The clean stop: whatever happens at that moment, nobody is left with a file that fails.
    @Suite(.serialized) struct StopTests {
        /// The views go before the daemon does: a reader sees the kernel's own files, and no error.
        @Test func stopLeavesNoErrorBehind() throws {
            let lab = try DaemonLab()
            let chaos = try ChaosLab(lab)
            try chaos.add(memoryMB: 50, id: "c")
            try chaos.add(memoryMB: 51, id: nil)
            let files = "/proc/meminfo /proc/stat /proc/uptime"
            let loop = "while cat \(files) >/dev/null; do [ ! -e \(chaos.stopFile) ] || exit 0; done; exit 1"
            // A sandbox in the container, as browsers make: the views that it was born with cannot be taken off there.
            let found = lab.directory.appending("sandbox")
            try chaos.readers[0].container.shell.run(
                """
                unshare -U -r -m sh -c 'echo born > \(found); until [ -e \(chaos.stopFile) ]; do sleep 0.1; done
                  cat /proc/meminfo > \(found).new 2>&1; mv \(found).new \(found)' >/dev/null 2>&1 &
                until [ -s \(found) ]; do sleep 0.1; done
                """
            )
            for reader in chaos.readers { try reader.container.shell.begin("sh -c '\(loop)'") }
            usleep(300_000)
            let stopped = try lab.umwelt("stop")
            #expect(stopped.code == 0, "\(stopped.text) \(lab.said)")
            #expect(lab.waitForEnd(seconds: 5) == .exited(0))
            #expect(lab.mounts.isEmpty)
            usleep(300_000)
            try FileTree.write([10], to: chaos.stopFile, mode: 0o644)
            for reader in chaos.readers {
                let output = try reader.container.shell.result()
                #expect(output.code == 0, "\(output.text)")
                #expect(try reader.container.shell.run("cat /proc/meminfo").number("MemTotal:") ?? 0 > 51 << 10)
            }
            let seen = try chaos.readers[0].container.shell.run(
                "for i in $(seq 50); do ! grep born \(found) || sleep 0.1; done; cat \(found)"
            )
            #expect(seen.number("MemTotal:") ?? 0 > 51 << 10, "\(seen.text)")
        }

        /// Containers that start all the while, of which some mount our files from a copy of the mount that they, or those
        /// who started them, took along.
        @Test(arguments: ["proc", "containers/c/proc"]) func containersThatStartMeanwhile(files: String) throws {
            let lab = try DaemonLab()
            try lab.register("c", pid: getpid())
            let (stop, wrong) = (lab.directory.appending("stop"), lab.directory.appending("wrong"))
            let container = """
                sleep 0.0$(($$ % 10)); mount --bind \(lab.mount)/\(files)/meminfo /proc/meminfo 2>/dev/null || exit 0
                echo >>\(lab.directory)/started; until [ -e \(stop) ]; do sleep 0.1; done
                read -r line </proc/meminfo || echo $$ >>\(wrong)
                """
            let shell = try lab.shell()
            try shell.begin(
                """
                i=0
                while [ ! -e \(stop) ] && [ $((i += 1)) -lt 400 ]; do
                  unshare -m sh -c '\(container)' 2>>\(wrong) &
                  unshare -m unshare -m sh -c '\(container)' 2>>\(wrong) &
                  sleep \(0.01 * Double(Programs.patience))
                done; wait
                """
            )
            usleep(500_000 * UInt32(Programs.patience))
            let stopped = try lab.umwelt("stop")
            #expect(stopped.code == 0, "\(stopped.text) \(lab.said)")
            #expect(lab.waitForEnd(seconds: 5) == .exited(0))
            usleep(200_000)
            try FileTree.write([10], to: stop, mode: 0o644)
            _ = try shell.result(seconds: 60)
            let (started, failed) = (try lines(lab, "started"), try lines(lab, "wrong"))
            print("stop: \(started.count) containers had our file, \(failed.count) were left with an error")
            #expect(started.count > 10)
            #expect(failed.isEmpty, "\(failed.prefix(5)) \(lab.said)")
        }

        /// In the middle of replacing dead mounts: none is put back, and none is left.
        @Test(arguments: [100, 300, 600] as [UInt32]) func stopWhileContainersAreMended(milliseconds: UInt32) throws {
            let lab = try DaemonLab()
            let count = Programs.share(of: 150)
            let shell = try lab.shell()
            let bind = "mount --bind \(lab.mount)/proc/meminfo /proc/meminfo"
            try shell.run(
                """
                pids=; for i in $(seq \(count)); do
                  unshare -m sh -c '\(bind); echo >>\(lab.directory)/started; exec sleep 1000' >/dev/null 2>&1 & pids="$pids $!"
                done
                until [ $(wc -l <\(lab.directory)/started) = \(count) ]; do sleep 0.1; done
                """,
                seconds: 60
            )
            try lab.crash()
            try lab.start()
            usleep(milliseconds * 1000)
            try lab.daemon?.kill(SIGTERM)
            #expect(lab.waitForEnd(seconds: 20) == .exited(0), "\(lab.said)")
            let output = try shell.run(
                "for p in $pids; do head -n 1 /proc/$p/root/proc/meminfo || echo failed $p; done; kill $pids",
                seconds: 60
            )
            let lines = output.text.split(separator: "\n")
            #expect(lines.filter { $0.hasPrefix("MemTotal:") }.count == count, "\(lines.suffix(4)) \(lab.said)")
        }

        /// Keeper and worker killed under a hundred containers, every other one with a user namespace: all read within two seconds.
        @Test func hundredContainersAreMended() throws {
            let lab = try DaemonLab()
            let count = Programs.share(of: 100)
            let shell = try lab.shell()
            let bind = "mount --bind \(lab.mount)/proc/meminfo /proc/meminfo"
            try shell.run(
                """
                pids=; for i in $(seq \(count)); do
                  [ $((i % 2)) = 0 ] && user='-U -r' || user=
                  unshare $user -m sh -c '\(bind); echo >>\(lab.directory)/started; exec sleep 1000' >/dev/null 2>&1 & pids="$pids $!"
                done
                until [ $(wc -l <\(lab.directory)/started) = \(count) ]; do sleep 0.1; done
                """,
                seconds: 60
            )
            try lab.crash()
            let began = Clock.monotonic
            try lab.start()
            let output = try shell.run(
                """
                until cat $(printf '/proc/%s/root/proc/meminfo ' $pids) >/dev/null 2>&1; do sleep 0.02; done; kill $pids
                """,
                seconds: 30
            )
            let took = (Clock.monotonic - began) / 1_000_000
            print("stop: \(count) containers read again \(took) ms after the start")
            #expect(output.code == 0, "\(output.text) \(lab.said)")
            #expect(took < 2000 * UInt64(Programs.patience))
        }

        private func lines(_ lab: DaemonLab, _ name: String) throws -> [Substring] {
            let path = lab.directory.appending(Path(name))
            guard FileTree.isThere(path) else { return [] }
            return String(decoding: try Fd.contents(of: path, limit: 1 << 20), as: UTF8.self).split(
                separator: "\n",
                omittingEmptySubsequences: false
            ).dropLast()
        }

        /// A view that somebody had in hand when the others were taken away.
        @Test func viewThatIsMountedLate() throws {
            let lab = try DaemonLab()
            let target = lab.directory.appending("target")
            try FileTree.write(Array("beneath".utf8), to: target, mode: 0o644)
            let view = try Mount.clone(lab.mount.appending("proc/meminfo"))
            _ = try lab.request(Message(.stop))
            for _ in 0..<100 where !lab.mounts.isEmpty { usleep(20_000) }
            // Less than open files are waited for.
            usleep(500_000)
            try Mount.attach(view, on: target)
            defer { try? Mount.unmount(target, lazily: true) }
            // Served until then, or taken away already.
            let text = try lab.shell().run("cat \(target)").text
            #expect(text.contains("MemTotal:") || text == "beneath", "\(text)")
            #expect(lab.waitForEnd(seconds: 10) == .exited(0))
            #expect(try lab.shell().run("cat \(target)").text == "beneath", "\(lab.said)")
        }

        /// Mounts that go with those of another mount namespace: nothing is left in their place.
        @Test(arguments: [[], ["strace", "-D", "-f", "-o", "/dev/null", "-e", "inject=umount2:delay_enter=20000"]])
        func viewsThatArePeers(wrapper: [String]) throws {
            let lab = try DaemonLab(wrapper: wrapper)
            let container = try lab.container(in: try lab.cgroup())
            let peers = "mount --make-rshared /proc; mount --make-rshared /sys"
            // Several helpers take them off at a time: each mount goes with the one that is first. With a pause before each,
            // it goes after they have seen it.
            try container.shell.run(
                "\(peers); for i in 1 2 3 4 5 6; do unshare -m --propagation unchanged sleep 1000 & done; sleep 0.3"
            )
            let pid = container.initPID
            #expect(try lab.umwelt("attach \(pid)").text.contains("files attached"))
            #expect(try lab.umwelt("stop").code == 0)
            #expect(lab.waitForEnd(seconds: 10) == .exited(0))
            let left = try container.shell.run(
                "grep -E ' /(proc/meminfo|sys/devices/system/cpu) ' /proc/[0-9]*/mountinfo"
            )
            #expect(left.text.isEmpty, "\(left.text)")
            try lab.start()
            #expect(try lab.umwelt("attach \(pid)").text.contains("files attached"))
        }

        /// Another daemon at the same mount point, in another mount namespace: its mounts are not this one's, and when it does
        /// not answer, it holds up nobody.
        @Test func daemonThatHangsInAContainer() throws {
            let lab = try DaemonLab(isStarted: false)
            let nested = try lab.shell(["unshare", "-m", "--propagation", "private"])
            let began = try nested.run(
                """
                setsid '\(Programs.umweltd)' --socket \(lab.directory)/nested \(lab.mount) >/dev/null 2>&1 & keeper=$!
                for i in $(seq 100); do [ ! -e \(lab.mount)/proc/meminfo ] || break; sleep 0.1; done
                mount --bind \(lab.mount)/proc/meminfo /proc/meminfo; cat /proc/meminfo >/dev/null
                """,
                seconds: 30
            )
            #expect(began.code == 0, "\(began.text)")
            defer { _ = try? nested.run("kill -CONT -$keeper; kill -KILL -$keeper") }
            try lab.start()
            let container = try lab.container(in: try lab.cgroup())
            let shell = container.shell
            func device() throws -> String {
                try nested.run("awk '$5 == \"/proc/meminfo\" { print $3 }' /proc/self/mountinfo").text
            }
            let before = try device()
            func isOurs() throws -> Bool {
                try shell.run("head -n 1 /proc/meminfo && grep -c ' /proc/meminfo .* fuse.umwelt' /proc/self/mountinfo")
                    .code == 0
            }
            #expect(try lab.umwelt("attach \(container.initPID)").code == 0)
            for isHung in [false, true] {
                if isHung { try nested.run("kill -STOP -$keeper") }
                try lab.crash()
                try lab.start()
                let began = Clock.monotonic
                for _ in 0..<200 {
                    if try isOurs() { break }
                    usleep(20_000 * UInt32(Programs.patience))
                }
                print(
                    "stop: mended \((Clock.monotonic - began) / 1_000_000) ms after the start, another daemon hung: \(isHung)"
                )
                #expect(try isOurs(), "\(lab.said)")
                #expect(try device() == before, "the other's own view")
            }
            let stopped = try lab.umwelt("stop")
            #expect(stopped.code == 0, "\(stopped.text)")
            #expect(lab.waitForEnd(seconds: 5) == .exited(0))
            let left = try shell.run(
                "head -n 1 /proc/meminfo && ! grep ' /proc/meminfo .* fuse.umwelt' /proc/self/mountinfo"
            )
            #expect(left.code == 0, "\(left.text) \(lab.said)")
            #expect(lab.said.contains("does not answer"), "\(lab.said)")
            #expect(try device() == before)
        }

        /// Somebody with thousands of mounts at paths as long as they can be, and a copy of ours: nobody else waits for him.
        @Test func manyMountsWithLongPaths() throws {
            let lab = try DaemonLab()
            let hostile = try lab.shell(["unshare", "-U", "-r", "-m"])
            let made = try hostile.run(
                """
                h=\(lab.directory)/h; mkdir $h; mount -t tmpfs t $h
                deep=$h; for i in $(seq 1800); do deep=$deep/d; done; mkdir -p $deep; mount --bind $deep $deep
                for i in $(seq 11); do mkdir $h/$i && mount --rbind $h $h/$i || exit 1; done
                cat /proc/self/mountinfo | wc -c; grep -c ' fuse.umwelt \(lab.mount) ' /proc/self/mountinfo
                """,
                seconds: 60
            )
            #expect(made.code == 0 && made.text.hasSuffix("\n1"), "\(made.text)")
            let container = try lab.container(in: try lab.cgroup())
            #expect(try lab.umwelt("attach \(container.initPID)").code == 0)
            try lab.crash()
            var began = Clock.monotonic
            try lab.start()
            let read = "until cat /proc/meminfo >/dev/null 2>&1; do sleep 0.02; done"
            #expect(try container.shell.run(read, seconds: 60).code == 0, "\(lab.said)")
            let mended = (Clock.monotonic - began) / 1_000_000
            began = Clock.monotonic
            #expect(try lab.umwelt("stop").code == 0, "\(lab.said)")
            #expect(lab.waitForEnd(seconds: 5) == .exited(0))
            let stopped = (Clock.monotonic - began) / 1_000_000
            print("stop: beside many long mounts mended after \(mended) ms, stopped after \(stopped) ms")
            #expect(max(mended, stopped) < 8000 * UInt64(Programs.patience), "\(lab.said)")
            let left = "head -n 1 /proc/meminfo && ! grep ' fuse.umwelt ' /proc/self/mountinfo"
            #expect(try container.shell.run(left).code == 0, "\(lab.said)")
            #expect(!lab.said.contains("left"), "\(lab.said)")
        }

        /// A log that nobody reads, and children's ends that whoever started it ignores, hold up nobody.
        @Test func logIsFullAndChildrenAreIgnored() throws {
            let lab = try DaemonLab(isStarted: false)
            let fifo = lab.directory.appending("fifo")
            let host = try lab.shell()
            let began = try host.run(
                """
                mkfifo \(fifo); exec 7<>\(fifo); dd if=/dev/zero of=\(fifo) bs=4096 oflag=nonblock 2>/dev/null; trap '' CHLD
                setsid '\(Programs.umweltd)' --socket \(lab.socket) \(lab.mount) >/dev/null 2>&7 &
                for i in $(seq 100); do [ ! -e \(lab.mount)/proc/meminfo ] || break; sleep 0.1; done; cat \(lab.mount)/proc/meminfo
                """,
                seconds: 30
            )
            #expect(began.text.contains("MemTotal:"), "\(began.text)")
            let worker = lab.workerPID
            try #require(worker > 0)
            try ProcessID.kill(worker, SIGKILL)
            let killed = Clock.monotonic
            #expect(try host.run("cat \(lab.mount)/proc/meminfo").text.contains("MemTotal:"))
            #expect(Clock.monotonic - killed < 1_000_000_000 * UInt64(Programs.patience))
            #expect(try lab.umwelt("stop").code == 0)
        }

        /// What the unit does when all of its processes have ended, and nobody follows; `isHeld`: the service manager still has
        /// the connection, on which nobody answers.
        @Test(arguments: [true, false]) func daemonCouldNotBeAsked(isHeld: Bool) throws {
            let lab = try DaemonLab()
            let containers = try [lab.container(in: lab.cgroup("a")), lab.container(in: lab.cgroup("b"))]
            for container in containers { #expect(try lab.umwelt("attach \(container.initPID)").code == 0) }
            let group = -lab.keeperPID
            if isHeld { try ProcessID.kill(group, SIGSTOP) } else { try lab.crash() }
            let left = "stop --left-at \(lab.mount)"
            #expect(try lab.umwelt("\(left) --unless-restart --unit none.service").code == 0)
            #expect(!lab.mounts.isEmpty, "no unit is stopped")
            let stopped = try lab.umwelt(left)
            #expect(stopped.code == 0 && stopped.text.contains("files in 2 containers"), "\(stopped.text)")
            #expect(lab.mounts.isEmpty)
            for container in containers {
                let seen = try container.shell.run(
                    "head -n 1 /proc/meminfo && cat /sys/devices/system/cpu/online && ! grep umwelt /proc/self/mountinfo"
                )
                #expect(seen.code == 0, "\(seen.text)")
            }
            #expect(try lab.umwelt(left).text.isEmpty)
            if isHeld { try ProcessID.kill(group, SIGKILL) }
        }

        /// The keeper is killed while it stops: its worker goes on with that.
        @Test(arguments: [0, 20_000, 300_000, 1_000_000] as [UInt32]) func keeperIsKilledInAStop(microseconds: UInt32)
            throws
        {
            let lab = try DaemonLab()
            let container = try lab.container(in: try lab.cgroup())
            #expect(try lab.umwelt("attach \(container.initPID)").code == 0)
            // Somebody has a file open: that takes a moment.
            let reader = try lab.shell()
            try reader.run("exec 5<\(lab.mount)/proc/meminfo")
            _ = try lab.request(Message(.stop))
            usleep(microseconds)
            try lab.killKeeper()
            for _ in 0..<1000 where FileTree.isThere(lab.socket) { usleep(10_000) }
            #expect(!FileTree.isThere(lab.socket), "\(lab.said)")
            #expect(lab.mounts.isEmpty)
            let seen = try container.shell.run("head -n 1 /proc/meminfo && ! grep umwelt /proc/self/mountinfo")
            #expect(seen.code == 0, "\(seen.text)")
            // Nobody holds the lock any more.
            try lab.start()
            #expect(try lab.umwelt("attach \(container.initPID)").text.contains("files attached"))
        }

        /// A new program that does not come to serve, and the stop in that moment: it needs no other program.
        @Test(arguments: [8_000, 16_000, 24_000, 60_000] as [UInt32])
        func stopWhileANewProgramDoesNotServe(microseconds: UInt32) throws {
            let lab = try DaemonLab()
            let container = try lab.container(in: try lab.cgroup())
            #expect(try lab.umwelt("attach \(container.initPID)").code == 0)
            let table = Path("\(lab.socket).table")
            try Directories.unlink(table)
            try Directories.make(table)
            try ProcessID.kill(lab.keeperPID, SIGHUP)
            usleep(microseconds)
            try ProcessID.kill(lab.keeperPID, SIGTERM)
            #expect(lab.waitForEnd(seconds: 25) != nil, "\(lab.said)")
            #expect(lab.mounts.isEmpty)
            let look = "head -n 1 /proc/meminfo && ! grep ' \(lab.mount) ' /proc/self/mountinfo"
            let seen = try container.shell.run(look)
            #expect(seen.code == 0, "\(seen.text)")
        }

        /// Another daemon's mounts are not taken for those of a connection that is over, though they have its number.
        @Test func numberThatIsUsedAgain() throws {
            let lab = try DaemonLab()
            let target = lab.directory.appending("target")
            let minor = try #require(lab.mounts.last?.device.split(separator: ":").last)
            let shell = try lab.shell()
            try shell.run("touch \(target); mount --bind \(lab.mount)/proc/meminfo \(target)")
            defer { try? Mount.unmount(target, lazily: true) }
            // A device that nothing was mounted with is as one whose connection is over.
            let helper = "'\(Programs.umweltd)' --part take-away:\(minor) \(lab.mount) 3<>/dev/fuse"
            #expect(try shell.run(helper).code == 0)
            #expect(try shell.run("cat \(target)").text.contains("MemTotal:"))
        }

        /// While somebody still has a file open, what comes is told so.
        @Test func nothingIsBegunWhileItEnds() throws {
            let lab = try DaemonLab()
            let cgroup = try lab.cgroup()
            let container = try lab.container(in: cgroup)
            let reader = try lab.shell()
            try reader.run("exec 5<\(lab.mount)/proc/meminfo")
            _ = try lab.request(Message(.stop))
            for _ in 0..<100 where !lab.mounts.isEmpty { usleep(20_000) }
            let attached = try lab.umwelt("attach \(container.initPID)")
            #expect(
                attached.code == 1 && attached.text.contains("it is ending; start it again first"),
                "\(attached.text)"
            )
            #expect(try lab.umwelt("upgrade").text.contains("it is ending"))
            #expect(try reader.run("cat <&5").text.contains("MemTotal:"))
            #expect(lab.waitForEnd(seconds: 10) == .exited(0))
        }
    }
}
