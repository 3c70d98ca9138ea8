// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

import Glibc
import Kernel
import NodeLink
import Testing

extension DaemonSuite {
    /// What a container can do to the daemon, and to the others through it.
    @Suite(.serialized) struct DaemonHostileTests {
        private static let files = [
            "meminfo", "cpuinfo", "stat", "uptime", "loadavg", "diskstats", "swaps", "slabinfo", "pressure/cpu",
            "pressure/memory", "pressure/io",
        ]

        private func all(_ lab: DaemonLab) -> String {
            "cat " + Self.files.map { "\(lab.mount)/proc/\($0)" }.joined(separator: " ")
                + " \(lab.mount)/sys/devices/system/cpu/online"
        }

        /// A process can call itself anything: fifteen bytes of blanks, newlines and parentheses.
        @Test(arguments: ["a b c", ") R 1 1 1", "x\ny", "((((", "\\)\\n", "\u{e9}\t\u{1}"])
        func namesOfCommandsConfuseNobody(name: String) throws {
            let lab = try DaemonLab()
            let cgroup = try lab.cgroup()
            try cgroup.limitMemory(60 << 20)
            let container = try lab.container(in: cgroup)
            let octal = name.utf8.map { "\\0\(String($0, radix: 8))" }.joined()
            let output = try container.shell.run(
                "printf '\(octal)' > /proc/$$/comm; \(all(lab)) && cat \(lab.mount)/proc/loadavg"
            )
            #expect(output.code == 0, "\(output.text)")
            #expect(output.number("MemTotal:") == 60 << 10)
        }

        /// Every byte that a cgroup's name may have: all but NUL, slash and newline.
        @Test func cgroupsWithEveryLegalByte() throws {
            let lab = try DaemonLab()
            var parent = try lab.cgroup()
            for start in stride(from: 1, through: 255, by: 60) {
                let bytes: [UInt8] = (start..<min(start + 60, 256)).map { UInt8($0) }
                parent = try LabCgroup(bytes.filter { $0 != 10 && $0 != 47 }, in: parent)
            }
            try parent.limitMemory(44 << 20)
            for privateCgroups in [true, false] {
                let container = try lab.container(in: parent, privateCgroups: privateCgroups)
                let output = try container.shell.run(all(lab))
                #expect(output.code == 0, "\(output.text)")
                #expect(output.number("MemTotal:") == 44 << 10)
                try lab.register("c\(privateCgroups)", pid: container.initPID)
                let byPath = try lab.shell().run("cat \(lab.mount)/containers/c\(privateCgroups)/proc/meminfo")
                #expect(byPath.number("MemTotal:") == 44 << 10)
                container.shell.end()
                parent.killAll()
            }
        }

        /// Its files by path answer, and then say ENOENT; nothing else.
        @Test func cgroupThatGoesWhileItIsRead() throws {
            let lab = try DaemonLab()
            for round in 0..<5 {
                let cgroup = try lab.cgroup("\(round)")
                let container = try lab.container(in: cgroup)
                try lab.register("c\(round)", pid: container.initPID)
                let readers = try (0..<3).map { _ in try lab.shell() }
                for reader in readers { try reader.run("cd \(lab.mount)/containers/c\(round)/proc") }
                for reader in readers {
                    try reader.begin(
                        """
                        n=0
                        while [ $n -lt \(Programs.share(of: 200)) ]; do cat meminfo stat loadavg cpuinfo diskstats 2>&1 >/dev/null; n=$((n+1)); done \
                            | sort | uniq -c
                        """
                    )
                }
                usleep(50_000)
                cgroup.remove()
                for reader in readers {
                    let output = try reader.result(seconds: 20)
                    for line in output.text.split(separator: "\n") {
                        #expect(line.contains("No such file"), "\(line)")
                    }
                }
            }
            #expect(try lab.counter("umwelt_fuse_malformed_total") == 0)
        }

