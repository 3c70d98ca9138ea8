// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

import Glibc
import Kernel
import NodeLink
import Testing

extension DaemonSuite {
    /// `umwelt attach`, `detach`, `ps` and `upgrade`, on containers that run already.
    @Suite(.serialized) struct AttachTests {
        private func memory(_ shell: LabShell) throws -> UInt64? {
            try shell.run("cat /proc/meminfo").number("MemTotal:")
        }

        @Test func containerGetsItsViewsAndLosesThem() throws {
            let lab = try DaemonLab()
            let cgroup = try lab.cgroup()
            try cgroup.limitMemory(77 << 20)
            let container = try lab.container(in: cgroup)
            let host = try memory(container.shell)
            // It has something of its own over one file.
            try container.shell.run("echo own >/tmp/own-\(lab.name); mount --bind /tmp/own-\(lab.name) /proc/uptime")
            let pid = container.initPID

            let attached = try lab.umwelt("attach \(pid)")
            #expect(attached.code == 0, "\(attached.text)")
            #expect(attached.text.contains("files attached"), "\(attached.text)")
            #expect(attached.text.contains("left alone: /proc/uptime ("), "\(attached.text)")
            #expect(try memory(container.shell) == 77 << 10)
            #expect(try container.shell.run("cat /proc/uptime").text == "own")
            #expect(try container.shell.run("cat /proc/stat /proc/cpuinfo /proc/loadavg").code == 0)
            if FileTree.isThere("/proc/pressure/cpu") {
                let mounts = try container.shell.run("grep -c ' /proc/pressure/cpu .*umwelt' /proc/self/mountinfo")
                #expect(mounts.text == "1")
            }

            let list = try lab.umwelt("ps")
            let row = list.text.split(separator: "\n").first { $0.contains("attach") }
            #expect(row?.contains("77M") == true && row?.contains("attach") == true, "\(list.text)")

            let again = try lab.umwelt("attach \(pid)")
            #expect(again.code == 0 && again.text.contains("has its views already"), "\(again.text)")

            let detached = try lab.umwelt("detach \(pid)")
            #expect(detached.code == 0 && detached.text.contains("files taken away"), "\(detached.text)")
            #expect(try memory(container.shell) == host)
            #expect(try container.shell.run("cat /proc/uptime").text == "own")
            // The copy of the host's own mount stays.
            #expect(try container.shell.run("grep -c 'umwelt \(lab.mount) ' /proc/self/mountinfo").text == "1")
            #expect(try lab.request(Message(.containers)).isEmpty)
            #expect(try lab.umwelt("detach \(pid)").text.contains("has no views"))
            try container.shell.run("rm /tmp/own-\(lab.name)")
        }

        /// A daemon whose mount cannot be seen from here: the reason is told, and it has not even registered the container.
        @Test func mountThatCannotBeSeen() throws {
            let lab = try DaemonLab(wrapper: ["unshare", "-m"])
            let container = try lab.container(in: try lab.cgroup())
            let attached = try lab.umwelt("attach \(container.initPID)")
            #expect(attached.code == 1 && attached.text.contains("cannot be seen here"), "\(attached.text)")
            let table = (try? Fd.contents(of: Path("\(lab.socket).table"), limit: 1 << 20)) ?? []
            #expect(!String(decoding: table, as: UTF8.self).contains("pid-"))
        }

        /// As root of a user namespace, where the views are mounted from outside.
        @Test func containerWithAUserNamespace() throws {
            let lab = try DaemonLab()
            let cgroup = try lab.cgroup()
            try cgroup.limitMemory(66 << 20)
            let shell = try lab.shell(["unshare", "-U", "-r", "-m", "-p", "-f", "--mount-proc"], in: cgroup)
            #expect(try shell.run("id -u").text == "0")
            let pid = try #require(cgroup.processes.last)
            let attached = try lab.umwelt("attach \(pid)")
            #expect(attached.code == 0 && attached.text.contains("files attached"), "\(attached.text)")
            #expect(try memory(shell) == 66 << 10)
            // The daemon's death heals there too.
            try lab.crash()
            try lab.start()
            var seen: UInt64?
            for _ in 0..<100 * Programs.patience {
                seen = try memory(shell)
                if seen == 66 << 10 { break }
                usleep(50_000)
            }
            #expect(seen == 66 << 10, "\(lab.said)")
            let detached = try lab.umwelt("detach \(pid)")
            #expect(detached.code == 0, "\(detached.text)")
            #expect(try memory(shell) != 66 << 10)
        }

        /// The host's mounts are shared, as systemd has them: what a container mounts on its views shows nowhere else.
        @Test func viewsArePrivate() throws {
            let lab = try DaemonLab(isStarted: false)
            let host = try lab.shell()
            try host.run("mount --bind \(lab.directory) \(lab.directory); mount --make-shared \(lab.directory)")
            try lab.start()
            #expect(try host.run("grep ' \(lab.mount) ' /proc/self/mountinfo").text.contains(" shared:"))
            let container = try lab.container(in: try lab.cgroup())
            let pid = container.initPID
            #expect(try lab.umwelt("attach \(pid)").code == 0)
            let places = ["/proc/meminfo", "/sys/devices/system/cpu/online"]
            for round in ["attached", "mended"] {
                let views = try container.shell.run("grep ' fuse.umwelt ' /proc/self/mountinfo").text
                let shared = views.split(separator: "\n").filter { $0.contains(" shared:") || $0.contains(" master:") }
                #expect(shared.isEmpty, "\(round): \(shared.prefix(3))")
                for place in places { try container.shell.run("mount --bind /etc/hostname \(place)") }
                let seen = try host.run("grep -c /hostname /proc/self/mountinfo").text
                #expect(seen == "0", "\(round)")
                for place in places { try container.shell.run("umount \(place)") }
                guard round == "attached" else { break }
                try lab.crash()
                try lab.start()
                for _ in 0..<100 * Programs.patience where !lab.said.contains("replaced") { usleep(20_000) }
            }
        }

