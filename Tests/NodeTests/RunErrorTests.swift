// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

import Glibc
import Kernel
import Testing

extension RunSuite {
    /// What a new user runs into: one clear line, the right exit code, and nothing left.
    @Suite(.serialized) struct RunErrorTests {
        /// `umwelt run -- true` where a shell script has prepared the place.
        private func run(_ lab: RunLab, after script: String, options: String = "") throws -> RunLab.Result {
            try lab.start([
                "unshare", "-m", "sh", "-c",
                "\(script); exec \(Programs.umwelt) run --state-dir \(lab.state) \(options) -- true",
            ]).end()
        }

        private func expect(_ result: RunLab.Result, says words: String, code: Int32 = 1) {
            #expect(result.code == code)
            #expect(result.errors.hasPrefix("umwelt: ") && result.errors.contains(words), "\(result.errors)")
            #expect(result.errors.split(separator: "\n").count == 1, "\(result.errors)")
        }

        @Test func withoutARuntime() throws {
            let lab = try RunLab()
            let hidden = ["runc", "crun"].map { "p=$(command -v \($0)) && mount --bind /dev/null $p" }
            expect(try run(lab, after: hidden.joined(separator: ";")), says: "apt-get install runc")
        }

        @Test func withoutFUSE() throws {
            let lab = try RunLab()
            let hide = "mount -t tmpfs t /dev && mknod /dev/null c 1 3"
            expect(try run(lab, after: hide), says: "no /dev/fuse")
            #expect(lab.leftovers() == [])
        }

        /// What view cannot know it does not tell; least of all is the host's a container's.
        @Test func viewWithoutAnAnswer() throws {
            let lab = try RunLab()
            let command = ["\(Programs.umwelt)", "view", "--state-dir", lab.state]
            let other = ["setpriv", "--reuid", "65534", "--clear-groups"]
            expect(
                try lab.start(other + command + ["meminfo", "--pid", "1"]).end(),
                says: "may not look into process 1"
            )
            expect(try lab.view(["meminfo", "--pid", "4194304"]), says: "there is no process 4194304")
            expect(try lab.view(["cpu"]), says: "is no file that a container has of its own", code: 2)
            expect(try lab.view(["nonsense"]), says: "nonsense")
            expect(try lab.view(["meminfo", "--container", "c"]), says: "no umweltd listens at")
        }

        @Test func aPipeIsNoCommand() throws {
            let lab = try RunLab()
            let result = try lab.start([
                "sh", "-c",
                """
                mkfifo -m 755 '\(lab.files)/pipe'
                exec '\(Programs.umwelt)' run --state-dir '\(lab.state)' --volume '\(lab.files):/v' -- /v/pipe
                """,
            ]).end(seconds: 10)
            expect(result, says: "/v/pipe: permission denied", code: 126)
        }

        /// A shell's script that mounts at /mnt/umwelt-hung: a FUSE file system whose server says hello, and nothing more; as a
        /// dead NFS or CIFS server is met with.
        private func hungMount(_ lab: RunLab) throws -> String {
            let server = """
                import ctypes, os, struct, sys, time
                fd = os.open("/dev/fuse", os.O_RDWR)
                options = b"fd=%d,rootmode=40000,user_id=0,group_id=0" % fd
                if ctypes.CDLL(None).mount(b"hung", sys.argv[1].encode(), b"fuse.hung", 0, options): sys.exit(9)
                unique = struct.unpack("<Q", os.read(fd, 1 << 17)[8:16])[0]
                answer = struct.pack("<IIIIHHII", 7, 31, 131072, 0, 12, 10, 131072, 1).ljust(64, b"\\0")
                os.write(fd, struct.pack("<IiQ", 80, 0, unique) + answer)
                open(sys.argv[2], "w").close()
                time.sleep(60)
                """
            try FileTree.write(Array(server.utf8), to: Path(lab.files + "/server.py"), mode: 0o644)
            return """
                mkdir /mnt/umwelt-hung 2>/dev/null; cd '\(lab.files)'
                python3 server.py /mnt/umwelt-hung ready & server=$!
                until [ -e ready ]; do sleep 0.05; done
                """
        }

        @Test(.enabled(if: RunLab.has("python3"), "needs python3")) func aMountThatDoesNotAnswer() throws {
            let lab = try RunLab()
            let begin = try hungMount(lab)
            let umwelt = "'\(Programs.umwelt)' run --state-dir '\(lab.state)'"
            let result = try lab.start([
                "unshare", "-m", "sh", "-c", "\(begin); \(umwelt) -- echo through; code=$?; kill $server; exit $code",
            ]).end(seconds: 20)
            try? Directories.remove("/mnt/umwelt-hung")
            #expect(result.code == 0 && result.lines == ["through"], "\(result.errors)")
            #expect(result.errors.contains("/mnt/umwelt-hung: its server does not answer"), "\(result.errors)")
        }