        /// A reader that was just moved to another cgroup, and the one that it was in removed: it is looked up anew, and never
        /// told that there is no such file.
        @Test func cgroupThatAReaderHasJustLeftGoes() throws {
            let lab = try DaemonLab()
            let home = try lab.cgroup("home")
            try home.limitMemory(128 << 20)
            let container = try lab.container(in: home, privateCgroups: false)
            let reader = container.initPID
            try #require(reader > 1)
            let reads = Programs.share(of: 40_000)
            // Builtins: it is one process that reads.
            try container.shell.begin(
                """
                n=0; while [ $n -lt \(reads) ]; do
                    read -r line < \(lab.mount)/proc/meminfo || echo failed; n=$((n+1)); done; echo $line
                """
            )
            for round in 0..<Programs.share(of: 40) {
                let other = try lab.cgroup("other\(round)")
                try other.move(reader)
                usleep(2000)
                try home.move(reader)
                other.remove()
            }
            let output = try container.shell.result(seconds: 60)
            #expect(!output.text.contains("failed"), "\(output.text.prefix(500))")
            #expect(output.text.contains("131072 kB"), "\(output.text.suffix(200))")
        }

        /// A limit lowered below what is used, again and again: nothing underflows, free stays within the total.
        @Test func limitsLoweredBelowUsage() throws {
            let lab = try DaemonLab()
            let cgroup = try lab.cgroup()
            try cgroup.limitMemory(256 << 20)
            let container = try lab.container(in: cgroup)
            // Some memory in use, and readers of it.
            let holder = try lab.shell(["nsenter", "-t", "\(container.initPID)", "-a"], in: cgroup)
            // Who is out of memory is to be this one, not the shell that reads.
            try holder.begin(
                "echo 1000 > /proc/self/oom_score_adj; exec python3 -c 'import time; b = bytearray(40 << 20); time.sleep(60)'"
            )
            try container.shell.begin(
                "n=0; while [ $n -lt 300 ]; do cat \(lab.mount)/proc/meminfo; n=$((n+1)); done"
            )
            for step in 0..<200 {
                // May be refused with EBUSY where the kernel cannot reclaim so much.
                try? cgroup.limitMemory(UInt64([256, 48, 24, 20][step % 4]) << 20)
                usleep(2000)
            }
            try? cgroup.limitMemory(256 << 20)
            let output = try container.shell.result(seconds: 60)
            var total: UInt64 = 0
            var seen = 0
            for line in output.text.split(separator: "\n") {
                guard let value = UInt64(line.drop { !$0.isNumber }.prefix { $0.isNumber }) else { continue }
                if line.hasPrefix("MemTotal:") {
                    total = value
                    seen += 1
                    #expect((20 << 10...256 << 10).contains(value))
                } else if ["MemFree:", "MemAvailable:", "Buffers:", "Cached:", "Active:", "Shmem:"].contains(
                    where: line.hasPrefix
                ) {
                    #expect(value <= total, "\(line) of \(total)")
                }
            }
            #expect(seen > 100)
        }