        /// It sees the host's mounts as a slave: what is replaced there is replaced here too, and says nothing of its own views.
        @Test func containerWithASlaveOfTheHost() throws {
            let lab = try DaemonLab(isStarted: false)
            let host = try lab.shell()
            try host.run("mount --bind \(lab.directory) \(lab.directory); mount --make-shared \(lab.directory)")
            try lab.start()
            // As the kubelet binds a subPath.
            let places = (0..<3).map { "\(lab.directory)/v\($0)" }
            for place in places { try host.run("touch \(place); mount --bind \(lab.mount)/proc/stat \(place)") }
            defer { for place in places { try? Mount.unmount(Path(place), lazily: true) } }
            let shell = try lab.shell(["unshare", "-m", "-C", "--propagation", "slave"], in: try lab.cgroup())
            let files = ["meminfo", "uptime"]
            for file in files { try shell.run("mount --bind \(lab.mount)/proc/\(file) /proc/\(file)") }
            for round in 0..<Programs.share(of: 10) {
                try lab.crash()
                try lab.start()
                var output = try shell.run("cat /proc/meminfo /proc/uptime")
                for _ in 0..<100 * Programs.patience where output.code != 0 {
                    usleep(20_000)
                    output = try shell.run("cat /proc/meminfo /proc/uptime")
                }
                #expect(output.code == 0, "round \(round): \(output.text.suffix(100)) \(lab.said)")
            }
        }

        /// The process of the lowest number in it is chrooted, and sees none of the views: they are mended and taken away all
        /// the same.
        @Test(.enabled(if: FileTree.isThere("/bin/busybox"), "no busybox"))
        func containerWhoseFirstProcessIsChrooted() throws {
            let lab = try DaemonLab()
            let cgroup = try lab.cgroup()
            try cgroup.limitMemory(55 << 20)
            let (jail, out) = (lab.directory.appending("j"), lab.directory.appending("out"))
            let shell = try lab.shell(["unshare", "-m", "-C", "--propagation", "private"], in: cgroup)
            try shell.begin(
                """
                mkdir \(jail); mount -t tmpfs jail \(jail); cp /bin/busybox \(jail)/
                mount --bind \(lab.mount)/proc/meminfo /proc/meminfo
                (while sleep 0.05; do cat /proc/meminfo >\(out).new 2>&1; mv \(out).new \(out); done) &
                exec chroot \(jail) /busybox sleep 100
                """
            )
            func sees(_ kilobytes: UInt64?) -> Bool {
                for _ in 0..<100 * Programs.patience {
                    usleep(50_000)
                    let text = String(decoding: (try? Fd.contents(of: out, limit: 65536)) ?? [], as: UTF8.self)
                    let seen = LabShell.Output(text: text, code: 0).number("MemTotal:")
                    if let seen, kilobytes.map({ $0 == seen }) ?? (seen > 55 << 10) { return true }
                }
                return false
            }
            #expect(sees(55 << 10))
            try lab.crash()
            try FileTree.write([], to: out, mode: 0o644)
            try lab.start()
            #expect(sees(55 << 10), "\(lab.said)")
            #expect(try lab.umwelt("stop").code == 0)
            #expect(sees(nil))
        }

        /// What the container itself has mounted on a directory of ours it keeps, whatever becomes of that.
        @Test func mountsOnAViewStay() throws {
            let lab = try DaemonLab()
            let container = try lab.container(in: try lab.cgroup())
            let own = lab.directory.appending("own")
            try FileTree.write(Array("own\n".utf8), to: own, mode: 0o644)
            #expect(try lab.umwelt("attach \(container.initPID)").code == 0)
            let online = "/sys/devices/system/cpu/online"
            #expect(try container.shell.run("mount --bind \(own) \(online)").code == 0)
            func mounts(_ pattern: String) throws -> String {
                try container.shell.run("grep -c ' \(pattern)' /proc/self/mountinfo").text
            }
            try lab.crash()
            try lab.start()
            for _ in 0..<100 * Programs.patience where !lab.said.contains("replaced") { usleep(20_000) }
            #expect(try container.shell.run("cat \(online)").text == "own", "\(lab.said)")
            #expect(try container.shell.run("cat /sys/devices/system/cpu/present").code == 0)
            #expect(try mounts("\(online) ") == "1")
            #expect(try lab.umwelt("detach \(container.initPID)").code == 0)
            #expect(try container.shell.run("cat \(online)").text == "own")
            #expect(try mounts("/sys/devices/system/cpu .*umwelt") == "0")
        }