        /// What is asked for is looked at before anything is made: a signal ends that as it would end any program.
        @Test(.enabled(if: RunLab.has("python3"), "needs python3")) func aVolumeThatDoesNotAnswer() throws {
            let lab = try RunLab()
            let umwelt = "'\(Programs.umwelt)' run --state-dir '\(lab.state)' --volume /mnt/umwelt-hung/x:/x"
            let end = "sleep 1; kill -TERM $run; wait $run; echo $?; kill $server"
            let result = try lab.start([
                "unshare", "-m", "sh", "-c", "\(try hungMount(lab)); \(umwelt) -- true & run=$!; \(end)",
            ]).end(seconds: 20)
            try? Directories.remove("/mnt/umwelt-hung")
            #expect(result.lines == ["143"], "\(result.output) \(result.errors)")
        }

        /// Layers and options of mounts are separated by some of these.
        @Test(arguments: [":", ",", "\\", " ", "%", "\""]) func aStateDirectoryOfAnyName(_ mark: String) throws {
            let lab = try RunLab()
            let result = try lab.start([
                "\(Programs.umwelt)", "run", "--state-dir", "\(lab.files)/a\(mark)b", "--memory", "32M", "--volume",
                "\(lab.files):/srv/v", "--", "sh", "-c", "free -m | awk '/^Mem/ { print $2 }'",
            ]).end()
            #expect(result.code == 0 && result.output == "32\n" && result.errors == "", "\(result.errors)")
            #expect(lab.leftovers() == [])
        }

        @Test(.enabled(if: RunLab.has("setpriv"), "needs setpriv")) func withoutRoot() throws {
            let lab = try RunLab()
            let result = try lab.start(
                ["setpriv", "--reuid=65534", "--clear-groups", "\(Programs.umwelt)", "run", "--", "true"]
            ).end()
            // Where the tests' own directory is closed to others, not even umwelt can be started.
            guard result.code != 126, result.code != 127 else { return }
            expect(result, says: "only root")
        }

        @Test func whereTheMountPointIsBusy() throws {
            let lab = try RunLab()
            let busy = "mkdir -p \(lab.state)/mnt && mount -t tmpfs t \(lab.state)/mnt"
            expect(try run(lab, after: busy), says: "\(lab.state)/mnt")
            #expect(lab.leftovers() == [])
        }

        /// Full at once, and full a little later: whoever meets it first, no space is left, and it is said where.
        @Test(arguments: [0, 4, 8, 12, 16, 20, 24, 28, 32, 36, 40, 44], ["runc", "crun"])
        func whereTheDiskIsFull(_ kilobytes: Int, _ runtime: String) throws {
            guard RunLab.has(runtime) else { return }
            let lab = try RunLab()
            let full = """
                mkdir -p \(lab.state) && mount -t tmpfs -o size=64k t \(lab.state) \
                && head -c $(((64 - \(kilobytes)) * 1024)) /dev/zero > \(lab.state)/filler
                """
            let result = try run(lab, after: full, options: "--runtime \(runtime)")
            expect(result, says: "o space left")
            #expect(result.errors.contains(lab.state), "\(result.errors)")
            #expect(lab.leftovers() == [])
        }