        /// One container opens 100,000 files and closes none (100 processes, each as many as it may); another reads.
        @Test func openWithoutCloseIsNobodyElsesTrouble() throws {
            let lab = try DaemonLab()
            let (bad, good) = (try lab.cgroup("bad"), try lab.cgroup("good"))
            try good.limitMemory(64 << 20)
            let flooder = try lab.container(in: bad)
            let reader = try lab.container(in: good)
            try reader.shell.run("cat \(lab.mount)/proc/meminfo")
            let script = """
                import os, sys, time
                n = 0; files = []
                for child in range(\(Programs.share(of: 110))):
                    pid = os.fork()
                    if pid == 0:
                        try:
                            for i in range(1000): files.append(os.open("\(lab.mount)/proc/" + ("meminfo", "stat")[i % 2], os.O_RDONLY))
                        except OSError as e: os.write(2, (str(e) + chr(10)).encode())
                        os.read(0, 1) if False else time.sleep(0)
                        if len(files) < 1000: os._exit(1)
                        os.kill(os.getpid(), 19)
                        os._exit(0)
                    _, status = os.waitpid(pid, os.WUNTRACED)
                    if os.WIFSTOPPED(status): n += 1
                print("stopped", n, flush=True)
                """
            try FileTree.write(Array(script.utf8), to: lab.directory.appending("flood.py"), mode: 0o755)
            try flooder.shell.begin("python3 \(lab.directory)/flood.py")
            let measure = """
                python3 -c '
                import time
                worst = 0; n = 0; end = time.monotonic() + 6
                while time.monotonic() < end:
                    t = time.monotonic()
                    with open("\(lab.mount)/proc/meminfo") as f: text = f.read()
                    worst = max(worst, time.monotonic() - t); n += 1
                    assert "MemTotal:          65536 kB" in text, text
                    time.sleep(0.001)
                print("worst", int(worst * 1000)); print("reads", n)
                '
                """
            let measured = try reader.shell.run(measure, seconds: 60)
            #expect(measured.code == 0, "\(measured.text)")
            let flooded = try flooder.shell.result(seconds: 60)
            #expect((flooded.number("stopped") ?? 0) >= UInt64(Programs.share(of: 100)), "\(flooded.text)")
            #expect((measured.number("worst") ?? 9999) < UInt64(1000 * Programs.patience), "\(measured.text)")
            #expect((measured.number("reads") ?? 0) > UInt64(500 / Programs.patience), "\(measured.text)")
            let rss = try #require(lab.memory())
            #expect(rss < 24 << 10, "\(rss) kB")
            #expect(try lab.counter("umwelt_snapshots") <= 1024)
            #expect(try lab.counter("umwelt_snapshot_bytes") <= 4 << 20)
            print("flood: \(measured.text) flooder: \(flooded.text) VmRSS \(rss) kB")
        }

        /// A busy reader beside whom the loop threads have settled, then all CPUs taken: another reader does not starve.
        @Test func crowdedCPUsDoNotStarveReaders() throws {
            let lab = try DaemonLab()
            let (busy, other) = (
                try lab.container(in: try lab.cgroup("busy")), try lab.container(in: try lab.cgroup("other"))
            )
            try busy.shell.begin(
                "python3 -c 'import time\nend = time.monotonic() + 6\nwhile time.monotonic() < end: open(\"\(lab.mount)/proc/uptime\").read()'"
            )
            usleep(1_000_000)
            let hogs = try lab.shell()
            try hogs.begin("for i in 1 2 3 4; do timeout 5 sh -c 'while :; do :; done' & done; wait")
            let measured = try other.shell.run(
                """
                python3 -c '
                import time
                worst = 0; total = 0; n = 0; end = time.monotonic() + 4
                while time.monotonic() < end:
                    t = time.monotonic()
                    with open("\(lab.mount)/proc/meminfo") as f: f.read()
                    took = time.monotonic() - t; worst = max(worst, took); total += took; n += 1
                    time.sleep(0.01)
                print("worst", int(worst * 1000)); print("mean", int(total / n * 1000))
                '
                """,
                seconds: 60
            )
            print("crowded: \(measured.text)")
            #expect((measured.number("worst") ?? 9999) < UInt64(1000 * Programs.patience), "\(measured.text)")
            _ = try busy.shell.result(seconds: 20)
            _ = try hogs.result(seconds: 20)
        }

        @Test func readersKilledInTheMiddle() throws {
            let lab = try DaemonLab()
            let container = try lab.container(in: try lab.cgroup())
            let output = try container.shell.run(
                """
                n=0; while [ $n -lt 60 ]; do
                  (while :; do cat \(lab.mount)/proc/stat \(lab.mount)/proc/meminfo >/dev/null; done) & pid=$!
                  sleep 0.01; kill -9 $pid; wait $pid 2>/dev/null; n=$((n+1))
                done; cat \(lab.mount)/proc/meminfo
                """,
                seconds: 60
            )
            #expect(output.number("MemTotal:") != nil)
            #expect(try lab.counter("umwelt_fuse_malformed_total") == 0)
        }

