// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

import Glibc
import Kernel
import Testing

extension DaemonSuite {
    /// Whose values a reader gets, by its cgroup: for each way in which a process comes to be in a container.
    @Suite(.serialized) struct DaemonIdentityTests {
        private let hostTotal = LabShell.Output(
            text: String(decoding: (try? Fd.contents(of: "/proc/meminfo", limit: 65536)) ?? [], as: UTF8.self),
            code: 0
        ).number("MemTotal:")

        private func read(_ shell: LabShell, _ lab: DaemonLab) throws -> UInt64? {
            let output = try shell.run("cat \(lab.mount)/proc/meminfo")
            #expect(output.code == 0, "\(output.text)")
            return output.number("MemTotal:")
        }

        @Test(arguments: [true, false]) func containerGetsItsOwn(privateCgroups: Bool) throws {
            let lab = try DaemonLab()
            let cgroup = try lab.cgroup()
            try cgroup.limitMemory(64 << 20)
            let container = try lab.container(in: cgroup, privateCgroups: privateCgroups)
            #expect(try read(container.shell, lab) == 65536)
        }

        /// A pod with shareProcessNamespace: the pause container made the pid namespace and has 8 MiB; LXCFS shows its
        /// 8 MiB to all.
        @Test(arguments: [true, false]) func sharedPIDNamespaceKeepsContainersApart(privateCgroups: Bool) throws {
            let lab = try DaemonLab()
            let pod = try lab.cgroup()
            let (a, b) = (try pod.child("a"), try pod.child("b"))
            try a.limitMemory(8 << 20)
            try b.limitMemory(300 << 20)
            let pause = try lab.container(in: a, privateCgroups: privateCgroups)
            let cgroupNamespace = privateCgroups ? ["-C"] : []
            let app = LabContainer(
                shell: try lab.shell(
                    ["nsenter", "-t", "\(pause.initPID)", "-p", "unshare", "-m", "-u", "-i"] + cgroupNamespace,
                    in: b
                ),
                cgroup: b
            )
            try app.enterRoot(lab: lab)
            #expect(try read(app.shell, lab) == 300 << 10)
            #expect(try read(pause.shell, lab) == 8 << 10)
            // Again, from what is kept.
            #expect(try read(app.shell, lab) == 300 << 10)
        }

        /// From the host's cgroup into the namespaces: what `nsenter` does.
        @Test(arguments: [["-a"], ["-m", "-p"], ["-m"], ["-m", "-C"], ["-p"]], [true, false])
        func enteredProcessGetsTheContainers(flags: [String], privateCgroups: Bool) throws {
            let lab = try DaemonLab()
            let cgroup = try lab.cgroup()
            try cgroup.limitMemory(48 << 20)
            let container = try lab.container(in: cgroup, privateCgroups: privateCgroups)
            let entered = try lab.shell(["nsenter", "-t", "\(container.initPID)"] + flags)
            #expect(try read(entered, lab) == 48 << 10)
        }

        /// What a restart of a container is to those who watch from outside: the name of its cgroup comes back.
        @Test func restartedContainerBeginsAnew() throws {
            let lab = try DaemonLab()
            func read(_ script: String) throws -> LabShell.Output {
                let cgroup = try lab.cgroup("restarted")
                defer { cgroup.remove() }
                return try lab.container(in: cgroup).shell.run(script)
            }
            let files = "head -n 1 \(lab.mount)/proc/stat; cat \(lab.mount)/proc/uptime"
            _ = try read("i=0; while [ $i -lt 300000 ]; do i=$((i+1)); done; sleep 2; \(files)")
            let words = try read(files).text.split { $0 == " " || $0 == "\n" }
            let uptime = try #require(words.last { $0.contains(".") }.flatMap { Double($0) })
            #expect(uptime < 1.5 * Double(Programs.patience), "\(words)")
        }

