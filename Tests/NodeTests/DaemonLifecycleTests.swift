// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

import Glibc
import Kernel
import NodeLink
import Testing

extension DaemonSuite {
    /// How the daemon starts, refuses and ends.
    @Suite(.serialized) struct DaemonLifecycleTests {
        /// Runs umweltd to its end.
        private func run(_ lab: DaemonLab, _ arguments: [String], wrapper: [String] = []) throws -> LabShell.Output {
            let shell = try lab.shell()
            let words = wrapper + ["\(Programs.umweltd)"] + arguments
            return try shell.run("timeout -s KILL 10 " + words.map { "'\($0)'" }.joined(separator: " "))
        }

        @Test(arguments: [SIGTERM, SIGINT]) func signalUnmountsAndEnds(signal: Int32) throws {
            let lab = try DaemonLab()
            #expect(lab.mounts.map(\.type) == ["fuse.umwelt"])
            // Somebody has a file open, and a directory.
            let reader = try lab.shell()
            try reader.run("exec 5<\(lab.mount)/proc/meminfo; cd \(lab.mount)/proc")
            try lab.daemon?.kill(signal)
            #expect(lab.waitForEnd(seconds: 5) == .exited(0))
            #expect(lab.mounts.isEmpty)
            #expect(!FileTree.isThere(lab.socket))
            // What was open says so, and does not hang.
            let output = try reader.run("cat <&5; ls", seconds: 5)
            #expect(output.code != 0)
        }

        /// Before a worker serves, or while it takes another one's place.
        @Test func signalAtAnyMomentEnds() throws {
            for delay in stride(from: 0, to: 40, by: 4) as StrideTo<UInt32> {
                let lab = try DaemonLab(isStarted: false)
                let log = try Fd.open(lab.log, [.writeOnly, .create])
                var command = Command(
                    path: Programs.umweltd,
                    arguments: ["umweltd", "--socket", "\(lab.socket)", "\(lab.mount)"].map { Array($0.utf8) },
                    environment: Programs.environment
                )
                command.files = [-1, log.raw, log.raw]
                let child = try command.spawn()
                usleep(delay * 1000)
                try child.kill(SIGTERM)
                var status: Kernel.ExitStatus?
                for _ in 0..<500 * Programs.patience where status == nil {
                    status = try child.poll()
                    usleep(10_000)
                }
                // Before its first instruction of ours the signal is the kernel's.
                #expect(status == .exited(0) || status == .signaled(SIGTERM), "after \(delay) ms: \(lab.said)")
                if status == nil { try child.kill(SIGKILL) }
                #expect(lab.mounts.isEmpty, "after \(delay) ms")
            }
        }

        /// SIGHUP before a worker serves does not lose the line that tells of it.
        @Test func hangUpBeforeItServes() throws {
            for delay in stride(from: 0, to: 40, by: 4) as StrideTo<UInt32> {
                let lab = try DaemonLab(isStarted: false)
                let ready = try Fd.pipe()
                let log = try Fd.open(lab.log, [.writeOnly, .create])
                var command = Command(
                    path: Programs.umweltd,
                    arguments: ["umweltd", "--socket", "\(lab.socket)", "--ready-fd", "3", "\(lab.mount)"].map {
                        Array($0.utf8)
                    },
                    environment: Programs.environment
                )
                command.files = [-1, log.raw, log.raw, ready.writing.raw]
                command.group = .own
                let child = try command.spawn()
                usleep(delay * 1000)
                try child.kill(SIGHUP)
                var pipe = ready
                pipe.closeWriting()
                var line = [UInt8](repeating: 0, count: 64)
                let count = try pipe.reading.read(into: &line)
                var status: Kernel.ExitStatus?
                // Before its first instruction of ours the signal is the kernel's.
                if count == 0 { status = try child.wait() }
                #expect(count > 0 || status == .signaled(SIGHUP), "after \(delay) ms: \(lab.said)")
                try? ProcessID.kill(-child.pid, SIGKILL)
                if status == nil { _ = try? child.wait() }
            }
        }

        @Test func signalDuringReadsLeavesNoReaderBehind() throws {
            let lab = try DaemonLab()
            let reader = try lab.shell()
            try reader.begin("while cat \(lab.mount)/proc/meminfo \(lab.mount)/proc/stat >/dev/null 2>&1; do :; done")
            usleep(300_000)
            try lab.daemon?.kill(SIGTERM)
            #expect(lab.waitForEnd(seconds: 5) == .exited(0))
            #expect(try reader.result(seconds: 5).code == 0)
        }