        /// A start that finds its room has enough of it.
        @Test(arguments: [48, 52, 56, 60, 64, 68, 72, 80]) func whereTheDiskIsNearlyFull(_ kilobytes: Int) throws {
            let lab = try RunLab()
            let result = try run(
                lab,
                after: "mkdir -p \(lab.state) && mount -t tmpfs -o size=\(kilobytes)k t \(lab.state)"
            )
            if result.code == 0 { return #expect(result.errors == "") }
            expect(result, says: "no space left in \(lab.state): a start needs")
        }

        /// The disk is full only when the runtime is at work, which says something else, or nothing that umwelt could hand on.
        @Test(arguments: [true, false]) func whereTheDiskBecomesFull(_ isLogged: Bool) throws {
            let lab = try RunLab()
            let message = #"{"level":"error","msg":"unable to store init state: %!w(<nil>)"}"#
            let script = """
                #!/bin/sh
                case " $* " in *" run "*) ;; *) exit 0 ;; esac
                head -c 1M /dev/zero > '\(lab.state)/filler'
                while [ $# -gt 0 ]; do [ "$1" = --log ] && log=$2; shift; done
                if \(isLogged); then echo '\(message)' > "$log"; fi
                exit 1
                """
            try FileTree.write(Array(script.utf8), to: Path(lab.files + "/runtime"), mode: 0o755)
            let result = try run(
                lab,
                after: "mkdir -p \(lab.state) && mount -t tmpfs -o size=256k t \(lab.state)",
                options: "--runtime \(lab.files)/runtime"
            )
            let lines = result.errors.split(separator: "\n").filter { !$0.contains("head:") }
            #expect(result.code == 1 && lines.count == 1, "\(result.errors)")
            #expect(lines.last?.hasPrefix("umwelt: ") == true, "\(result.errors)")
            let words = isLogged ? "no space left in \(lab.state)" : "; no space is left in \(lab.state)"
            #expect(lines.last?.hasSuffix(words) == true, "\(result.errors)")
            #expect(lab.leftovers() == [])
        }

        /// As cat does it: what was asked for has not been given.
        @Test(arguments: [">&-", ">/dev/full"], ["view meminfo", "--help", "ps"])
        func outputThatNobodyGets(_ how: String, _ command: String) throws {
            let lab = try RunLab()
            let result = try lab.start(["sh", "-c", "exec '\(Programs.umwelt)' \(command) \(how)"]).end()
            expect(result, says: "cannot write to standard output")
        }

        @Test func limitsThatCannotBeHad() throws {
            let lab = try RunLab()
            let limits = try ["pid_max", "threads-max"].map { name in
                let text = try Fd.contents(of: Path("/proc/sys/kernel/" + name), limit: 64)
                return Int(String(decoding: text.dropLast(), as: UTF8.self)) ?? 0
            }
            // What the option takes at most, 4194304, a large machine has.
            if let most = limits.min(), most < 4_194_304 {
                expect(try lab.run(["--pids", "\(most + 1)"], ["true"]), says: "more than the host has (\(most))")
            }
            expect(try lab.run(["--memory", "100000G"], ["true"]), says: "more than the host has")
            expect(try lab.run(["--cpus", "5000"], ["true"]), says: "more than the host has")
            expect(try lab.run(["--cpuset", "8191"], ["true"]), says: "a container here can have CPUs")
            #expect(!FileTree.isThere(Path(lab.state)))
        }

        @Test func wrongCommandLines() throws {
            let lab = try RunLab()
            expect(try lab.run(["--memroy", "1G"], ["true"]), says: "Did you mean '--memory'?", code: 2)
            expect(try lab.run(["--memory", "much"], ["true"]), says: "256M", code: 2)
            expect(try lab.start(["\(Programs.umwelt)", "run", "free", "-m"]).end(), says: "after '--'", code: 2)
            expect(try lab.start(["\(Programs.umwelt)", "rnu"]).end(), says: "rnu", code: 2)
            expect(try lab.start(["\(Programs.umwelt)", "help", "rnu"]).end(), says: "no command rnu", code: 2)
            expect(try lab.run(["--tty"], ["true"]), says: "needs a terminal")
            expect(try lab.run(["--rootfs", "/no/such"], ["true"]), says: "--rootfs /no/such: no such file")
            expect(try lab.run(["--volume", "/no/such:/x"], ["true"]), says: "--volume /no/such: no such file")
            expect(try lab.run(["--runtime", "/bin/false"], ["true"]), says: "is it an OCI runtime")
            let line = "exec '\(Programs.umwelt)' run -- printf %s \"$(printf 'a\\377b')\""
            expect(try lab.start(["sh", "-c", line]).end(), says: "argument 5 is not UTF-8", code: 2)
            let inherited = "export X=\"$(printf 'a\\377b')\"; exec '\(Programs.umwelt)' run --env X -- true"
            expect(try lab.start(["sh", "-c", inherited]).end(), says: "--env X: its value is no UTF-8")
        }

        /// The socket of a daemon that was killed.
        @Test func aDeadDaemonsSocketIsNoHindrance() throws {
            let lab = try RunLab()
            try Directories.make(Path(lab.state))
            _ = try UnixSocket.listen(at: Path(lab.state + "/umweltd.sock"))
            let result = try lab.run([], ["echo", "ok"])
            #expect(result.output == "ok\n", "\(result.errors)")
        }

        @Test func whatTheRuntimeRefusesIsSaidInItsWords() throws {
            let lab = try RunLab()
            let result = try lab.run(["--volume", "/etc/passwd:/etc"], ["true"])
            #expect(result.code == 1)
            #expect(
                result.errors.split(separator: "\n").count == 1 && result.errors.contains("/etc"),
                "\(result.errors)"
            )
            #expect(lab.leftovers() == [])
        }
    }
}
