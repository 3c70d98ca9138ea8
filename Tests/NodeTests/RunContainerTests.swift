// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

import Glibc
import Kernel
import Testing

extension RunSuite {
    /// What is in a container, by each runtime that is here.
    @Suite(.serialized) struct RunContainerTests {
        static let runtimes = ["runc", "crun"].filter { RunLab.has($0) }

        @Test(arguments: runtimes) func programsSeeTheContainersMachine(_ runtime: String) throws {
            let lab = try RunLab()
            let result = try lab.run(
                ["--runtime", runtime, "--memory", "256M", "--cpus", "0.5"],
                script:
                    "free -m | awk '/^Mem/ {print $2}'; getconf _NPROCESSORS_ONLN; grep -c ^processor /proc/cpuinfo; "
                    + "cat /proc/swaps | wc -l; cut -d. -f1 /proc/uptime"
            )
            #expect(result.code == 0, "\(result.errors)")
            #expect(result.lines.prefix(4) == ["256", "1", "1", "1"])
            #expect(result.lines.last.flatMap { Int($0) }.map { $0 < 20 } == true)
            #expect(lab.leftovers() == [])
        }

        @Test(arguments: runtimes) func everyViewIsInPlaceAndReadOnly(_ runtime: String) throws {
            let lab = try RunLab()
            let result = try lab.run(
                ["--runtime", runtime, "--memory", "64M"],
                script: """
                    for f in /proc/meminfo /proc/cpuinfo /proc/stat /proc/uptime /proc/loadavg /proc/diskstats /proc/swaps \
                        /proc/slabinfo /proc/pressure/cpu /proc/pressure/memory /proc/pressure/io \
                        /sys/devices/system/cpu /sys/devices/system/node; do
                      [ -e $f ] || continue
                      grep -q " $f ro.* fuse.umwelt " /proc/self/mountinfo || echo "no view: $f"
                      cat $f > /dev/null 2>&1 || cat $f/online > /dev/null 2>&1 || echo "unreadable: $f"
                      if [ -f $f ] && sh -c "echo > $f" 2> /dev/null; then echo "writable: $f"; fi
                    done
                    """
            )
            #expect(result.code == 0, "\(result.errors)")
            #expect(result.output == "")
        }

        @Test(arguments: runtimes) func limitsAreInTheCgroupThatShowsReadOnly(_ runtime: String) throws {
            let lab = try RunLab()
            let result = try lab.run(
                ["--runtime", runtime, "--memory", "64M", "--cpus", "0.25", "--cpuset", "0", "--pids", "50"],
                script: """
                    cd /sys/fs/cgroup
                    cat memory/memory.limit_in_bytes memory.max 2> /dev/null
                    cat cpu/cpu.cfs_quota_us cpu.max 2> /dev/null
                    cat cpuset/cpuset.cpus cpuset.cpus 2> /dev/null
                    cat pids/pids.max pids.max 2> /dev/null
                    cut -d: -f3 /proc/self/cgroup | sort -u
                    for directory in x memory/x; do mkdir $directory 2> /dev/null && echo "$directory is writable"; done; true
                    """
            )
            #expect(result.code == 0, "\(result.errors)")
            #expect(
                result.lines == ["67108864", "25000", "0", "50", "/"]
                    || result.lines == ["67108864", "25000 100000", "0", "50", "/"]
            )
        }

        /// Each container has a cgroup of its own in v2 too, where pressure comes from.
        @Test(arguments: runtimes) func theUnifiedCgroupIsTheContainersToo(_ runtime: String) throws {
            let unified = ["/sys/fs/cgroup/unified", "/sys/fs/cgroup"].first {
                FileTree.isThere(Path($0 + "/cgroup.controllers"))
            }
            guard let unified else { return }
            let lab = try RunLab()
            let running = try lab.begin(["--runtime", runtime, "--name", "u1"], ["sh", "-c", "echo x; sleep 100"])
            try lab.waitForOutput(running)
            // The shell and its sleep; the runtime leaves once it has made them.
            var names: [String] = []
            for _ in 0..<100 where names != ["sh", "sleep"] {
                usleep(10_000)
                names = try members(of: "\(unified)/\(lab.cgroup)/u1")
            }
            #expect(names == ["sh", "sleep"])
            try running.child.kill(SIGTERM)
            #expect(try running.end().code == 143)
            #expect(lab.leftovers() == [])
        }