        @Test func secondDaemonOnTheSameMountPointIsRefused() throws {
            let lab = try DaemonLab()
            let output = try run(lab, ["--socket", "\(lab.directory)/other", "\(lab.mount)"])
            #expect(output.code == 1)
            #expect(output.text.contains("is served by a running umweltd already"))
            #expect(output.text.split(separator: "\n").count == 1, "\(output.text)")
            #expect(lab.mounts.count == 1)
            #expect(try lab.shell().run("cat \(lab.mount)/proc/uptime").code == 0)
        }

        /// It would hide part of the first one's files.
        @Test func secondDaemonInsideTheFirstOnesFilesIsRefused() throws {
            let lab = try DaemonLab()
            for place in ["proc", "sys/devices/system/cpu"] {
                let output = try run(lab, ["--socket", "\(lab.directory)/other", "\(lab.mount)/\(place)"])
                #expect(output.code == 1)
                #expect(output.text.contains("is inside what another umweltd serves (\(lab.mount))"), "\(output.text)")
                #expect(output.text.split(separator: "\n").count == 1, "\(output.text)")
            }
            #expect(try lab.shell().run("cat \(lab.mount)/proc/uptime").code == 0)
            #expect(!FileTree.isThere(lab.directory.appending("other.lock")))
        }

        @Test func secondDaemonOnTheSameSocketIsRefused() throws {
            let lab = try DaemonLab()
            let output = try run(lab, ["--socket", "\(lab.socket)", "\(lab.directory)/other"])
            #expect(output.code == 1)
            #expect(output.text.contains("listens at \(lab.socket) already"))
            #expect(output.text.split(separator: "\n").count == 1, "\(output.text)")
            // The first one goes on.
            #expect(try lab.request(Message(.hello)).count == 5)
        }

        @Test func otherMountsAreNotCovered() throws {
            let lab = try DaemonLab(isStarted: false)
            try Directories.make(lab.mount)
            try Mount.mount("none", on: lab.mount, type: "tmpfs")
            let output = try run(lab, ["--socket", "\(lab.socket)", "\(lab.mount)"])
            #expect(output.code == 1)
            #expect(output.text.contains("another file system (tmpfs)"), "\(output.text)")
        }

        @Test(arguments: [
            (["--nonsense"], "unknown option --nonsense"), (["--threads", "0"], "--threads needs"),
            (["--threads", "65"], "--threads needs"), (["--threads", "x"], "--threads needs"),
            (["--threads"], "--threads needs"), (["--socket"], "--socket needs"), (["--socket="], "--socket needs"),
            (["--socket", "--embedded"], "--socket needs"),
            (["--ready-fd", "-1"], "--ready-fd needs"), (["--ready-fd", "99"], "--ready-fd 99: there is no such"),
            (["/a", "/b"], "more than one mount point"), ([""], "is empty"),
            (["-x"], "unknown option -x"),
        ]) func wrongFlagsAreRefused(arguments: [String], reason: String) throws {
            let lab = try DaemonLab(isStarted: false)
            let output = try run(lab, arguments)
            #expect(output.code == 2)
            #expect(output.text.contains(reason), "\(output.text)")
            #expect(output.text.split(separator: "\n").count == 1)
        }

        @Test func otherUsersAreRefused() throws {
            let lab = try DaemonLab(isStarted: false)
            chmod("\(lab.directory)", 0o755)
            // The package may lie where others cannot go.
            try lab.shell().run("cp '\(Programs.umweltd)' \(lab.directory)/umweltd")
            let output = try lab.shell().run(
                "setpriv --reuid 65534 --regid 65534 --clear-groups \(lab.directory)/umweltd \(lab.mount)"
            )
            #expect(output.code == 1)
            #expect(output.text.contains("must be started as root"), "\(output.text)")
        }

        @Test func withoutTheRightToMountItSaysSo() throws {
            let lab = try DaemonLab(isStarted: false)
            let output = try run(
                lab,
                ["--socket", "\(lab.socket)", "\(lab.mount)"],
                wrapper: ["setpriv", "--bounding-set", "-sys_admin"]
            )
            #expect(output.code == 1)
            #expect(output.text.contains("CAP_SYS_ADMIN"), "\(output.text)")
            #expect(output.text.split(separator: "\n").count == 1, "\(output.text)")
        }

