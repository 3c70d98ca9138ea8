// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

import Glibc
import Kernel
import Testing

extension RunSuite {
    /// How commands end, and that nothing is left of them however they do.
    @Suite(.serialized) struct RunEndTests {
        @Test(arguments: RunContainerTests.runtimes) func theExitCodeIsTheCommands(_ runtime: String) throws {
            let lab = try RunLab()
            for code in [0, 1, 2, 7, 125, 255] as [Int32] {
                let result = try lab.run(["--runtime", runtime], script: "exit \(code)")
                #expect(result.code == code)
                #expect(result.errors == "")
            }
            #expect(lab.leftovers() == [])
        }

        @Test func notFoundAndNotExecutable() throws {
            let lab = try RunLab()
            for (command, code) in [("no-such-command", 127), ("/no/such", 127), ("/etc/passwd", 126), ("/etc", 126)] {
                let result = try lab.run([], [command])
                #expect(result.code == Int32(code))
                #expect(result.errors.hasPrefix("umwelt: \(command): "))
                #expect(result.errors.split(separator: "\n").count == 1)
            }
            let foreign = "\u{7f}ELF\u{2}\u{1}" + String(repeating: "\0", count: 58)
            for (content, code) in [
                ("#!/no/such/interpreter\n", 127), ("nonsense", 126), ("#!/etc/passwd\n", 126), (foreign, 126),
            ] {
                try FileTree.write(Array(content.utf8), to: Path(lab.files + "/bad"), mode: 0o755)
                let result = try lab.run(["--volume", lab.files + ":/v"], ["/v/bad"])
                #expect(
                    result.code == Int32(code) && result.errors.split(separator: "\n").count == 1,
                    "\(result.errors)"
                )
            }
        }

        /// The kernel would drop these: the command is the first process of its pid namespace.
        @Test(arguments: [SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2], RunContainerTests.runtimes)
        func aSignalThatIsNotHandledEndsTheCommand(_ signal: Int32, _ runtime: String) throws {
            let lab = try RunLab()
            let running = try lab.begin(["--runtime", runtime], ["sh", "-c", "echo started; exec sleep 1000"])
            try lab.waitForOutput(running)
            // Until it becomes sleep, the shell has handlers of its own.
            usleep(UInt32(100_000 * Programs.patience))
            try running.child.kill(signal)
            #expect(try running.end(seconds: 5).code == 128 + signal)
            #expect(lab.leftovers() == [])
        }

        @Test func aSignalThatIsHandledIsTheCommands() throws {
            let lab = try RunLab()
            let handles = try lab.begin(
                [],
                ["sh", "-c", "trap 'echo term; exit 5' TERM; echo started; while :; do sleep 0.05; done"]
            )
            try lab.waitForOutput(handles)
            try handles.child.kill(SIGTERM)
            let result = try handles.end(seconds: 5)
            #expect(result.code == 5 && result.lines == ["started", "term"])

            let ignores = try lab.begin([], ["sh", "-c", "trap '' HUP; echo started; sleep 0.5; exit 3"])
            try lab.waitForOutput(ignores)
            try ignores.child.kill(SIGHUP)
            #expect(try ignores.end(seconds: 5).code == 3)
        }

        /// As nohup(1) does, and a shell for the jobs it puts in the background.
        @Test(arguments: ["HUP", "INT"]) func aSignalThatTheCallerIgnoresIsIgnored(_ signal: String) throws {
            let lab = try RunLab()
            let run = "'\(Programs.umwelt)' run --state-dir '\(lab.state)' -- sh -c 'echo started; sleep 0.5; exit 4'"
            let line = "trap '' \(signal); exec \(run)"
            let ignores = try lab.start(["sh", "-c", line])
            try lab.waitForOutput(ignores)
            try ignores.child.kill(signal == "HUP" ? SIGHUP : SIGINT)
            #expect(try ignores.end(seconds: 5).code == 4)
        }