        private func members(of cgroup: String) throws -> [String] {
            let list = try Fd.contents(of: Path(cgroup + "/cgroup.procs"), limit: 4096)
            return list.split(separator: 10).compactMap { line -> String? in
                let path = Path("/proc/\(String(decoding: line, as: UTF8.self))/comm")
                return (try? Fd.contents(of: path, limit: 64)).map { String(decoding: $0.dropLast(), as: UTF8.self) }
            }.sorted()
        }

        @Test func theHostsFilesAreThereReadOnly() throws {
            let lab = try RunLab()
            let result = try lab.run(
                script: """
                    cmp /etc/passwd /proc/1/root/etc/passwd || echo differs
                    touch /root/x /usr/x /x 2> /dev/null && echo writable
                    ls -A /tmp /var/tmp /run; touch /tmp/x /var/tmp/x /run/x /dev/shm/x || echo not writable
                    getent hosts localhost > /dev/null || echo no hosts; cat /etc/resolv.conf > /dev/null || echo no resolv.conf
                    """
            )
            #expect(result.code == 0, "\(result.errors)")
            #expect(result.lines.allSatisfy { $0.hasSuffix(":") || $0.isEmpty }, "\(result.output)")
        }

        @Test(.enabled(if: RunLab.has("python3"), "needs python3")) func noSocketOfTheHostCanBeReached() throws {
            let lab = try RunLab()
            // One on the root file system, one on a mount in it.
            let mounted = "/var/lib/umwelt-test-\(getpid())"
            try Directories.make(Path(mounted))
            defer {
                try? Mount.unmount(Path(mounted), lazily: true)
                try? Directories.remove(Path(mounted))
            }
            try Mount.mount("t", on: Path(mounted), type: "tmpfs")
            let paths = ["/var/lib/umwelt-test-\(getpid()).sock", mounted + "/sock"]
            defer { for path in paths { try? Directories.unlink(Path(path)) } }
            let first = try UnixSocket.listen(at: Path(paths[0]))
            let second = try UnixSocket.listen(at: Path(paths[1]))
            let script = """
                import socket, sys
                for path in \(paths):
                    try: socket.socket(socket.AF_UNIX).connect(path); print("connected")
                    except ConnectionRefusedError: print("refused")
                """
            #expect(try lab.start(["python3", "-c", script]).end().lines == ["connected", "connected"])
            #expect(try lab.run([], ["/usr/bin/env", "python3", "-c", script]).lines == ["refused", "refused"])
            #expect(first.raw != second.raw)
        }