        @Test func impossiblePlacesAreRefused() throws {
            let lab = try DaemonLab(isStarted: false)
            let long = "\(lab.directory)/" + String(repeating: "x", count: 120)
            for arguments in [
                ["--socket", long, "\(lab.mount)"], ["--socket", "\(lab.socket)", "/proc/none"],
                ["--socket", "/proc/none/socket", "\(lab.mount)"], ["--socket", "\(lab.socket)", "/dev/null"],
                ["--socket", "\(lab.socket)", "/"], ["--socket", "\(lab.socket)", "/proc/self"],
                ["--socket", "\(lab.socket)", "/sys/kernel"],
            ] {
                let output = try run(lab, arguments)
                #expect(output.code == 1, "\(arguments): \(output.text)")
                #expect(output.text.split(separator: "\n").count == 1, "\(output.text)")
            }
        }

        /// --socket that names somebody's file does not remove it.
        @Test func fileInTheSocketsPlaceIsKept() throws {
            let lab = try DaemonLab(isStarted: false)
            try FileTree.write(Array("precious".utf8), to: lab.socket)
            let output = try run(lab, ["--socket", "\(lab.socket)", "\(lab.mount)"])
            #expect(output.code == 1)
            #expect(output.text.contains("no socket"), "\(output.text)")
            #expect(try Fd.contents(of: lab.socket, limit: 100) == Array("precious".utf8))
        }

        /// What is refused makes no file; where another daemon serves, it leaves the lock, for which a third one may wait.
        @Test func refusedStartsLeaveNothing() throws {
            let lab = try DaemonLab()
            let places = lab.directory.appending("places")
            try Directories.make(places)
            try FileTree.write(Array("precious".utf8), to: places.appending("file"))
            func refused(_ arguments: [String]) throws -> [String] {
                #expect(try run(lab, arguments).code == 1)
                let entries = try Fd.open(places, [.readOnly, .directory]).entries(limit: 100)
                return entries.map { String(decoding: $0.name, as: UTF8.self) }.sorted()
            }
            #expect(try refused(["--socket", "\(places)/file", "\(lab.directory)/other"]) == ["file"])
            #expect(try refused(["--socket", "\(places)/s", "\(places)/file/x"]) == ["file"])
            #expect(try refused(["--socket", "\(places)/s", "\(lab.mount)"]) == ["file", "s.lock"])
        }

        /// By a link: the mounts are found by the name that the kernel gives them.
        @Test func mountPointByALinkIsMended() throws {
            let lab = try DaemonLab(isStarted: false)
            try Directories.make(lab.directory.appending("real"))
            symlink("real", "\(lab.mount)")
            try lab.start()
            #expect(lab.mounts.isEmpty, "it is elsewhere")
            let chaos = try ChaosLab(lab)
            try chaos.add(memoryMB: 50, id: "c")
            try lab.crash()
            try lab.start()
            #expect(try waitUntil { (try? chaos.allRead()) == true }, "\(lab.said)")
        }

        /// Whoever is attached and detached again and again costs no descriptors.
        @Test func registrationsLeaveNoDescriptors() throws {
            let lab = try DaemonLab()
            let worker = lab.workerPID
            func descriptors() throws -> Int {
                try Fd.open(Path("/proc/\(worker)/fd"), [.readOnly, .directory]).entries(limit: 10_000).count
            }
            let before = try descriptors()
            for _ in 0..<100 {
                try lab.register("c", pid: getpid())
                _ = try lab.request(Message(.attach, [Array("c".utf8), Array("\(getpid())".utf8)]))
                _ = try lab.request(Message(.deregister, [Array("c".utf8)]))
            }
            #expect(try descriptors() < before + 20)
        }

        @Test func deadMountIsReplaced() throws {
            let lab = try DaemonLab()
            try lab.crash()
            #expect(try lab.shell().run("cat \(lab.mount)/proc/meminfo").text.contains("not connected"))
            try lab.start()
            #expect(lab.mounts.count == 1)
            #expect(try lab.shell().run("cat \(lab.mount)/proc/meminfo").code == 0)
        }

        /// The service after the daemon of `umwelt run`, or the reverse: what the one left is the other's to mend.
        @Test func nextDaemonHasAnotherMountPoint() throws {
            let lab = try DaemonLab()
            let container = try lab.container(in: try lab.cgroup())
            #expect(try lab.umwelt("attach \(container.initPID)").code == 0)
            try lab.crash()
            try lab.start(at: lab.directory.appending("other"))
            #expect(try waitUntil { try container.shell.run("cat /proc/meminfo /proc/stat").code == 0 }, "\(lab.said)")
            #expect(lab.mounts.isEmpty, "nothing dead is left")
            #expect(try lab.umwelt("detach \(container.initPID)").code == 0)
            lab.end()
            #expect(!FileTree.isThere(Path("\(lab.socket).mounts")))
        }