        /// The daemon that a run started outlives it where others hold it, and keeps nothing of its: no lock, no directory.
        @Test func theDaemonKeepsNothingOfTheRunThatStartedIt() throws {
            let lab = try RunLab()
            let umwelt = "'\(Programs.umwelt)' run --state-dir '\(lab.state)' --"
            let result = try lab.start([
                "sh", "-c",
                """
                cd '\(lab.files)' && mkdir d && mount -t tmpfs t d || exit 9
                (cd d; exec 9>../lock; flock 9; exec nice -n 15 \(umwelt) sleep 1) & first=$!
                sleep 0.4; \(umwelt) sleep \(5 * Programs.patience) & second=$!
                nices() {
                  for process in /proc/[0-9]*; do
                    ! tr '\\0' ' ' <$process/cmdline 2>/dev/null | grep -q '^umweltd .*\(lab.state)' || cut -d ' ' -f 19 $process/stat
                  done | sort -u
                }
                for i in $(seq 100); do n=$(nices); [ -z "$n" ] || break; sleep 0.1; done; echo $n
                wait $first; flock -n lock echo free; umount d && echo unmounted; umount -l d 2>/dev/null
                kill $second; wait $second
                """,
            ]).end(seconds: 20)
            #expect(result.lines == ["0", "free", "unmounted"], "\(result.lines) \(result.errors)")
        }

        /// runc hands on what comes to it, and Go's own SIGURG came to it: top ends of that.
        @Test(.enabled(if: RunLab.has("script"), "needs script(1)"))
        func noSignalOfTheRuntimesOwnComesToTheCommand() throws {
            let lab = try RunLab()
            let script = "trap 'echo URG' URG; i=0; while [ $i -lt 2000 ]; do echo $i; i=$((i+1)); done; exit 6"
            let quoted = script.replacing("$", with: "\\$")
            let command = "\(Programs.umwelt) run --state-dir \(lab.state) --runtime runc --tty -- sh -c \"\(quoted)\""
            for _ in 0..<4 {
                let result = try lab.start(["script", "-qec", command, "/dev/null"]).end(seconds: 20)
                #expect(result.code == 6 && result.output.contains("1999") && !result.output.contains("URG"))
            }
        }

        /// What goes wrong for the runtime while the command runs is not why it did not start.
        @Test(.enabled(if: RunLab.has("script"), "needs script(1)"))
        func withATerminalTheExitCodeIsTheCommandsWhateverTheRuntimeLogs() throws {
            let lab = try RunLab()
            let runtime = lab.files + "/runtime"
            let script = """
                #!/bin/bash
                for argument; do [ "$last" != --log ] || log=$argument; last=$argument; done
                runc "$@"; code=$?
                echo '{"level":"error","msg":"no such process"}' >> "$log"
                exit $code

                """
            try FileTree.write(Array(script.utf8), to: Path(runtime), mode: 0o755)
            func run(_ options: String, _ command: String) throws -> RunLab.Result {
                let umwelt = "\(Programs.umwelt) run --state-dir \(lab.state) --runtime \(runtime) --tty"
                return try lab.start(["script", "-qec", "\(umwelt) \(options) -- \(command)", "/dev/null"]).end()
            }
            let result = try run("", "sh -c 'sleep 1; exit 6'")
            #expect(result.code == 6 && !result.output.contains("umwelt: "), "\(result.output)")
            let failed = try run("--volume /etc/passwd:/etc", "true")
            #expect(failed.code == 1 && failed.output.contains("does not start"), "\(failed.output)")
            #expect(lab.leftovers() == [])
        }

        /// Inits such as tini block everything and wait: the signal is theirs.
        @Test(
            .enabled(if: RunLab.has("python3"), "needs python3"),
            arguments: [
                "signal.sigwait([15])", "signal.sigtimedwait([15], 100)", "time.sleep(1); signal.sigwait([15])",
            ]
        )
        func aSignalThatIsWaitedForIsTheCommands(_ wait: String) throws {
            let lab = try RunLab()
            let script = """
                import signal, time
                signal.pthread_sigmask(signal.SIG_BLOCK, [15])
                print("started", flush=True)
                \(wait)
                raise SystemExit(44)
                """
            let running = try lab.begin([], ["/usr/bin/env", "python3", "-c", script])
            try lab.waitForOutput(running)
            try running.child.kill(SIGTERM)
            #expect(try running.end(seconds: 5).code == 44)
        }

        /// Ctrl-Z, fg: the command stops and goes on with its job.
        @Test(arguments: RunContainerTests.runtimes) func jobControl(_ runtime: String) throws {
            let lab = try RunLab()
            let count = lab.files + "/count"
            let pause = "sleep \(Double(Programs.patience) * 0.3)"
            let counts = "while :; do echo >> /v/count; sleep 0.02; done"
            let script = """
                '\(Programs.umwelt)' run --state-dir '\(lab.state)' --runtime \(runtime) --volume '\(lab.files):/v' -- \
                    sh -c '\(counts)' & run=$!
                while [ ! -s '\(count)' ]; do sleep 0.05; done
                kill -TSTP $run; \(pause); a=$(wc -l < '\(count)'); \(pause); b=$(wc -l < '\(count)')
                state=$(awk '/^State/ { print $2 }' /proc/$run/status)
                kill -CONT $run; \(pause); c=$(wc -l < '\(count)')
                kill -TERM $run; wait $run; echo "$? $state $((b - a)) $((c > b))"
                """
            let result = try lab.start(["sh", "-c", script]).end()
            #expect(result.output == "143 T 0 1\n", "\(result.output) \(result.errors)")
            #expect(lab.leftovers() == [])
        }