        /// A systemd unit, say, that starts its container again: the cgroup goes on counting.
        ///
        /// A last one that was read is known by what it was told; one that was not, by its having used more than all CPUs
        /// could give in the life of the next.
        @Test(arguments: [true, false]) func nextContainerInAKeptCgroupIsNotChargedWithTheLast(wasRead: Bool) throws {
            let lab = try DaemonLab()
            let cgroup = try lab.cgroup("kept")
            let last = try lab.container(in: cgroup)
            let seconds = wasRead ? 4 : 16
            let loop = "(ulimit -t \(seconds); while :; do :; done)"
            try last.shell.run("for i in $(seq $(getconf _NPROCESSORS_ONLN)); do \(loop) & done; wait", seconds: 120)
            if wasRead { try last.shell.run("cat \(lab.mount)/proc/stat") }
            cgroup.killAll()
            last.shell.end()
            // Its load has had a tick.
            let next = try lab.container(in: cgroup)
            let files = "\(lab.mount)/proc/uptime \(lab.mount)/proc/stat \(lab.mount)/proc/loadavg"
            let text = try next.shell.run("sleep 5.2; cat \(files)").text
            let lines = text.split(separator: "\n").map { $0.split(separator: " ") }
            let cpu = try #require(lines.first { $0.first == "cpu" }, "\(text)")
            #expect(cpu.dropFirst().prefix(3).reduce(0) { $0 + (Int($1) ?? 0) } < 400, "\(text)")
            let load = try #require(lines.last?.first.flatMap { Double($0) }, "\(text)")
            #expect(load < 0.1, "\(text)")
        }

        /// What `docker exec` and `kubectl exec` do: the cgroup, then the namespaces.
        @Test(arguments: [true, false]) func executedProcessGetsTheContainers(privateCgroups: Bool) throws {
            let lab = try DaemonLab()
            let cgroup = try lab.cgroup()
            try cgroup.limitMemory(48 << 20)
            let container = try lab.container(in: cgroup, privateCgroups: privateCgroups)
            let executed = try lab.shell(["nsenter", "-t", "\(container.initPID)", "-a"], in: cgroup)
            #expect(try read(executed, lab) == 48 << 10)
        }

        @Test func hostProcessGetsTheHosts() throws {
            let lab = try DaemonLab()
            let host = try lab.shell()
            #expect(try read(host, lab) == hostTotal)
            let output = try host.run(
                """
                cd \(lab.mount); rc=0
                for f in proc/swaps sys/devices/system/cpu/online sys/devices/system/cpu/possible \
                    sys/devices/system/cpu/present sys/devices/system/cpu/offline sys/devices/system/cpu/cpu0/topology/core_id
                do cmp $f /$f || rc=1; done
                grep -v MHz proc/cpuinfo > \(lab.directory)/ours; grep -v MHz /proc/cpuinfo > \(lab.directory)/theirs
                cmp \(lab.directory)/ours \(lab.directory)/theirs || rc=1
                [ "$(cut -d' ' -f1 proc/diskstats)" = "$(cut -d' ' -f1 /proc/diskstats)" ] || rc=1
                [ "$(grep -c . proc/slabinfo)" = "$(grep -c . /proc/slabinfo)" ] || rc=1
                exit_code=$rc; (exit $exit_code)
                """
            )
            #expect(output.code == 0, "\(output.text)")
        }

        /// By the one that is larger than a page on every machine: slabinfo, whose numbers change, but not its lines.
        @Test func largeFilesAreCopiedWhole() throws {
            let lab = try DaemonLab()
            let output = try lab.shell().run(
                """
                cd \(lab.mount)/proc; to=\(lab.directory); names() { cut -d' ' -f1 "$1" | sort; }
                cat slabinfo > $to/cat
                [ "$(stat -c %s $to/cat)" -gt 8192 ] || echo "a small slabinfo: $(stat -c %s $to/cat)"
                cp slabinfo $to/cp; tail -n +1 slabinfo > $to/tail; tac slabinfo > $to/tac; dd if=slabinfo of=$to/dd bs=3k 2> /dev/null
                busybox cp slabinfo $to/busybox; head -c 1000000 slabinfo > $to/head
                python3 -c "import shutil; shutil.copyfile('slabinfo', '$to/python')"
                for copy in cp tail tac dd busybox head python
                do [ "$(names $to/$copy)" = "$(names $to/cat)" ] || echo "$copy: $(wc -c < $to/$copy) bytes"; done
                [ "$(tail -n 1 slabinfo | cut -d' ' -f1)" = "$(cat slabinfo | tail -n 1 | cut -d' ' -f1)" ] || echo 'tail -n 1'
                [ "$(tail -n 1 meminfo)" = "$(cat meminfo | tail -n 1)" ] || echo 'tail -n 1 meminfo'
                """
            )
            #expect(output.text.isEmpty && output.code == 0, "\(output.text)")
        }