        /// Every call that would change something, and every odd way to read.
        @Test func oddCallsHaveTheErrorsOfAReadOnlyFileSystem() throws {
            let lab = try DaemonLab()
            let cgroup = try lab.cgroup()
            let container = try lab.container(in: cgroup)
            let script = """
                import os, errno, mmap, select, sys, signal
                m = "\(lab.mount)"; f = m + "/proc/meminfo"
                def fails(what, codes, call):
                    try: call()
                    except OSError as e:
                        if e.errno not in codes: print("WRONG", what, e)
                    else: print("NO ERROR", what)
                RO = {errno.EROFS, errno.EACCES, errno.EPERM}
                for flags in (os.O_WRONLY, os.O_RDWR, os.O_WRONLY | os.O_TRUNC, os.O_RDWR | os.O_APPEND):
                    fails("open %o" % flags, RO, lambda: os.open(f, flags))
                    fails("remount open", RO, lambda: os.open(m + "/sys/devices/system/cpu/online", flags))
                fails("create", RO, lambda: os.open(m + "/proc/new", os.O_CREAT | os.O_WRONLY))
                fails("truncate", RO, lambda: os.truncate(f, 0))
                fails("chmod", RO, lambda: os.chmod(f, 0o777))
                fails("chown", RO, lambda: os.chown(f, 1, 1))
                fails("utime", RO, lambda: os.utime(f, (1, 1)))
                fails("mkdir", RO, lambda: os.mkdir(m + "/d"))
                fails("rmdir", RO, lambda: os.rmdir(m + "/proc"))
                fails("unlink", RO, lambda: os.unlink(f))
                fails("rename", RO, lambda: os.rename(f, m + "/x"))
                fails("link", RO, lambda: os.link(f, m + "/x"))
                fails("symlink", RO, lambda: os.symlink("x", m + "/x"))
                fails("mknod", RO, lambda: os.mknod(m + "/x"))
                fails("setxattr", RO | {errno.ENOTSUP}, lambda: os.setxattr(f, "user.a", b"1"))
                fails("removexattr", RO | {errno.ENOTSUP}, lambda: os.removexattr(f, "user.a"))
                fails("getxattr", {errno.ENOTSUP, errno.ENODATA}, lambda: os.getxattr(f, "user.a"))
                try: print("xattrs", os.listxattr(f)) if os.listxattr(f) else None
                except OSError as e: print("WRONG listxattr", e) if e.errno != errno.ENOTSUP else None
                for p in ("/none", "/proc/none", "/proc/meminfo/x", "/containers/none", "/proc/" + "x" * 255, "/proc/1/status"):
                    fails(p, {errno.ENOENT, errno.ENOTDIR}, lambda: os.open(m + p, os.O_RDONLY))
                fails("long", {errno.ENAMETOOLONG}, lambda: os.open(m + "/proc/" + "x" * 256, os.O_RDONLY))
                fails("long1024", {errno.ENAMETOOLONG}, lambda: os.open(m + "/" + "x" * 1025, os.O_RDONLY))
                fails("readdir of a file", {errno.ENOTDIR}, lambda: os.listdir(f))
                fails("read of a directory", {errno.EISDIR}, lambda: os.read(os.open(m + "/proc", os.O_RDONLY), 1))
                # Its content is the same at any time: what is read from its start again is produced again.
                fd = os.open(m + "/proc/swaps", os.O_RDONLY); whole = os.read(fd, 1 << 20)
                assert whole.startswith(b"Filename") and whole.endswith(b"\\n"), whole
                assert os.read(fd, 100) == b""
                for off in (0, 1, 27, len(whole) - 1, len(whole), len(whole) + 1, 4095, 4096, 1 << 31, 1 << 40, 1 << 62):
                    for size in (1, 3, 4096, 65536):
                        got = os.pread(fd, size, off)
                        if got != whole[off:off + size]: print("WRONG pread", off, size, len(got))
                os.lseek(fd, 10, 0); assert os.read(fd, 5) == whole[10:15]
                os.lseek(fd, 5, 1); assert os.read(fd, 5) == whole[20:25]
                one = b""; os.lseek(fd, 0, 0)
                while True:
                    b = os.read(fd, 1)
                    if not b: break
                    one += b
                assert one == whole
                try:
                    with mmap.mmap(fd, 4096, mmap.MAP_SHARED, mmap.PROT_READ) as mm: print("MMAP", mm[:4])
                except OSError as e: print("WRONG mmap", e) if e.errno not in (errno.ENODEV, errno.EACCES) else None
                except ValueError: pass
                # What the page cache would read is refused; who touches a private mapping gets SIGBUS, and never a wrong byte.
                child = os.fork()
                if child == 0:
                    try: mm = mmap.mmap(fd, 4096, mmap.MAP_PRIVATE, mmap.PROT_READ)
                    except (OSError, ValueError): os._exit(0)
                    os._exit(0 if mm[:4] == whole[:4] else 1)
                status = os.waitpid(child, 0)[1]
                if status != 0 and os.WTERMSIG(status) != signal.SIGBUS: print("WRONG private mapping", status)
                p = select.poll(); p.register(fd, select.POLLIN); r = p.poll(100)
                assert r and r[0][1] & select.POLLIN, r
                # Triggers cannot be set: the file opens for reading only, and polls as ever readable.
                fails("psi trigger", RO, lambda: os.open(m + "/proc/pressure/cpu", os.O_RDWR))
                assert os.fstat(fd).st_size == 4096
                fails("ioctl", {errno.ENOTTY, errno.ENOSYS}, lambda: __import__("fcntl").ioctl(fd, 0x5401, b"0" * 64))
                __import__("fcntl").flock(fd, 1)
                os.fsync(fd) if False else None
                big = os.readv(fd, [bytearray(1 << 16)] * 16)
                for d in ("/", "/proc", "/proc/pressure", "/sys", "/sys/devices/system", "/sys/devices/system/cpu"):
                    a = os.listdir(m + d); assert a and len(a) == len(set(a)), d
                os.statvfs(m); print("done")
                """
            try FileTree.write(Array(script.utf8), to: lab.directory.appending("odd.py"))
            let output = try container.shell.run("python3 \(lab.directory)/odd.py", seconds: 60)
            #expect(output.text == "done", "\(output.text)")
        }