        /// The first thread of its only process has ended, others go on: nothing but their directories tells where they are.
        @Test(.enabled(if: PeerCommand.find("python3") != nil, "no python3")) func containerWithoutAFirstThread() throws
        {
            let lab = try DaemonLab()
            let cgroup = try lab.cgroup()
            try cgroup.limitMemory(64 << 20)
            let out = lab.directory.appending("out")
            let script = lab.directory.appending("script.py")
            let text = """
                import threading, time, ctypes
                def read():
                    while True:
                        try: line = open("/proc/meminfo").readline()
                        except OSError as error: line = str(error)
                        open("\(out)", "w").write(line); time.sleep(0.05)
                threading.Thread(target=read).start()
                time.sleep(2)
                ctypes.CDLL(None).pthread_exit(None)
                """
            try FileTree.write(Array(text.utf8), to: script, mode: 0o644)
            let shell = try lab.shell(["unshare", "-m", "--propagation", "private"], in: cgroup)
            try shell.begin("exec python3 \(script)")
            func sees(_ isMeant: (UInt64) -> Bool) -> Bool {
                for _ in 0..<100 * Programs.patience {
                    let text = String(decoding: (try? Fd.contents(of: out, limit: 4096)) ?? [], as: UTF8.self)
                    if let seen = LabShell.Output(text: text, code: 0).number("MemTotal:"), isMeant(seen) {
                        return true
                    }
                    usleep(50_000)
                }
                return false
            }
            #expect(sees { _ in true })
            #expect(try lab.umwelt("attach \(shell.pid)").code == 0)
            #expect(sees { $0 == 64 << 10 })
            for _ in 0..<200 * Programs.patience where ProcessID.state(shell.pid) != UInt8(ascii: "Z") {
                usleep(50_000)
            }
            try lab.crash()
            usleep(100_000)
            try FileTree.write([], to: out, mode: 0o644)
            try lab.start()
            #expect(sees { $0 == 64 << 10 }, "\(lab.said)")
            #expect(try lab.umwelt("ps").text.contains(" attach  ok"))
            #expect(try lab.umwelt("stop").code == 0)
            #expect(sees { $0 > 64 << 10 }, "\(lab.said)")
        }

        /// Without a daemon it is told what the mounts and the table tell.
        @Test func listWithoutADaemon() throws {
            let lab = try DaemonLab()
            symlink("\(lab.socket).table", "\(lab.directory)/umweltd.sock.table")
            let container = try lab.container(in: try lab.cgroup())
            let pid = container.initPID
            #expect(try lab.umwelt("attach \(pid)").code == 0)
            try lab.crash()
            let list = try lab.umwelt("ps")
            #expect(list.code == 1 && list.text.contains("no umweltd listens"), "\(list.text)")
            let row = list.text.split(separator: "\n").first { $0.hasPrefix("pid-") }
            #expect(row?.hasSuffix("attach  no daemon") == true, "\(list.text)")
            try lab.start()
            // What ps lists can be named.
            let id = try #require(row?.split(separator: " ").first)
            let detached = try lab.umwelt("detach \(id)")
            #expect(detached.code == 0, "\(detached.text)")
        }

        /// A container without a pid namespace of its own, whose first process is not its last: the others go on, also after
        /// the worker was killed, and the container is forgotten with the last of them.
        @Test func firstProcessEnds() throws {
            let lab = try DaemonLab()
            let cgroup = try lab.cgroup()
            try cgroup.limitMemory(66 << 20)
            let shell = try lab.shell(["unshare", "-m", "--propagation", "private"], in: cgroup)
            let out = lab.directory.appending("out")
            // The shell that asks is the first process, so it has to be followed by others: outside of its process group.
            let pids = try shell.run(
                "for i in 1 2 3; do setsid sh -c 'sleep 1000; cat /proc/meminfo' >\(out).$i 2>&1 & echo $!; done"
            ).text.split(separator: "\n").compactMap { Int32($0) }
            defer { for pid in pids { try? ProcessID.kill(-pid, SIGKILL) } }
            try #require(pids.count == 3)
            #expect(try lab.umwelt("attach \(shell.pid)").text.contains("files attached"))
            let host = try lab.shell()
            func seen(_ pid: Int32? = nil) throws -> UInt64? {
                try host.run("nsenter -m -t \(pid ?? pids[1]) head -n 1 /proc/meminfo").number("MemTotal:")
            }
            func uptime() throws -> Double {
                Double(try host.run("nsenter -m -t \(pids[1]) cut -d ' ' -f 1 /proc/uptime").text) ?? 0
            }
            #expect(try seen() == 66 << 10)
            let before = try uptime()
            shell.end()
            usleep(300_000 * UInt32(Programs.patience))
            #expect(try seen() == 66 << 10, "\(lab.said)")
            #expect(try lab.umwelt("ps").text.contains(" attach  ok"))
            try ProcessID.kill(lab.workerPID, SIGKILL)
            // The next one watches it.
            #expect(lab.workerPID > 0)
            usleep(100_000 * UInt32(Programs.patience))
            try ProcessID.kill(-pids[0], SIGKILL)
            usleep(300_000 * UInt32(Programs.patience))
            #expect(try seen() == 66 << 10, "\(lab.said)")
            #expect(try uptime() >= before)
            #expect(try lab.umwelt("attach \(pids[1])").text.contains("has its views already"))
            // And where that ends while no worker is there: the third is watched by the next one.
            try ProcessID.kill(lab.keeperPID, SIGSTOP)
            try ProcessID.kill(lab.workerPID, SIGKILL)
            try ProcessID.kill(-pids[1], SIGKILL)
            usleep(100_000)
            try ProcessID.kill(lab.keeperPID, SIGCONT)
            #expect(try seen(pids[2]) == 66 << 10, "\(lab.said)")
            #expect(try lab.umwelt("ps").text.contains("  \(pids[2])  "))
            // What the daemon has forgotten is not taken for a view.
            let id = try #require(try lab.request(Message(.containers)).first)
            _ = try lab.request(Message(.deregister, [id]))
            #expect(try lab.umwelt("attach \(pids[2])").text.contains("files attached"))
            #expect(try seen(pids[2]) == 66 << 10)
            try ProcessID.kill(-pids[2], SIGKILL)
            for _ in 0..<100 {
                if try lab.request(Message(.containers)).isEmpty { break }
                usleep(20_000)
            }
            #expect(try lab.request(Message(.containers)).isEmpty)
        }