        /// On v1 it counts as the root cgroup's.
        @Test func aProcessThatHasEndedSeesNothing() throws {
            let lab = try DaemonLab()
            let container = try lab.container(in: try lab.cgroup())
            let begun = try container.shell.run("sh -c 'sleep 0 & exec sleep 100' >/dev/null 2>&1 & sleep 0.5")
            let zombie = container.cgroup.processes + container.cgroup.processes.flatMap(Self.children)
            let ended = try #require(zombie.first { ProcessID.state($0) == UInt8(ascii: "Z") }, "\(begun.text)")
            let nobody = try DaemonLab(isStarted: false)
            for daemon in [lab, nobody] {
                let output = try daemon.umwelt("view meminfo --pid \(ended)")
                #expect(output.code == 1 && output.text.contains("process \(ended) has ended"), "\(output.text)")
            }
        }

        private static func children(of pid: Int32) -> [Int32] {
            ((try? Fd.contents(of: Path("/proc/\(pid)/task/\(pid)/children"), limit: 65536)) ?? [])
                .split(separator: 32).compactMap { Int32(String(decoding: $0, as: UTF8.self)) }
        }

        /// A container's first process has ended and nobody waits for it; the next container's mount namespace has its
        /// namespace's number.
        @Test(.enabled(if: RunLab.has("python3") && RunLab.has("busybox"), "needs python3 and busybox"))
        func numbersOfNamespacesThatAreGone() throws {
            let lab = try DaemonLab()
            var places: [String] = []
            for (name, megabytes) in [("a", 40), ("b", 44)] as [(String, UInt64)] {
                let cgroup = try lab.cgroup(name)
                try cgroup.limitMemory(megabytes << 20)
                places.append(cgroup.processFiles.map { "\($0)" }.joined(separator: " "))
            }
            let script = """
                import os, subprocess, sys
                root, mount, *places = sys.argv[1:]
                line = "for f in %s; do echo $$ > $f; done; exec unshare -m chroot %s /busybox sh -c '" \
                    "/busybox stat -L -c %%i /proc/self/ns/mnt; /busybox head -n 1 /m/proc/meminfo; exec /busybox sleep 100'"
                def read(place):
                    process = subprocess.Popen(["sh", "-c", line % (place, root)], stdout=subprocess.PIPE, text=True)
                    return process, process.stdout.readline(), process.stdout.readline().split()[1]
                kept, again = [], 0
                for round in range(6):
                    numbers = []
                    for place, total in zip(places, ["40960", "45056"]):
                        process, number, told = read(place)
                        process.kill()
                        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
                        kept.append(process)
                        again += number in numbers
                        numbers.append(number)
                        if told != total: print("told", told, "not", total)
                print("again" if again else "none")
                """
            let output = try lab.shell().run(
                """
                r=\(lab.directory)/root; mkdir -p $r/proc $r/m; cp "$(command -v busybox)" $r/busybox
                mount --bind \(lab.mount) $r/m; mount -t proc proc $r/proc
                cat > \(lab.directory)/read.py <<'END'
                \(script)
                END
                python3 \(lab.directory)/read.py $r \(lab.mount) \(places.map { "'\($0)'" }.joined(separator: " "))
                umount $r/m $r/proc
                """
            )
            print("numbers of mount namespaces that came again: \(output.text)")
            #expect(output.text == "again" || output.text == "none", "\(output.text)")
        }

        /// A container whose slabinfo is small looks at the file that the host has just opened: its size is not the host's.
        @Test func sizesAreEachReadersOwn() throws {
            let lab = try DaemonLab()
            let container = try lab.container(in: try lab.cgroup())
            let host = try lab.shell()
            let file = "\(lab.mount)/proc/slabinfo"
            #expect(try host.run("exec 3< \(file)").code == 0)
            #expect(try container.shell.run("stat -c %s \(file)").text == "4096")
            let lines = try host.run("tac <&3 | wc -l; exec 3<&-; wc -l < \(file)").text.split(separator: "\n")
            #expect(lines.count == 2 && lines.first == lines.last, "\(lines)")
        }