        /// Listing containers while they come and go shows those that stay, each once.
        @Test func listingWhileContainersComeAndGo() throws {
            let lab = try DaemonLab()
            for index in 0..<300 { try lab.register("stays-\(index)-" + String(repeating: "x", count: 60), pid: 0) }
            let reader = try lab.shell()
            try reader.begin(
                """
                python3 -c '
                import os
                for n in range(40):
                    names = os.listdir("\(lab.mount)/containers")
                    stays = [x for x in names if x.startswith("stays")]
                    if len(stays) != 300 or len(set(names)) != len(names): print("WRONG", len(stays), len(names), len(set(names)))
                print("done")
                '
                """
            )
            for round in 0..<Programs.share(of: 1000) {
                try lab.register("goes-\(round)", pid: 0)
                if round >= 50 { _ = try lab.request(Message(.deregister, [Array("goes-\(round - 50)".utf8)])) }
            }
            #expect(try reader.result(seconds: 60).text == "done")
            // Registered before those that stay, so that every removal shifts what follows.
            let again = try DaemonLab()
            for index in 0..<200 { try again.register("goes-\(index)", pid: 0) }
            for index in 0..<200 { try again.register("stays-\(index)", pid: 0) }
            let second = try again.shell()
            try FileTree.write(
                Array(
                    """
                    import os, ctypes, sys
                    libc = ctypes.CDLL(None); fd = os.open("\(again.mount)/containers", os.O_RDONLY)
                    buffer = ctypes.create_string_buffer(1024); names = []
                    while True:
                        n = libc.syscall(217, fd, buffer, 1024)
                        if n <= 0: break
                        at = 0
                        while at < n:
                            size = int.from_bytes(buffer.raw[at + 16:at + 18], "little")
                            names.append(buffer.raw[at + 19:at + size].split(b"\\0")[0].decode()); at += size
                        sys.stdout.write("x"); sys.stdout.flush(); sys.stdin.readline()
                    print(); print(sum(x.startswith("stays") for x in names), len(set(names)) == len(names))
                    """.utf8
                ),
                to: again.directory.appending("list.py")
            )
            try second.begin("(while sleep 0.1; do echo; done) | timeout 50 python3 \(again.directory)/list.py")
            for index in 0..<200 {
                _ = try again.request(Message(.deregister, [Array("goes-\(index)".utf8)]))
                usleep(10_000)
            }
            let listed = try second.result(seconds: 60)
            #expect(listed.text.contains("200 True"), "\(listed.text)")
        }