        /// Whoever comes second finds them there; one detach takes all off.
        @Test func severalAttachAtOnce() throws {
            let lab = try DaemonLab()
            let container = try lab.container(in: try lab.cgroup())
            let pid = container.initPID
            for _ in 0..<3 {
                let one = "'\(Programs.directory)/umwelt' attach \(pid) --state-dir \(lab.directory)"
                let output = try lab.shell().run("for i in 1 2 3 4 5 6; do \(one) & done; wait", seconds: 60)
                let lines = output.text.split(separator: "\n")
                #expect(lines.filter { $0.contains("files attached") }.count == 1, "\(output.text)")
                #expect(lines.filter { $0.contains("has its views already") }.count == 5, "\(output.text)")
                #expect(try lab.umwelt("detach \(pid)").code == 0)
                let read = try container.shell.run("cat /proc/meminfo; grep ' /proc/meminfo ' /proc/self/mountinfo")
                #expect(read.text.contains("MemTotal:") && !read.text.contains("umwelt"), "\(read.text)")
            }
        }

        /// With `--all`, and one of them on a FUSE of its own user namespace, as rootless engines use: nobody comes back from there.
        @Test(.enabled(if: FileTree.isThere("/bin/busybox"), "no busybox")) func allContainers() throws {
            let lab = try DaemonLab()
            let (root, low) = (lab.directory.appending("x"), lab.directory.appending("low"))
            let host = try lab.shell(["unshare", "-m", "--propagation", "private"])
            // No other containers of this machine.
            let begun = try host.run(
                """
                mount -t tmpfs run /run; mkdir \(root) \(low); cp /bin/busybox \(low)
                note() {
                  until grep -qs $2 \(low)/begun && p=$(pgrep -P $1); do sleep 0.1; done
                  mkdir -p /run/crun/$2
                  echo "{\\"pid\\":$p,\\"process-start-time\\":$(awk '{ print $22 }' /proc/$p/stat),\\"bundle\\":\\"/b\\"}" \
                    >/run/crun/$2/status
                }
                unshare -U -r -m -p -f --kill-child sh -c '\(Programs.umweltd) --socket \(lab.directory)/y \(root) &
                  until [ -e \(root)/proc/meminfo ]; do sleep 0.1; done
                  mount --bind \(low) \(root)/sys; mount -t proc proc \(root)/proc
                  echo fuse1 >>\(low)/begun; exec chroot \(root) /sys/busybox sleep 1000' >/dev/null 2>&1 &
                fuse=$!
                unshare -m -p -f --mount-proc --kill-child sh -c 'echo plain >>\(low)/begun; exec sleep 1000' &
                plain=$!; note $fuse fuse1; note $plain plain
                ls /proc/$(pgrep -P $fuse)/root/ 2>&1
                """,
                seconds: 30
            )
            #expect(begun.text.contains("ermission denied"), "\(begun.text)")
            let program = Programs.directory.appending("umwelt")
            let attached = try host.run("'\(program)' attach --all --state-dir \(lab.directory)", seconds: 60)
            try host.run("kill $fuse $plain")
            #expect(attached.code == 0, "\(attached.text)")
            for name in ["fuse1", "plain"] {
                let line = attached.text.split(separator: "\n").first { $0.hasPrefix("\(name): ") }
                #expect(line?.contains("files attached") == true, "\(attached.text)")
            }
        }

        /// Nothing in it can be mounted over: that is said, and it is not registered.
        @Test(.enabled(if: FileTree.isThere("/bin/busybox"), "no busybox")) func containerWithoutFiles() throws {
            let lab = try DaemonLab()
            let jail = lab.directory.appending("j")
            let shell = try lab.shell(["unshare", "-m", "--propagation", "private"])
            try shell.begin(
                """
                mkdir \(jail); mount -t tmpfs jail \(jail); cp /bin/busybox \(jail)/; mkdir \(jail)/old
                cd \(jail); pivot_root . old; /busybox umount -l /old; exec /busybox sleep 100
                """
            )
            usleep(500_000 * UInt32(Programs.patience))
            let output = try lab.umwelt("attach \(shell.pid)")
            #expect(output.text.contains("nothing attached; left alone: /proc/meminfo (tmpfs)"), "\(output.text)")
            #expect(try lab.request(Message(.containers)).isEmpty)
        }

        /// A user namespace's first mounts cannot be taken off: those that have died are beneath what mends them, and what
        /// covers them is the kernel's own, over which the views can be put again.
        @Test func viewsThatCannotBeTakenOff() throws {
            let lab = try DaemonLab()
            let cgroup = try lab.cgroup()
            try cgroup.limitMemory(66 << 20)
            let container = try lab.container(in: cgroup)
            #expect(try lab.umwelt("attach \(container.initPID)").code == 0)
            try container.shell.run(
                "unshare -U -r -m sleep 1000 & until grep -q sleep /proc/$!/comm; do sleep 0.1; done"
            )
            let inner = try #require(cgroup.processes.last)
            let host = try lab.shell()
            func seen() throws -> LabShell.Output { try host.run("head -n 1 /proc/\(inner)/root/proc/meminfo") }
            #expect(try seen().number("MemTotal:") == 66 << 10)
            try lab.crash()
            try lab.start()
            for _ in 0..<100 {
                if try seen().number("MemTotal:") == 66 << 10 { break }
                usleep(50_000 * UInt32(Programs.patience))
            }
            #expect(try seen().number("MemTotal:") == 66 << 10, "\(lab.said)")
            for round in 0..<2 {
                let ended = try lab.umwelt(round == 0 ? "detach \(inner)" : "stop")
                #expect(ended.code == 0, "\(ended.text)")
                #expect(try seen().number("MemTotal:") ?? 0 > 66 << 10, "\(round): \(lab.said)")
                let mounts = try lab.shell().run("grep ' /proc/meminfo ' /proc/\(inner)/mountinfo | tail -n 1").text
                #expect(mounts.contains(" ro,nosuid,nodev,noexec"), "\(mounts)")
                if round == 1 {
                    #expect(lab.waitForEnd(seconds: 10) == .exited(0))
                    try lab.start()
                }
                let attached = try lab.umwelt("attach \(inner)")
                #expect(attached.code == 0 && attached.text.contains("files attached"), "\(attached.text)")
                #expect(!attached.text.contains("left alone"), "\(attached.text)")
                #expect(try seen().number("MemTotal:") == 66 << 10)
            }
        }