        /// What is open knows its size, though the process that gave it out is gone, and nobody has opened it with the next.
        @Test func sizesOutliveTheWorker() throws {
            let lab = try DaemonLab()
            let host = try lab.shell()
            let file = "\(lab.mount)/proc/slabinfo"
            #expect(try host.run("exec 3< \(file)").code == 0)
            let worker = lab.workerPID
            try ProcessID.kill(worker, SIGKILL)
            #expect(lab.worker(after: worker) != nil)
            #expect(try host.run("stat -c %s \(file)").text == "4096")
            let lines = try host.run("tac <&3 | wc -l; exec 3<&-; wc -l < \(file)").text.split(separator: "\n")
            #expect(lines.count == 2 && lines.first == lines.last, "\(lines)")
        }

        /// A service with a limit of its own is no container: it sees the host as without the daemon.
        @Test(arguments: [[], ["unshare", "-m"], ["unshare", "-m", "-n"]]) func hostServiceGetsTheHosts(
            wrapper: [String]
        ) throws {
            let lab = try DaemonLab()
            let cgroup = try lab.cgroup("service")
            try cgroup.limitMemory(100 << 20)
            let service = try lab.shell(wrapper, in: cgroup)
            #expect(try read(service, lab) == hostTotal)
        }

        /// systemd as the container's init: it moves itself to init.scope and its services elsewhere below.
        @Test(arguments: [true, false]) func nestedCgroupsAreTheContainers(privateCgroups: Bool) throws {
            let lab = try DaemonLab()
            let cgroup = try lab.cgroup()
            try cgroup.limitMemory(96 << 20)
            let container = try lab.container(in: cgroup, privateCgroups: privateCgroups)
            let (scope, service) = (try cgroup.child("init.scope"), try cgroup.child("a.service"))
            try service.limitMemory(16 << 20)
            let pid = container.initPID
            for file in scope.processFiles { try FileTree.overwrite(file, Array("\(pid)".utf8)) }
            #expect(try read(container.shell, lab) == 96 << 10)
            let other = try lab.shell(["nsenter", "-t", "\(pid)", "-m", "-p", "-C"], in: service)
            #expect(try read(other, lab) == 96 << 10)
        }

        /// hostPID: the host's pid namespace, a root of its own.
        @Test(arguments: [true, false]) func containerInTheHostsPIDNamespaceGetsItsOwn(privateCgroups: Bool) throws {
            let lab = try DaemonLab()
            let cgroup = try lab.cgroup()
            try cgroup.limitMemory(32 << 20)
            let container = try lab.container(in: cgroup, privateCgroups: privateCgroups, hostPID: true)
            #expect(try read(container.shell, lab) == 32 << 10)
            // It began when its first process did, not when it was first read.
            let late = try lab.container(in: try lab.cgroup("late"), privateCgroups: privateCgroups, hostPID: true)
            let uptime = try late.shell.run("sleep 1.5; cat \(lab.mount)/proc/uptime").text
            let seconds = uptime.split(separator: " ").first.flatMap { Double($0) } ?? 0
            // A machine in software emulation takes its time.
            #expect(seconds >= 1.4 && seconds < 30, "\(uptime)")
        }

        /// Who reads first, of a daemon's process that does not know the container: a service with a mount namespace of its
        /// own, or a sandbox.
        @Test(arguments: [["-m"], ["-m", "-p", "-f"]], [true, false])
        func containerBeganBeforeWhoReadsFirst(namespaces: [String], privateCgroups: Bool) throws {
            let lab = try DaemonLab()
            // As engines do: who starts the first process is not in its cgroup namespace.
            let container =
                privateCgroups
                ? try lab.container(
                    in: try lab.cgroup(),
                    privateCgroups: false,
                    hostPID: true,
                    more: ["-p", "-f", "unshare", "-C"]
                )
                : try lab.container(in: try lab.cgroup(), privateCgroups: false)
            func uptime() throws -> Double {
                let script = "unshare \(namespaces.joined(separator: " ")) cat \(lab.mount)/proc/uptime"
                let output = try container.shell.run(script)
                return try #require(output.text.split(separator: " ").first.flatMap { Double($0) }, "\(output.text)")
            }
            try container.shell.run("sleep 3")
            let first = try uptime()
            #expect(first >= 2.9)
            let worker = lab.workerPID
            try ProcessID.kill(worker, SIGKILL)
            #expect(lab.worker(after: worker) != nil)
            #expect(try uptime() >= first)
        }