        /// A runtime that is a script is run by a shell, as the command is.
        @Test func aCommandWithTheRuntimesProgramIsEnded() throws {
            let lab = try RunLab()
            let runtime = lab.files + "/runtime"
            try FileTree.write(Array("#!/bin/sh\nrunc \"$@\"\n".utf8), to: Path(runtime), mode: 0o755)
            let running = try lab.begin(
                ["--runtime", runtime],
                ["sh", "-c", "echo started; while :; do sleep 0.1; done"]
            )
            try lab.waitForOutput(running)
            try running.child.kill(SIGTERM)
            #expect(try running.end(seconds: 8).code == 143)
            #expect(lab.leftovers() == [])
        }

        /// A shell blocks signals whenever it forks, and a signal that comes then must not be lost.
        @Test(arguments: ["/bin/true", ":"]) func aBusyShellIsEnded(_ loop: String) throws {
            let lab = try RunLab()
            for _ in 0..<5 {
                let running = try lab.begin([], ["sh", "-c", "echo started; while :; do \(loop); done"])
                try lab.waitForOutput(running)
                try running.child.kill(SIGTERM)
                #expect(try running.end(seconds: 5).code == 143)
            }
        }

        @Test func aSignalAtAnyMomentLeavesNothing() throws {
            let lab = try RunLab()
            for delay in stride(from: 0, to: 150 * Programs.patience, by: 6 * Programs.patience) {
                let running = try lab.begin(["--memory", "32M"], ["sleep", "1000"])
                usleep(UInt32(delay * 1000))
                try running.child.kill(SIGINT)
                let result = try running.end(seconds: 10)
                // Before its first instruction of ours the signal is the kernel's.
                #expect(result.code == 130, "after \(delay) ms: \(result.errors)")
            }
            #expect(lab.leftovers() == [])
        }

        @Test func aSignalEndsTheWaitForAnotherRun() throws {
            let lab = try RunLab()
            try Directories.make(Path(lab.state))
            let lock = try Fd.open(Path(lab.state + "/bundles.lock"), [.readWrite, .create])
            #expect(try lock.tryLock())
            let running = try lab.begin([], ["true"])
            usleep(UInt32(300_000 * Programs.patience))
            try running.child.kill(SIGINT)
            #expect(try running.end(seconds: 3).code == 130)
        }

        /// The daemon beside umwelt is one that does not come to serve.
        @Test func aSignalEndsTheWaitForADaemon() throws {
            let lab = try RunLab()
            let daemon = "#!/bin/sh\necho $$ > '\(lab.files)/pid'\nexec sleep 100\n"
            try FileTree.write(Array(daemon.utf8), to: Path(lab.files + "/umweltd"), mode: 0o755)
            let script = """
                cd '\(lab.files)' && cp '\(Programs.umwelt)' umwelt
                ./umwelt run --state-dir '\(lab.state)' -- true & run=$!
                until [ -s pid ]; do sleep 0.05; done; sleep 0.2
                kill -TERM $run; wait $run; echo $?
                # Its end may not have been taken note of.
                sleep 0.2; grep -qs '^State:.[^Z]' /proc/$(cat pid)/status || echo ended
                """
            let result = try lab.start(["timeout", "-k", "1", "\(8 * Programs.patience)", "sh", "-c", script]).end()
            #expect(result.lines == ["143", "ended"], "\(result.output) \(result.errors)")
            #expect(lab.leftovers() == [])
        }