        /// A container that mounts a proc of its own over its views has none; it can be given them again.
        @Test func viewsBelowAnotherMountAreNone() throws {
            let lab = try DaemonLab()
            let cgroup = try lab.cgroup()
            try cgroup.limitMemory(77 << 20)
            let container = try lab.container(in: cgroup)
            let pid = container.initPID
            let host = try memory(container.shell)
            #expect(try lab.umwelt("attach \(pid)").code == 0)
            #expect(try container.shell.run("mount -t proc proc /proc").code == 0)
            #expect(try memory(container.shell) == host)
            let row = try lab.umwelt("ps").text.split(separator: "\n").first { $0.contains("\(pid)") }
            #expect(row?.hasSuffix("ok") != true, "\(row ?? "")")
            // A mending puts nothing there.
            try lab.crash()
            try lab.start()
            usleep(300_000 * UInt32(Programs.patience))
            #expect(try memory(container.shell) == host)
            #expect(try lab.umwelt("attach \(pid)").text.contains("files attached"))
            #expect(try memory(container.shell) == 77 << 10)
            #expect(try lab.umwelt("detach \(pid)").code == 0)
            #expect(try memory(container.shell) == host)
        }

        /// By name, in a runtime's state directory.
        @Test(
            .enabled(if: PeerCommand.find("runc") != nil, "no runc"),
            .enabled(if: FileTree.isThere("/bin/busybox"), "no busybox")
        )
        func containerOfRunc() throws {
            let lab = try DaemonLab()
            let root = "\(lab.directory)/bundle"
            let name = "web-\(lab.name)"
            let runc = "runc --root \(lab.directory)/runtime/runc"
            let shell = try lab.shell()
            let made = try shell.run(
                """
                set -e; mkdir -p \(root)/rootfs/bin \(root)/rootfs/proc \(root)/rootfs/sys \(root)/rootfs/dev
                cp /bin/busybox \(root)/rootfs/bin/
                for name in sh sleep cat head; do ln -s busybox \(root)/rootfs/bin/$name; done; cd \(root); runc spec
                sed -i -e 's/"terminal": true/"terminal": false/' -e 's/"sh"/"sleep", "1000"/' config.json
                sed -i 's|"linux": {|"linux": { "cgroupsPath": "/\(name)",|' config.json
                \(runc) run --detach \(name); set +e
                """
            )
            #expect(made.code == 0, "\(made.text)")
            let clean = { _ = try? shell.run("\(runc) kill \(name) KILL; sleep 0.3; \(runc) delete --force \(name)") }
            defer { clean() }
            let attached = try lab.umwelt("attach \(name)")
            #expect(attached.code == 0 && attached.text.hasPrefix("\(name): "), "\(attached.text)")
            #expect(try shell.run("\(runc) exec \(name) cat /proc/self/mountinfo").text.contains("/proc/meminfo"))
            let list = try lab.umwelt("ps")
            let row = list.text.split(separator: "\n").first { $0.contains(name.prefix(20)) }
            #expect(row?.contains("attach") == true && row?.hasSuffix("ok") == true, "\(list.text)")
            #expect(try shell.run("\(runc) exec \(name) head -n 1 /proc/meminfo").number("MemTotal:") != nil)
            // A part of it may be another container's name. What the file system of a container lacks does no harm.
            #expect(try lab.umwelt("detach \(name.dropLast())").code == 1)
            #expect(try lab.umwelt("detach \(name)").code == 0)
            #expect(try !shell.run("\(runc) exec \(name) cat /proc/self/mountinfo").text.contains("umwelt"))
        }

        /// By its id, where the state directory is not the usual one: by its cgroup's name.
        @Test(
            .enabled(if: PeerCommand.find("dockerd") != nil && PeerCommand.find("docker") != nil, "no docker"),
            .enabled(if: FileTree.isThere("/bin/busybox"), "no busybox")
        )
        func containerOfDocker() throws {
            let lab = try DaemonLab()
            let root = "\(lab.directory)/docker"
            let docker = "docker -H unix://\(root)/sock"
            let daemon = try lab.shell()
            try daemon.begin(
                """
                mkdir -p \(root); exec dockerd --data-root \(root)/data --exec-root \(root)/exec -H unix://\(root)/sock \
                  -p \(root)/pid --iptables=false --ip6tables=false --bridge=none >\(root)/log
                """
            )
            let shell = try lab.shell()
            let made = try shell.run(
                """
                for i in $(seq 300); do \(docker) info >/dev/null 2>&1 && break; sleep 0.1; done
                mkdir -p \(root)/image/bin \(root)/image/proc \(root)/image/sys; cp /bin/busybox \(root)/image/bin/
                for name in sh sleep head; do ln -s busybox \(root)/image/bin/$name; done
                tar -C \(root)/image -c . | \(docker) import - image
                \(docker) run --detach --network none --memory 80m --cpus 0.5 --name web image /bin/sleep 1000
                """,
                seconds: 60
            )
            defer {
                _ = try? shell.run("\(docker) rm --force web; kill $(cat \(root)/pid); sleep 2")
                _ = try? shell.run("for m in $(awk '{print $2}' /proc/mounts | grep ^\(root)); do umount -l $m; done")
            }
            guard made.code == 0, let id = made.text.split(separator: "\n").last else {
                throw LabError("no container: \(made.text) \(try shell.run("tail -n 5 \(root)/log").text)")
            }
            let attached = try lab.umwelt("attach \(id)")
            #expect(attached.code == 0 && attached.text.contains("files attached"), "\(attached.text)")
            #expect(try shell.run("\(docker) exec web head -n 1 /proc/meminfo").number("MemTotal:") == 80 << 10)
            #expect(try shell.run("\(docker) exec web head -n 1 /sys/devices/system/cpu/online").text == "0")
            let row = try lab.umwelt("ps").text.split(separator: "\n").last
            #expect(row?.contains("80M") == true && row?.hasSuffix("ok") == true, "\(row ?? "")")
            // docker restart makes another first process: the old registration goes, and it can be attached again.
            try shell.run("\(docker) restart -t 0 web; sleep 1", seconds: 60)
            #expect(try lab.umwelt("attach \(id)").code == 0)
            #expect(try shell.run("\(docker) exec web head -n 1 /proc/meminfo").number("MemTotal:") == 80 << 10)
            #expect(try lab.umwelt("detach \(id)").code == 0)
            #expect(try shell.run("\(docker) exec web head -n 1 /proc/meminfo").number("MemTotal:") != 80 << 10)
        }