        /// On v1 a single thread can be in a cgroup of its own.
        @Test(.enabled(if: LabCgroup.isV1, "v1 only")) func threadInAnotherCgroupGetsTheContainers() throws {
            let lab = try DaemonLab()
            let cgroup = try lab.cgroup()
            try cgroup.limitMemory(128 << 20)
            let child = try cgroup.child("threads")
            let container = try lab.container(in: cgroup)
            let tasks = [child.directory("cpu"), child.directory("cpuacct")].map { "\($0)/tasks" }
            let output = try container.shell.run(
                """
                python3 - <<'EOF'
                import threading, ctypes, sys
                def body():
                    for path in \(tasks):
                        with open(path, "w") as f: f.write("0")
                    with open("\(lab.mount)/proc/meminfo") as f: print(f.read())
                thread = threading.Thread(target=body); thread.start(); thread.join()
                EOF
                """
            )
            #expect(output.number("MemTotal:") == 128 << 10, "\(output.text)")
        }

        /// A DaemonSet with hostPID: namespaces of its own for mounts and cgroups.
        @Test(arguments: [true, false]) func daemonInAContainerKnowsTheHost(privateCgroups: Bool) throws {
            let lab = try DaemonLab(isStarted: false)
            // As mountPropagation: Bidirectional has it.
            try Mount.bind(lab.directory, on: lab.directory)
            try Mount.mount("", on: lab.directory, type: "", flags: [Mount.Flags(rawValue: 1 << 20)])
            try lab.start(wrapper: ["unshare", "-m", "-C", "--propagation", "unchanged"])
            let cgroup = try lab.cgroup()
            try cgroup.limitMemory(56 << 20)
            let container = try lab.container(in: cgroup, privateCgroups: privateCgroups)
            #expect(try read(container.shell, lab) == 56 << 10)
            #expect(try read(try lab.shell(), lab) == hostTotal)
            let service = try lab.cgroup("service")
            try service.limitMemory(100 << 20)
            #expect(try read(try lab.shell(in: service), lab) == hostTotal)
        }

        /// Docker in Docker on v1: the inner container has no cgroup namespace of its own, and still its own limit.
        @Test func containerInAContainerGetsItsOwn() throws {
            let lab = try DaemonLab()
            let outer = try lab.cgroup()
            try outer.limitMemory(200 << 20)
            let container = try lab.container(in: outer)
            let inner = try outer.child("docker").child("c")
            try inner.limitMemory(40 << 20)
            let nested = try lab.shell(
                ["nsenter", "-t", "\(container.initPID)", "-a", "unshare", "-m", "-p", "-f"],
                in: inner
            )
            #expect(try read(nested, lab) == 40 << 10)
            let executed = try lab.shell(["nsenter", "-t", "\(inner.processes.last ?? 0)", "-m", "-p", "-C"])
            #expect(try read(executed, lab) == 40 << 10)
            #expect(try read(container.shell, lab) == 200 << 10)
        }

        /// A registered container's processes get its values by caller too; a container inside it gets its own, registered or
        /// not.
        @Test func registeredContainerIsKnownByPathAndByCaller() throws {
            let lab = try DaemonLab()
            let outer = try lab.cgroup()
            try outer.limitMemory(200 << 20)
            let inner = try outer.child("inner")
            try inner.limitMemory(40 << 20)
            let container = try lab.container(in: outer)
            let nested = try lab.shell(
                ["nsenter", "-t", "\(container.initPID)", "-a", "unshare", "-p", "-f"],
                in: inner
            )
            #expect(try read(nested, lab) == 40 << 10)
            try lab.register("outer", pid: container.initPID)
            #expect(try read(nested, lab) == 40 << 10)
            // Nothing makes a container of these: a service of the outer one.
            let service = try lab.shell(["nsenter", "-t", "\(container.initPID)", "-a"], in: inner)
            #expect(try read(service, lab) == 200 << 10)
            let pid = inner.processes.last ?? 0
            try lab.register("inner", pid: pid)
            #expect(try read(nested, lab) == 40 << 10)
            #expect(try read(container.shell, lab) == 200 << 10)
            let host = try lab.shell()
            for (id, total) in [("outer", 200), ("inner", 40)] {
                let output = try host.run("cat \(lab.mount)/containers/\(id)/proc/meminfo")
                #expect(output.number("MemTotal:") == UInt64(total) << 10)
            }
        }
    }
}