        @Test func volumesAndVariablesAndUsers() throws {
            let lab = try RunLab()
            try FileTree.write(Array("content".utf8), to: Path(lab.files + "/a"), mode: 0o644)
            let result = try lab.run(
                [
                    "--volume", lab.files + ":/not/there/yet:ro", "--volume", lab.files + ":/tmp/rw", "--env", "A=1",
                    "--user", "1234:5678", "--workdir", "/not/there", "--hostname", "here",
                ],
                script:
                    "cat yet/a; echo; echo $A; id -u; id -g; hostname; pwd; touch yet/b /tmp/rw/b 2> /dev/null; ls yet; "
                    + "grep CapEff /proc/self/status"
            )
            #expect(result.code == 0, "\(result.errors)")
            #expect(
                result.lines == [
                    "content", "1", "1234", "5678", "here", "/not/there", "a", "CapEff:\t0000000000000000",
                ]
            )
        }

        /// On a host whose /bin is a link to /usr/bin, and /var/run one to /run.
        @Test(arguments: runtimes) func volumesBehindLinks(_ runtime: String) throws {
            let lab = try RunLab()
            try FileTree.write(Array("#!/bin/sh\necho tool\n".utf8), to: Path(lab.files + "/tool"), mode: 0o755)
            let volumes = ["--volume", lab.files + "/tool:/bin/umwelt-tool", "--volume", lab.files + ":/var/run/files"]
            let result = try lab.run(
                ["--runtime", runtime] + volumes,
                script: "/bin/umwelt-tool && umwelt-tool && /bin/true && ls /run/files /var/run/files"
            )
            #expect(
                result.code == 0 && result.lines.filter { $0 == "tool" }.count == 4,
                "\(result.lines) \(result.errors)"
            )
            #expect(try lab.run(volumes, ["umwelt-tool"]).lines == ["tool"])
            #expect(lab.leftovers() == [])
        }

        /// What is mounted below a read-only volume is read-only too.
        @Test(arguments: runtimes) func volumesWithMountsInThem(_ runtime: String) throws {
            let lab = try RunLab()
            let result = try lab.start([
                "unshare", "-m", "sh", "-c",
                """
                cd '\(lab.files)' && mkdir sub && mount -t tmpfs t sub || exit 9
                '\(Programs.umwelt)' run --state-dir '\(lab.state)' --runtime \(runtime) --volume .:/x:ro --volume .:/y -- \
                    sh -c 'for f in /x/a /x/sub/a /y/sub/b; do touch $f 2>/dev/null && echo $f; done'; ls sub
                """,
            ]).end(seconds: 20)
            #expect(result.lines == ["/y/sub/b", "b"], "\(result.lines) \(result.errors)")
        }

        @Test func volumesThatCannotBe() throws {
            let lab = try RunLab()
            try FileTree.write([], to: Path(lab.files + "/tool"), mode: 0o755)
            for (options, words) in [
                (["--volume", lab.files + ":/etc/passwd/x"], "/etc/passwd is a file"),
                (["--volume", lab.files + ":/x", "--volume", lab.files + "/tool:/x"], "there is a volume already"),
            ] {
                let refused = try lab.run(options, ["true"])
                #expect(refused.code == 1 && refused.errors.contains(words), "\(refused.errors)")
            }
        }

        @Test(.enabled(if: RunLab.has("busybox"), "needs a static busybox"), arguments: runtimes)
        func aRootfsOfItsOwn(_ runtime: String) throws {
            let lab = try RunLab()
            try Directories.make(Path(lab.files + "/bin"))
            _ = try lab.start(["cp", "-L", "/bin/busybox", lab.files + "/bin/sh"]).end()
            let result = try lab.run(
                ["--runtime", runtime, "--rootfs", lab.files, "--memory", "32M"],
                ["sh", "-c", "while read -r line; do echo $line; done < /proc/meminfo; echo made > /made; echo /*"]
            )
            #expect(result.code == 0, "\(result.errors)")
            #expect(result.lines.first == "MemTotal: 32768 kB")
            #expect(result.lines.last == "/bin /dev /made /proc /sys")
            #expect(FileTree.isThere(Path(lab.files + "/made")))
            #expect(try lab.run(["--rootfs", lab.files], ["nothing"]).code == 127)
        }

        /// What takes a file by sendfile(2) gets it by read(2): busybox cat, and so all of Alpine, and Python's copyfile.
        @Test(.enabled(if: RunLab.has("busybox") && RunLab.has("python3"), "needs busybox and python3"))
        func whatCopiesWithinTheKernelGetsTheContent() throws {
            let lab = try RunLab()
            let result = try lab.run(
                ["--memory", "64M"],
                script: """
                    for f in meminfo cpuinfo stat uptime loadavg; do
                      [ "$(busybox cat /proc/$f | busybox wc -l)" = "$(busybox wc -l < /proc/$f)" ] || echo "cat: $f"
                      python3 -c "import shutil; shutil.copyfile('/proc/$f', '/tmp/$f')"
                      [ "$(wc -l < /tmp/$f)" = "$(busybox wc -l < /proc/$f)" ] || echo "copyfile: $f"
                    done
                    busybox cat /proc/meminfo | head -n 1
                    cat /proc/meminfo > /tmp/copy; cmp -n 20 /tmp/copy /proc/meminfo; tail -n 1 /proc/uptime | wc -l
                    """
            )
            #expect(result.lines == ["MemTotal:          65536 kB", "1"], "\(result.errors)")
        }

        @Test(arguments: ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"]) func standardStreamsThatAreClosed(_ how: String) throws
        {
            let lab = try RunLab()
            let line = "exec '\(Programs.umwelt)' run --state-dir '\(lab.state)' -- sh -c 'exit 7' \(how)"
            let result = try lab.start(["sh", "-c", line]).end()
            #expect(result.code == 7, "\(result.errors)")
        }

        @Test func theCallersUmaskIsNotTheContainers() throws {
            let lab = try RunLab()
            let options = "--state-dir '\(lab.state)' --user 1234 --volume '\(lab.files):/srv/deep/er'"
            let line = "umask 077; exec '\(Programs.umwelt)' run \(options) -- ls -d /srv/deep /bin/sh"
            let result = try lab.start(["sh", "-c", line]).end()
            #expect(result.output == "/bin/sh\n/srv/deep\n", "\(result.errors)")
        }

        @Test func standardInputIsPassed() throws {
            let lab = try RunLab()
            #expect(try lab.run([], ["cat"], input: "hello\n").output == "hello\n")
        }

        /// The command writes to the caller's own files: both streams in order, and a full disk is its to know.
        @Test(arguments: runtimes) func standardOutputIsTheCallers(_ runtime: String) throws {
            let lab = try RunLab()
            let umwelt = "'\(Programs.umwelt)' run --state-dir '\(lab.state)' --runtime \(runtime)"
            let ordered = "\(umwelt) -- sh -c 'for i in 1 2 3 4; do echo $i; echo $i >&2; done' 2>&1"
            #expect(try lab.start(["sh", "-c", ordered]).end().output == "1\n1\n2\n2\n3\n3\n4\n4\n")
            let full = try lab.start(["sh", "-c", "\(umwelt) -- echo lost >/dev/full"]).end()
            #expect(full.code == 1 && full.errors.contains("No space left"), "\(full.errors)")
            // Runtimes give the streams to the command's user, so that it can open them by name.
            let file = lab.files + "/out"
            let line = "\(umwelt) --user 1234 -- sh -c 'echo one >>/dev/stdout' >>'\(file)'"
            let named = try lab.start(["sh", "-c", line]).end()
            #expect(named.code == 0, "\(named.errors)")
            #expect(try Fd.contents(of: Path(file), limit: 100) == Array("one\n".utf8))
            #expect(try FileStatus.of(Path(file)).user == 0)
        }

        @Test(.enabled(if: RunLab.has("script"), "needs script(1)"), arguments: runtimes)
        func aTerminalOfItsOwn(_ runtime: String) throws {
            let lab = try RunLab()
            let command =
                "\(Programs.umwelt) run --state-dir \(lab.state) --runtime \(runtime) --tty -- sh -c 'tty; sleep 0.3; exit 9'"
            let result = try lab.start(["script", "-qec", command, "/dev/null"]).end()
            #expect(result.code == 9, "\(result.output)")
            #expect(result.output.contains("/dev/pts/0"))
        }

        /// Without --tty it is the command that reads the terminal, not the runtime, nor umwelt for it: what it does not read
        /// is left to who comes after it.
        @Test(.enabled(if: RunLab.has("script"), "needs script(1)"), arguments: runtimes)
        func aTerminalAsStandardInput(_ runtime: String) throws {
            let lab = try RunLab()
            let command =
                "\(Programs.umwelt) run --state-dir \(lab.state) --runtime \(runtime) -- sh -c 'read line; echo got-$line; exit 9'"
            let line = "\(command); echo ended-$?; read line; echo left-$line"
            let result = try lab.start(["script", "-qec", line, "/dev/null"], input: "typed\nmore\n").end()
            #expect(result.output.contains("got-typed"), "\(result.output)")
            #expect(result.output.contains("ended-9"), "\(result.output)")
            #expect(result.output.contains("left-more"), "\(result.output)")
        }

        /// In the background it reads nothing: what is typed is for who is in the foreground.
        @Test(.enabled(if: RunLab.has("script"), "needs script(1)"))
        func aTerminalInTheBackground() throws {
            let lab = try RunLab()
            let line =
                "set -m; \(Programs.umwelt) run --state-dir \(lab.state) -- cat & wait; read line; echo left-$line"
            let result = try lab.start(["script", "-qec", "bash -c '\(line)'", "/dev/null"], input: "typed\n").end()
            #expect(result.output.contains("left-typed"), "\(result.output)")
        }

        @Test func viewPrintsWhatTheContainerReads() throws {
            let lab = try RunLab()
            let running = try lab.begin(
                ["--memory", "96M", "--name", "v1"],
                ["sh", "-c", "echo started; exec sleep 100"]
            )
            try lab.waitForOutput(running)
            let byName = try lab.view(["meminfo", "--container", "v1"])
            #expect(byName.lines.first == "MemTotal:          98304 kB", "\(byName.errors)")
            let pid = try Fd.contents(of: Path(lab.state + "/bundles/v1/init"), limit: 64)
            let byPid = try lab.view(["/proc/meminfo", "--pid", String(decoding: pid.dropLast(), as: UTF8.self)])
            #expect(byPid.lines.first == "MemTotal:          98304 kB", "\(byPid.errors)")
            #expect(try lab.view(["cpu/online"]).code == 0)
            #expect(try lab.view(["meminfo", "--container", "v2"]).code == 1)
            #expect(try lab.view(["nonsense", "--container", "v1"]).code == 1)
            try running.child.kill(SIGTERM)
            #expect(try running.end().code == 143)
        }
    }
}