        /// An operator's mistake: a daemon that read the host's files by their names would wait for itself.
        @Test func boundOverTheHostsOwnFilesItServesOn() throws {
            let lab = try DaemonLab()
            let cgroup = try lab.cgroup()
            try cgroup.limitMemory(60 << 20)
            let container = try lab.container(in: cgroup)
            let host = try lab.shell()
            let before = try host.run("cat /proc/meminfo").number("MemTotal:")
            let names = Self.files.map { "/proc/\($0)" } + ["/sys/devices/system/cpu"]
            // In the tests' own mount namespace, which is the daemon's.
            let bound = try host.run(names.map { "mount --bind \(lab.mount)\($0) \($0)" }.joined(separator: " && "))
            defer { for name in names { try? Mount.unmount(Path(name), lazily: true) } }
            #expect(bound.code == 0, "\(bound.text)")
            for _ in 0..<2 {
                let output = try host.run("cat " + Self.files.map { "/proc/\($0)" }.joined(separator: " "))
                #expect(output.code == 0, "\(output.text)")
                #expect(output.number("MemTotal:") == before)
                #expect(try container.shell.run(all(lab)).number("MemTotal:") == 60 << 10)
                // And the next worker, which finds them covered.
                try ProcessID.kill(lab.workerPID, SIGKILL)
            }
        }

        /// uptime and the start times agree with the kernel's own clocks in a time namespace.
        @Test(arguments: [[String](), ["-T", "--boottime", "1000000"], ["-T", "--boottime", "-1"]])
        func timeNamespaces(flags: [String]) throws {
            let lab = try DaemonLab()
            let cgroup = try lab.cgroup()
            let shell = try lab.shell(["unshare"] + flags + ["-m", "-C", "-p", "-f", "--mount-proc"], in: cgroup)
            let output = try shell.run(
                "sleep 1; cat /proc/uptime \(lab.mount)/proc/uptime; grep btime /proc/stat; grep btime \(lab.mount)/proc/stat"
            )
            let lines = output.text.split(separator: "\n").map { $0.split(separator: " ").compactMap { Double($0) } }
            try #require(lines.count == 4, "\(output.text)")
            if flags.isEmpty {
                #expect((1..<10).contains(lines[1][0]), "\(output.text)")
            } else {
                #expect(abs(lines[0][0] - lines[1][0]) < 0.5, "\(output.text)")
                #expect(abs(lines[2][0] - lines[3][0]) <= 1, "\(output.text)")
            }
        }
    }
}