        /// A worker that ends before it serves: what an earlier daemon had registered is not lost with this one.
        @Test func startThatFailsKeepsTheTable() throws {
            let lab = try DaemonLab(isStarted: false)
            let table = Path("\(lab.socket).table")
            try FileTree.write(Array("earlier\n".utf8), to: table)
            try Directories.make(Path("\(table).new"))
            let output = try run(lab, ["--socket", "\(lab.socket)", "\(lab.mount)"])
            #expect(output.code == 1 && output.text.contains("cannot write"), "\(output.text)")
            #expect(lab.mounts.isEmpty && !FileTree.isThere(lab.socket))
            #expect(try Fd.contents(of: table, limit: 100) == Array("earlier\n".utf8))
        }

        /// Those that were killed have the lock for as long as they take to end.
        @Test func startRightAfterAKill() throws {
            let lab = try DaemonLab()
            for _ in 0..<Programs.share(of: 20) {
                if let pid = lab.daemon?.pid { try ProcessID.kill(-pid, SIGKILL) }
                try lab.start()
            }
            // The others' zombies.
            while Child.nextChange() != nil {}
            #expect(try lab.shell().run("cat \(lab.mount)/proc/meminfo").code == 0)
        }

        @Test func abortedConnectionIsReplaced() throws {
            let lab = try DaemonLab()
            lab.abortConnection()
            let shell = try lab.shell()
            #expect(try waitUntil { try shell.run("cat \(lab.mount)/proc/meminfo").code == 0 })
            #expect(lab.mounts.count == 1, "\(lab.mounts)")
            #expect(lab.said.contains("was aborted"), "\(lab.said)")
        }

        /// Each time it is healed, until somebody means it: then the containers see the kernel's own files.
        @Test(.enabled(if: Programs.patience == 1, "not as often in a minute"))
        func connectionThatIsAbortedAgainAndAgainEndsTheDaemon() throws {
            let lab = try DaemonLab()
            let chaos = try ChaosLab(lab)
            try chaos.add(memoryMB: 50, id: "c")
            for round in 0...30 {
                #expect(try waitUntil { (try? chaos.allRead()) == true }, "round \(round): \(lab.said)")
                lab.abortConnection()
            }
            #expect(lab.waitForEnd(seconds: 5) == .exited(1))
            #expect(lab.said.contains("aborted 31 times in a minute"), "\(lab.said)")
            #expect(lab.mounts.isEmpty && !FileTree.isThere(lab.socket))
            let output = try chaos.readers[0].container.shell.run("cat /proc/meminfo")
            #expect(output.number("MemTotal:") ?? 0 > 50 << 10, "\(output.text)")
        }