        /// The runtime takes long and ends, and its first process takes a moment more to become the command: a signal from before
        /// waits for that, since the runtime's handlers would take it and it be lost.
        ///
        /// A runtime of the test's own, without a container: a real one is in that state for microseconds.
        @Test func aSignalFromBeforeWaitsForTheCommand() throws {
            let lab = try RunLab()
            let runtime = lab.files + "/runtime"
            let script = """
                #!/bin/sh
                for argument; do [ "$last" != --bundle ] || bundle=$argument; last=$argument; done
                sleep 1.5
                sh -c 'trap : TERM; sleep 0.5; exec sleep 1000' &
                echo $! > "$bundle/init"

                """
            try FileTree.write(Array(script.utf8), to: Path(runtime), mode: 0o755)
            let running = try lab.begin(["--runtime", runtime], ["sleep", "1000"])
            usleep(300_000)
            try running.child.kill(SIGTERM)
            let result = try running.end(seconds: 10)
            #expect(result.code == 143, "\(result.errors)")
            #expect(lab.leftovers() == [])
        }

        /// What others unmount meanwhile does not stay in use: as device, volume or overlay it is wanted elsewhere.
        @Test func whatTheHostUnmountsIsUnmounted() throws {
            let lab = try RunLab()
            let (umwelt, top) = ("'\(Programs.umwelt)' run --state-dir '\(lab.state)'", lab.files + "/top")
            let result = try lab.start([
                "unshare", "-m", "--propagation", "private", "sh", "-c",
                """
                mkdir '\(top)'; mount -t tmpfs top '\(top)'; mount --make-shared '\(top)'
                mkdir '\(top)/m'; mount -t tmpfs inner '\(top)/m'
                \(umwelt) -- sh -c 'echo started; exec sleep 1000' >'\(lab.files)/out' & run=$!
                until grep -q started '\(lab.files)/out'; do sleep 0.05; done
                grep -c '\(top)/m ' /proc/$run/mountinfo
                umount '\(top)/m'
                grep -c '\(top)/m ' /proc/$run/mountinfo
                kill $run; wait $run; echo $?; umount '\(top)'
                """,
            ]).end()
            #expect(result.lines == ["1", "0", "143"], "\(result.output) \(result.errors)")
            #expect(lab.leftovers() == [])
        }

        /// SIGKILL leaves the container; the next run clears it away.
        @Test func whatAKilledOwnerLeftIsCleared() throws {
            let lab = try RunLab()
            let running = try lab.begin(["--name", "k1"], ["sh", "-c", "echo started; sleep 1000"])
            try lab.waitForOutput(running)
            try running.child.kill(SIGKILL)
            _ = try running.end()
            #expect(lab.leftovers() != [])
            #expect(try lab.run(["--name", "k1"], ["true"]).code == 0)
            #expect(lab.leftovers() == [])
        }

        /// What a run that was killed left in one state directory is cleared away; a container of the same name in another goes on.
        @Test func whatIsClearedIsNotAnothers() throws {
            let (lab, other) = (try RunLab(), try RunLab())
            let killed = try lab.begin(["--name", "k2"], ["sh", "-c", "echo started; exec sleep 1"])
            try lab.waitForOutput(killed)
            try killed.child.kill(SIGKILL)
            _ = try killed.end()
            usleep(UInt32(1_500_000 * Programs.patience))
            let running = try other.begin(["--name", "k2"], ["sh", "-c", "echo started; sleep 2; exit 5"])
            try other.waitForOutput(running)
            #expect(try lab.run([], ["true"]).code == 0)
            #expect(lab.leftovers() == [])
            #expect(try running.end().code == 5)
            #expect(other.leftovers() == [])
        }

        /// Each of them finds a daemon that starts, runs or just ends.
        @Test func manyAtOnceAndOneAfterAnother() throws {
            let lab = try RunLab()
            let all = try (1...8).map {
                try lab.begin(["--memory", "\($0 * 32)M"], ["sh", "-c", "free -m | awk '/^Mem/ {print $2}'"])
            }
            for (index, running) in all.enumerated() {
                let result = try running.end()
                #expect(result.output == "\((index + 1) * 32)\n", "\(result.errors)")
            }
            for pause in [0, 1, 2, 5, 10, 20, 40, 80] {
                usleep(UInt32(pause * 1000))
                let result = try lab.run([], ["true"])
                #expect(result.code == 0, "\(result.errors)")
            }
            #expect(lab.leftovers() == [])
        }

        @Test func aNameCannotBeHadTwice() throws {
            let lab = try RunLab()
            let first = try lab.begin(["--name", "n1"], ["sh", "-c", "echo started; sleep 1000"])
            try lab.waitForOutput(first)
            let second = try lab.run(["--name", "n1"], ["true"])
            #expect(second.code == 1 && second.errors.contains("n1 runs already"))
            try first.child.kill(SIGTERM)
            #expect(try first.end().code == 143)
            #expect(lab.leftovers() == [])
        }
    }
}