        /// As CRI has it: in a pod's namespace of a real containerd, with the notes that its CRI service makes.
        @Test(
            .enabled(if: PeerCommand.find("containerd") != nil && PeerCommand.find("ctr") != nil, "no containerd"),
            .enabled(if: FileTree.isThere("/bin/busybox"), "no busybox")
        )
        func containerOfContainerd() throws {
            let lab = try DaemonLab()
            let root = "\(lab.directory)/cd"
            let ctr = "ctr -a \(root)/sock -n k8s.io"
            // As the CRI plugin makes them: only such an id can be cut.
            let ids = ["aa11", "bb22"].map { head in
                let number = lab.name.filter(\.isHexDigit)
                return head + number + String(repeating: "0", count: max(0, 60 - number.count))
            }
            let (id, sandbox) = (ids[0], ids[1])
            let daemon = try lab.shell()
            try daemon.begin(
                """
                mkdir -p \(root); printf 'version = 2\\nroot = "\(root)/root"\\nstate = "\(root)/state"\\n[grpc]\\n\
                  address = "\(root)/sock"\\ndisabled_plugins = ["io.containerd.grpc.v1.cri"]\\n' >\(root)/toml
                containerd --config \(root)/toml >\(root)/log 2>&1 & echo $! >\(root)/pid; wait
                """
            )
            let shell = try lab.shell()
            let note = "--annotation io.kubernetes.cri"
            func make(_ id: String, _ notes: String) -> String {
                """
                \(ctr) run --detach --null-io --rootfs --cgroup /\(lab.name)-\(id) --memory-limit \(80 << 20) \
                  \(note).sandbox-name=web-\(lab.name) \(notes) \(root)/image \(id) /bin/sleep 1000
                """
            }
            let made = try shell.run(
                """
                for i in $(seq 300); do \(ctr) version >/dev/null 2>&1 && break; sleep 0.1; done
                mkdir -p \(root)/image/bin \(root)/image/proc \(root)/image/sys; cp /bin/busybox \(root)/image/bin/
                for name in sh sleep head cat; do ln -s busybox \(root)/image/bin/$name; done
                \(make(sandbox, "\(note).container-type=sandbox")) &&
                \(make(id, "\(note).container-type=container \(note).container-name=app"))
                """,
                seconds: 60
            )
            defer {
                _ = try? shell.run(
                    """
                    for id in \(id) \(sandbox); do
                      \(ctr) task kill -s KILL $id; sleep 0.3
                      \(ctr) task rm -f $id; \(ctr) c rm $id
                    done
                    kill $(cat \(root)/pid); sleep 1
                    for m in $(awk '{print $2}' /proc/mounts | grep ^\(root)); do umount -l $m; done
                    """,
                    seconds: 60
                )
            }
            guard made.code == 0 else {
                throw LabError("no container: \(made.text) \(try shell.run("tail -n 5 \(root)/log").text)")
            }
            let first = "$(\(ctr) task ls | awk '$1 == \"\(id)\" { print $2 }')"
            let read = "nsenter -m -t \(first) /bin/head -n 1 /proc/meminfo"
            // By pod and container, by either, by id and by its beginning.
            for target in ["web-\(lab.name)/app", "web-\(lab.name)", id, String(id.prefix(14))] {
                let attached = try lab.umwelt("attach \(target)")
                #expect(attached.code == 0 && attached.text.hasPrefix("web-\(lab.name)/app: "), "\(attached.text)")
                #expect(try shell.run(read).number("MemTotal:") == 80 << 10)
                let row = try lab.umwelt("ps").text.split(separator: "\n").first { $0.contains("web-\(lab.name)") }
                #expect(row?.contains(" cri ") == true && row?.contains("80M") == true, "\(row ?? "")")
                #expect(row?.hasSuffix("ok") == true, "\(row ?? "")")
                #expect(try lab.umwelt("detach \(target)").code == 0)
                #expect(try shell.run(read).number("MemTotal:") != 80 << 10)
            }
            // What holds a pod's namespaces is not listed, and attached only where it is named.
            #expect(try !lab.umwelt("ps").text.contains(sandbox.prefix(20)))
            #expect(try lab.umwelt("attach \(sandbox)").code == 0)
            #expect(try lab.umwelt("detach \(sandbox)").code == 0)
        }