        /// Somebody takes the file system off, with and without containers that have views of it: it is the same one that
        /// comes back.
        @Test(arguments: [true, false]) func mountThatIsTakenOffIsPutBack(hasViews: Bool) throws {
            let lab = try DaemonLab()
            let chaos = try ChaosLab(lab)
            if hasViews {
                try chaos.add(memoryMB: 50, id: "c")
                try chaos.begin()
            }
            let before = lab.mounts.map(\.device)
            for _ in 0..<2 {
                try Mount.unmount(lab.mount, lazily: true)
                #expect(try waitUntil { lab.mounts.map(\.device) == before }, "\(lab.said)")
            }
            #expect(lab.said.contains("was taken off"), "\(lab.said)")
            // Whoever starts now gets its views.
            let container = try lab.container(in: try lab.cgroup("late"))
            #expect(try lab.umwelt("attach \(container.initPID)").text.contains("files attached"))
            if hasViews { #expect(try chaos.end().wrong.isEmpty) }
            #expect(try lab.umwelt("stop").code == 0)
            #expect(lab.waitForEnd(seconds: 5) == .exited(0))
            #expect(lab.mounts.isEmpty)
        }

        /// What somebody mounts over it, or over a directory above, stays; the file system is put on top.
        @Test func mountThatIsCoveredIsPutBack() throws {
            let lab = try DaemonLab(isStarted: false)
            let place = lab.directory.appending("above/m")
            defer { for _ in 0..<4 { try? Mount.unmount(place, lazily: true) } }
            try lab.start(at: place)
            let shell = try lab.shell()
            for covered in [place, lab.directory.appending("above")] {
                try Mount.mount("other", on: covered, type: "tmpfs")
                #expect(try waitUntil { FileTree.isThere(place.appending("proc/meminfo")) }, "\(covered) \(lab.said)")
                #expect(try shell.run("cat \(place)/proc/meminfo").code == 0)
                usleep(1_500_000)
            }
            #expect(try lab.umwelt("stop").code == 0)
            #expect(lab.waitForEnd(seconds: 5) == .exited(0))
            #expect(try shell.run("stat -f -c %T \(place)/..; ls -A \(place)").text == "tmpfs")
            try Mount.unmount(lab.directory.appending("above"), lazily: true)
        }

        /// It is put on top again after its connection or its processes have ended, in order or not; only where it was.
        @Test func mountThatIsCoveredIsNoReasonToRefuse() throws {
            let lab = try DaemonLab()
            let shell = try lab.shell()
            let file = lab.mount.appending("proc/meminfo")
            try Mount.mount("other", on: lab.mount, type: "tmpfs")
            #expect(try waitUntil { FileTree.isThere(file) }, "\(lab.said)")
            let before = try #require(lab.mounts.first).device
            try FuseMount.abort(minor: try #require(before.split(separator: ":").last.flatMap { UInt32($0) }))
            #expect(
                try waitUntil {
                    lab.mounts.contains { $0.type == "fuse.umwelt" && $0.device != before } && FileTree.isThere(file)
                },
                "\(lab.said)"
            )
            try lab.crash()
            try lab.start()
            #expect(try shell.run("cat \(file)").code == 0)
            #expect(try lab.umwelt("stop").code == 0)
            #expect(lab.waitForEnd(seconds: 5) == .exited(0))
            #expect(try shell.run("stat -f -c %T \(lab.mount)").text == "tmpfs")
            try lab.start()
            #expect(try shell.run("cat \(file)").code == 0)
        }

        /// The keeper that follows one that was killed meanwhile has no mount left to put there.
        @Test func mountIsTakenOffAndTheKeeperKilled() throws {
            let lab = try DaemonLab()
            let chaos = try ChaosLab(lab)
            try chaos.add(memoryMB: 50, id: "c")
            let before = lab.mounts.map(\.device)
            let worker = lab.workerPID
            try Mount.unmount(lab.mount, lazily: true)
            try lab.killKeeper()
            #expect(try waitUntil { lab.mounts.map(\.device) == before }, "\(lab.said)")
            #expect(try chaos.allRead())
            try ProcessID.kill(worker, SIGTERM)
        }

        /// Who takes it off again and again is not fought at every moment, nor for good.
        @Test(.enabled(if: Programs.patience == 1, "not as often in a second"))
        func mountThatIsTakenOffAgainAndAgain() throws {
            let lab = try DaemonLab()
            let end = Clock.monotonic + 6_000_000_000
            var count = 0
            while Clock.monotonic < end {
                if (try? Mount.unmount(lab.mount, lazily: true)) != nil { count += 1 }
                usleep(20_000)
            }
            #expect((2...4).contains(count), "\(count)")
            #expect(try waitUntil { lab.mounts.count == 1 }, "\(lab.said)")
        }

        // MARK: Registered containers

        @Test func endOfTheFirstProcessDeregisters() throws {
            let lab = try DaemonLab()
            let cgroup = try lab.cgroup()
            let container = try lab.container(in: cgroup)
            try lab.register("one", pid: container.initPID)
            let host = try lab.shell()
            #expect(try host.run("ls \(lab.mount)/containers; cat \(lab.mount)/containers/one/proc/uptime").code == 0)
            cgroup.killAll()
            #expect(try waitUntil { try host.run("ls \(lab.mount)/containers").text.isEmpty })
            #expect(try host.run("cat \(lab.mount)/containers/one/proc/uptime").text.contains("No such file"))
        }

        /// `docker restart`: the same name, another process; the end of the first is not the end of the second.
        @Test func nameThatIsUsedAgainOutlivesItsFirstProcess() throws {
            let lab = try DaemonLab()
            let (first, second) = (try lab.cgroup("1"), try lab.cgroup("2"))
            try second.limitMemory(77 << 20)
            let old = try lab.container(in: first)
            let new = try lab.container(in: second)
            try lab.register("same", pid: old.initPID)
            _ = try lab.request(Message(.deregister, [Array("same".utf8)]))
            try lab.register("same", pid: new.initPID)
            first.killAll()
            usleep(1_500_000)
            let output = try lab.shell().run("cat \(lab.mount)/containers/same/proc/meminfo")
            #expect(output.number("MemTotal:") == 77 << 10, "\(output.text)")
        }

        @Test func wrongRegistrationsAreRefused() throws {
            let lab = try DaemonLab()
            for (id, pid) in [
                ("", "1"), ("..", "1"), ("a/b", "1"), ("-a", "1"), ("a", "x"), ("a", "-1"), ("a", "4194303"),
            ] {
                #expect(throws: LinkError.self, "\(id) \(pid)") {
                    _ = try lab.request(Message(.register, [Array(id.utf8), [], Array(pid.utf8)]))
                }
            }
            #expect(try lab.request(Message(.containers)).isEmpty)
            _ = try lab.request(Message(.register, [Array("a".utf8), [], Array("0".utf8)]))
            #expect(throws: LinkError.self) { _ = try lab.request(Message(.register, [Array("a".utf8), [], [48]])) }
            #expect(throws: LinkError.self) { _ = try lab.request(Message(.deregister, [Array("b".utf8)])) }
            #expect(throws: LinkError.self) { _ = try lab.request(Message(.attach, [Array("b".utf8), [49]])) }
            #expect(throws: LinkError.self) { _ = try lab.request(Message(.view, [[49]])) }
            #expect(throws: LinkError.self) { _ = try lab.request(Message(Message.Kind(rawValue: 99))) }
            // Not attached yet: the files are there, their content is not.
            let output = try lab.shell().run(
                "ls \(lab.mount)/containers/a/proc; cat \(lab.mount)/containers/a/proc/meminfo"
            )
            #expect(output.text.contains("loadavg"))
            #expect(output.text.contains("No such file"))
        }

        /// More clients than descriptors: they wait, the others are served, and nothing turns in circles.
        @Test func clientsBeyondTheDescriptorsWait() throws {
            let lab = try DaemonLab(wrapper: ["prlimit", "--nofile=40:40"])
            let worker = lab.workerPID
            var first = try Link(connectingTo: lab.socket)
            var clients: [Int32] = []
            for _ in 0..<60 { clients.append(try UnixSocket.connect(to: lab.socket).release()) }
            let before = try processorTicks(worker)
            usleep(1_000_000)
            #expect(try processorTicks(worker) - before < 30)
            // It serves, and whoever came first is answered: what it needs it had opened before its first client.
            #expect(try first.request(Message(.hello)).count == 5)
            for client in clients { close(client) }
            #expect(try waitUntil { (try? lab.request(Message(.hello)))?.count == 5 })
        }

        /// utime and stime of the daemon, in hundredths of a second.
        private func processorTicks(_ pid: Int32) throws -> Int {
            let bytes = try Fd.contents(of: Path("/proc/\(pid)/stat"), limit: 4096)
            let fields = String(decoding: bytes, as: UTF8.self).split(separator: " ")
            return (Int(fields[13]) ?? 0) + (Int(fields[14]) ?? 0)
        }

        // MARK: Embedded

        @Test func embeddedDaemonEndsWithItsLastHolder() throws {
            let lab = try DaemonLab(arguments: ["--embedded"])
            let cgroup = try lab.cgroup()
            let container = try lab.container(in: cgroup)
            do {
                var first = try Link(connectingTo: lab.socket)
                _ = try first.request(Message(.hold))
                do {
                    var second = try Link(connectingTo: lab.socket)
                    _ = try second.request(Message(.hold))
                }
                #expect(lab.waitForEnd(seconds: 2) == nil)
                try lab.register("one", pid: container.initPID)
            }
            // The holders are gone, the container is not.
            #expect(lab.waitForEnd(seconds: 2) == nil)
            cgroup.killAll()
            #expect(lab.waitForEnd(seconds: 5) == .exited(0))
            #expect(lab.mounts.isEmpty)
        }

        @Test func daemonThatIsNotEmbeddedStays() throws {
            let lab = try DaemonLab()
            do {
                var link = try Link(connectingTo: lab.socket)
                _ = try link.request(Message(.hold))
            }
            #expect(lab.waitForEnd(seconds: 2) == nil)
        }

        private func waitUntil(_ condition: () throws -> Bool) throws -> Bool {
            for _ in 0..<50 {
                if try condition() { return true }
                usleep(100_000)
            }
            return false
        }
    }
}