        /// By its name, from where podman keeps it; all of podman's is over the machine's own for as long as that lasts.
        @Test(
            .enabled(if: PeerCommand.find("podman") != nil && PeerCommand.find("runc") != nil, "no podman"),
            .enabled(if: FileTree.isThere("/bin/busybox"), "no busybox")
        )
        func containerOfPodman() throws {
            let lab = try DaemonLab()
            let root = "\(lab.directory)/pod"
            let name = "web-\(lab.name)"
            let shell = try lab.shell()
            let places = "/var/lib/containers /run/containers /run/libpod"
            // No raising of limits: that takes a capability which the machine may not give.
            let made = try shell.run(
                """
                mkdir -p \(root)/image/bin \(root)/image/proc \(root)/image/sys \(root)/own
                for d in \(places); do [ -e $d ] || { mkdir $d; echo $d >>\(root)/made; }; mount -t tmpfs podman $d; done
                printf '[engine]\\ncgroup_manager="cgroupfs"\\nevents_logger="file"\\nruntime="runc"\\n' >\(root)/conf
                export CONTAINERS_CONF=\(root)/conf
                podman() { command podman --storage-driver vfs "$@"; }
                cp /bin/busybox \(root)/image/bin/; for n in sh sleep head; do ln -s busybox \(root)/image/bin/$n; done
                tar -C \(root)/image -c . | podman import - box && podman run --detach --network none --name \(name) \
                  --memory 80m --cpus 0.5 --ulimit nofile=1024:1024 --ulimit nproc=4096:4096 box /bin/sleep 1000
                """,
                seconds: 60
            )
            defer {
                _ = try? shell.run(
                    """
                    podman rm --force --time 0 \(name); umount -l \(places)
                    for d in $(cat \(root)/made); do rmdir $d; done
                    """,
                    seconds: 60
                )
            }
            guard made.code == 0 else { throw LabError("no container: \(made.text)") }
            let read = "podman exec \(name) head -n 1 /proc/meminfo"
            let attached = try lab.umwelt("attach \(name)")
            #expect(attached.code == 0 && attached.text.hasPrefix("\(name): "), "\(attached.text)")
            #expect(try shell.run(read).number("MemTotal:") == 80 << 10)
            let row = try lab.umwelt("ps").text.split(separator: "\n").first { $0.contains(name) }
            #expect(row?.contains(" podman ") == true && row?.hasSuffix("ok") == true, "\(row ?? "")")
            #expect(try lab.umwelt("detach \(name)").code == 0)
            #expect(try shell.run(read).number("MemTotal:") != 80 << 10)
        }

        @Test func whatIsNoContainerIsRefused() throws {
            let lab = try DaemonLab()
            for (arguments, code, words) in [
                ("attach \(getpid())", 1, "host's own mount namespace"), ("attach 4194303", 1, "there is no process"),
                ("attach no-such-container", 1, "no running container"), ("attach", 2, "which container"),
                ("attach --all web", 2, "exclude each other"), ("detach", 2, "target"),
                ("ps --nonsense", 2, "nonsense"),
            ] as [(String, Int32, String)] {
                let output = try lab.umwelt(arguments)
                #expect(output.code == code, "\(arguments): \(output.text)")
                #expect(output.text.contains(words), "\(arguments): \(output.text)")
                #expect(output.text.split(separator: "\n").count == 1, "\(output.text)")
            }
            let nobody = try DaemonLab(isStarted: false)
            #expect(try nobody.umwelt("attach 1").text.contains("no umweltd listens"))
            #expect(try nobody.umwelt("ps").code == 1)
            #expect(try nobody.umwelt("stop").code == 1)
            #expect(try nobody.umwelt("upgrade").code == 1)
        }

        @Test func upgradeSaysWhatItDid() throws {
            let lab = try DaemonLab()
            let before = lab.workerPID
            let output = try lab.umwelt("upgrade")
            #expect(output.code == 0 && output.text.hasPrefix("umweltd "), "\(output.text)")
            #expect(lab.workerPID != before)
            // It serves before it says so.
            for _ in 0..<100 where !lab.said.contains("went over to version") { usleep(20_000) }
            #expect(lab.said.contains("went over to version"), "\(lab.said)")
        }

        /// A file that does not run: the one before goes on.
        @Test func brokenProgramIsNotGoneOverTo() throws {
            let lab = try DaemonLab(isStarted: false)
            let program = lab.directory.appending("umweltd")
            try FileTree.write(try Fd.contents(of: Programs.umweltd, limit: 1 << 28), to: program, mode: 0o755)
            try lab.start(program: program)
            let keeper = try #require(lab.daemon?.pid)
            let shell = try lab.shell()
            try FileTree.write(Array("#!/bin/sh\nexit 1\n".utf8), to: Path("\(program).new"), mode: 0o755)
            try Directories.rename(Path("\(program).new"), to: program)
            try ProcessID.kill(keeper, SIGHUP)
            usleep(500_000 * UInt32(Programs.patience))
            #expect(lab.said.contains("does not run"), "\(lab.said)")
            #expect(try shell.run("cat \(lab.mount)/proc/meminfo").code == 0)
            #expect(lab.daemon?.pid == keeper)
            let began = Clock.monotonic
            let output = try lab.umwelt("upgrade")
            #expect(output.code == 1 && output.text.contains("\(program) does not run"), "\(output.text)")
            #expect(Clock.monotonic - began < 5_000_000_000 * UInt64(Programs.patience))
        }

        /// A file that does not tell its version for long: the service goes on all the while.
        @Test func slowProgramHoldsUpNobody() throws {
            let lab = try DaemonLab(isStarted: false)
            let program = lab.directory.appending("umweltd")
            try FileTree.write(try Fd.contents(of: Programs.umweltd, limit: 1 << 28), to: program, mode: 0o755)
            try lab.start(program: program)
            let keeper = try #require(lab.daemon?.pid)
            try FileTree.write(Array("#!/bin/sh\nexec sleep 100\n".utf8), to: Path("\(program).new"), mode: 0o755)
            try Directories.rename(Path("\(program).new"), to: program)
            let worker = lab.workerPID
            try ProcessID.kill(keeper, SIGHUP)
            usleep(100_000)
            try ProcessID.kill(worker, SIGKILL)
            let began = Clock.monotonic
            #expect(try lab.shell().run("cat \(lab.mount)/proc/meminfo").code == 0)
            #expect(Clock.monotonic - began < 3_000_000_000 * UInt64(Programs.patience))
            #expect(!lab.said.contains("does not run"), "\(lab.said)")
            for _ in 0..<400 where !lab.said.contains("does not run") { usleep(20_000) }
            #expect(lab.said.contains("does not run"), "\(lab.said)")
        }

        /// A stop that the program before was asked for, while the new one begins.
        @Test func stopDuringAnUpgradeIsNotLost() throws {
            let lab = try DaemonLab(isStarted: false)
            let program = lab.directory.appending("umweltd")
            try FileTree.write(try Fd.contents(of: Programs.umweltd, limit: 1 << 28), to: program, mode: 0o755)
            try lab.start(program: program)
            let begun = lab.directory.appending("begun")
            let script = """
                #!/bin/sh
                [ "$1" != --version ] || { echo umweltd 9; exit 0; }
                echo >\(begun); sleep 1; exec \(Programs.umweltd) "$@"

                """
            try FileTree.write(Array(script.utf8), to: Path("\(program).new"), mode: 0o755)
            try Directories.rename(Path("\(program).new"), to: program)
            try ProcessID.kill(lab.keeperPID, SIGHUP)
            for _ in 0..<500 * Programs.patience where !FileTree.isThere(begun) { usleep(10_000) }
            let stopped = try lab.umwelt("stop")
            #expect(stopped.code == 0, "\(stopped.text) \(lab.said)")
            #expect(lab.waitForEnd(seconds: 5) == .exited(0), "\(lab.said)")
            #expect(lab.mounts.isEmpty)
        }

        /// Another container has the id already: two engines, or two namespaces of one.
        @Test func twoContainersOfOneID() throws {
            let lab = try DaemonLab()
            let cgroup = try lab.cgroup()
            try cgroup.limitMemory(77 << 20)
            let container = try lab.container(in: cgroup)
            let pid = container.initPID
            try lab.register("pid-\(pid)", pid: getpid())
            let attached = try lab.umwelt("attach \(pid)")
            #expect(attached.code == 0, "\(attached.text)")
            #expect(try memory(container.shell) == 77 << 10)
            #expect(try lab.umwelt("detach \(pid)").code == 0)
            let left = try lab.request(Message(.containers)).map { String(decoding: $0, as: UTF8.self) }
            #expect(left.contains("pid-\(pid)") && left.count == 4, "\(left)")
        }

        /// Programs that tell their version, and then do not come to serve.
        enum BadProgram: String, CaseIterable {
            case crashes = "kill -SEGV $$"
            case ends = "exit 3"
            /// With a child that holds all it was given.
            case hangs = "sleep 100"
            /// The keeper comes up, and three workers in a row do not: for a second the table can neither be read nor
            /// replaced. It is covered, since a covered file is back in one step: between two, a worker would find none.
            case workersEnd = """
                mount --bind /dev/null TABLE; (sleep 1; umount TABLE) >/dev/null 2>&1 &
                exec PROGRAM "$@"
                """
        }

        /// The one before goes on, `umwelt upgrade` says so, and containers read all the while.
        @Test(arguments: BadProgram.allCases) func programThatDoesNotServeIsGivenUp(_ bad: BadProgram) throws {
            let lab = try DaemonLab(isStarted: false)
            let program = lab.directory.appending("umweltd")
            try FileTree.write(try Fd.contents(of: Programs.umweltd, limit: 1 << 28), to: program, mode: 0o755)
            try lab.start(program: program)
            let chaos = try ChaosLab(lab)
            try chaos.add(memoryMB: 50, id: "c")
            try chaos.add(memoryMB: 51, id: nil)
            try chaos.begin()
            let devices = lab.mounts.map(\.device)
            var script = "#!/bin/sh\n[ \"$1\" != --version ] || { echo umweltd 9; exit 0; }\n\(bad.rawValue)\n"
            script.replace("PROGRAM", with: "\(Programs.umweltd)")
            script.replace("TABLE", with: "\(lab.socket).table")
            try FileTree.write(Array(script.utf8), to: Path("\(program).new"), mode: 0o755)
            try Directories.rename(Path("\(program).new"), to: program)
            let began = Clock.monotonic
            let output = try lab.umwelt("upgrade")
            print("upgrade to one that \(bad): given up after \((Clock.monotonic - began) / 1_000_000) ms")
            #expect(output.code == 1 && output.text.contains("went back to version"), "\(output.text) \(lab.said)")
            usleep(500_000 * UInt32(Programs.patience))
            let (reads, wrong) = try chaos.end()
            #expect(reads > 0 && wrong.isEmpty, "\(wrong.prefix(5)) \(lab.said)")
            #expect(try chaos.allRead())
            #expect(lab.mounts.map(\.device) == devices)
            // A program that serves is gone over to from here, and everything ends in order.
            try FileTree.write(
                try Fd.contents(of: Programs.umweltd, limit: 1 << 28),
                to: Path("\(program).new"),
                mode: 0o755
            )
            try Directories.rename(Path("\(program).new"), to: program)
            let next = try lab.umwelt("upgrade")
            #expect(next.code == 0 && next.text.hasPrefix("umweltd "), "\(next.text) \(lab.said)")
            #expect(try lab.umwelt("stop").code == 0)
            #expect(lab.mounts.isEmpty)
        }
    }
}
