// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

import Glibc
import Kernel
import Samples
import Testing

@testable import umwelt

@Suite struct SignalRuleTests {
    private func rule(
        blocked: String = "0",
        ignored: String = "0",
        caught: String = "0",
        systemCall: String = "7 0x7ffd 0x1\n"
    ) -> SignalRule {
        SignalRule(
            status: Array("Name:\tx\nSigQ:\t0/1\nSigBlk:\t\(blocked)\nSigIgn:\t\(ignored)\nSigCgt:\t\(caught)\n".utf8),
            systemCall: Array(systemCall.utf8)
        )
    }

    @Test func whatIsNotHandledKills() {
        for signal in [SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2, SIGALRM] {
            #expect(rule().action(for: signal) == .kill)
        }
        for signal in [SIGWINCH, SIGCONT, SIGCHLD, SIGURG] { #expect(rule().action(for: signal) == .drop) }
    }

    @Test func whatIsHandledOrIgnoredIsSent() {
        // SIGTERM is bit 14.
        #expect(rule(caught: "0000000000004000").action(for: SIGTERM) == .send)
        #expect(rule(ignored: "4000").action(for: SIGTERM) == .send)
        #expect(rule(caught: "4000").action(for: SIGINT) == .kill)
    }

    /// tini and dumb-init wait like this; the kernel shows the signals as not blocked meanwhile.
    @Test(.enabled(if: isX86)) func sigwaitIsWaiting() {
        #expect(rule(systemCall: "128 0x7ffd 0x0 0x7ffd\n").action(for: SIGTERM) == .send)
        #expect(rule(systemCall: "1280 0x0\n").action(for: SIGTERM) == .kill)
        #expect(rule(systemCall: "running\n").action(for: SIGTERM) == .unclear)
        #expect(rule(blocked: "4000", systemCall: "running\n").action(for: SIGTERM) == .blocked)
    }

    private static var isX86: Bool {
        #if arch(x86_64)
        true
        #else
        false
        #endif
    }

    /// dash blocks everything for the moment in which it forks.
    @Test func oneLookIsNotEnough() {
        let unclear = [SignalRule.Action](repeating: .unclear, count: SignalRule.unclearLimit)
        let blocked = [SignalRule.Action](repeating: .blocked, count: SignalRule.lookLimit)
        #expect(SignalRule.verdict([]) == .lookAgain)
        for before in [[], [.blocked], [.blocked, .unclear]] as [[SignalRule.Action]] {
            #expect(SignalRule.verdict(before + [.send]) == .leave)
            #expect(SignalRule.verdict(before + [.drop]) == .leave)
            #expect(SignalRule.verdict(before + [.kill]) == .kill)
        }
        #expect(SignalRule.verdict(blocked.dropLast()) == .lookAgain)
        #expect(SignalRule.verdict(blocked) == .leave)
        #expect(SignalRule.verdict(unclear.dropLast()) == .lookAgain)
        #expect(SignalRule.verdict([.blocked] + unclear) == .kill)
        #expect(SignalRule.verdict([.unclear, .blocked, .unclear, .unclear]) == .lookAgain)
        #expect(SignalRule.verdict(blocked.dropLast() + [.unclear]) == .kill)
        // On a busy machine a process on its way into sigwait(3) can be seen for long.
        let stalled = [SignalRule.Action](repeating: .stalled, count: 20)
        #expect(SignalRule.verdict(unclear.dropLast() + stalled) == .lookAgain)
        #expect(SignalRule.verdict(unclear.dropLast() + stalled + [.unclear]) == .kill)
    }

    @Test func nonsenseIsNoMask() {
        #expect(SignalRule(status: [], systemCall: []).action(for: SIGTERM) == .unclear)
        let nonsense = Array("SigCgt:\nSigCgt: xyz\n:::\n".utf8)
        #expect(SignalRule(status: nonsense, systemCall: nonsense).action(for: SIGTERM) == .unclear)
        #expect(rule().action(for: 0) == .drop)
        #expect(rule().action(for: 65) == .drop)
    }
}

@Suite struct StateDirectoryTests {
    /// No two directories have the same, and each is a cgroup's name.
    @Test func eachHasACgroupOfItsOwn() {
        let standard = StateDirectory.standard
        #expect(StateDirectory.cgroup(ofReal: standard, standard: standard) == "umwelt")
        #expect(StateDirectory.cgroup(ofReal: "/a-b/c", standard: standard) == "umwelt%2fa-b%2fc")
        let paths = ["/", "/a/b", "/a%2fb", "/a\n", "/a%0a", "/\u{e4}", String(repeating: "\n", count: 80), "/run"]
        let names = paths.map { StateDirectory.cgroup(ofReal: $0, standard: standard) }
        #expect(Set(names).count == names.count)
        for name in names {
            #expect(name.utf8.count < 255 && name.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7f && $0 != 0x2f })
        }
    }

    @Test func aLinkToItIsItself() throws {
        let directory = "/tmp/uws\(getpid())"
        try FileTree.makeDirectory(Path(directory))
        defer { try? FileTree.removeAll(Path(directory)) }
        try FileTree.makeDirectory(Path(directory + "/real"))
        symlink("real", directory + "/link")
        #expect(StateDirectory(directory + "/link").cgroup == StateDirectory(directory + "/real").cgroup)
    }
}

@Suite struct RuntimeFailureTests {
    private func runtime(_ name: String) -> Runtime {
        Runtime(program: "/usr/bin/\(name)", state: StateDirectory("/x"))
    }

    @Test func noErrorInTheLogIsTheCommandsOwnStatus() {
        #expect(runtime("runc").failure(log: [], isSaid: false) == nil)
        let log = #"{"level":"warning","msg":"signal: killed","time":"2024-01-01T00:00:00Z"}"# + "\nnot json\n"
        #expect(runtime("runc").failure(log: Array(log.utf8), isSaid: false) == nil)
    }

    @Test func theLastErrorIsTheMessage() {
        let log = """
            {"level":"error","msg":"first","time":"t"}
            {"level":"error","msg":"runc run failed: unable to start container process: error during container init: \
            error mounting \\"/x\\": no space left on device","time":"t"}
            """
        #expect(
            runtime("runc").failure(log: Array(log.utf8), isSaid: false)
                == Failure(code: 1, #"the container does not start: error mounting "/x": no space left on device"#)
        )
    }

    @Test(arguments: ["fork/exec /x: resource temporarily unavailable", "clone: Resource temporarily unavailable"])
    func tooFewProcessesNameTheRemedy(_ message: String) {
        for isSaid in [false, true] {
            #expect(Runtime.failure(message: message, isSaid: isSaid).message?.contains("--pids") == true)
        }
        #expect(Runtime.failure(message: "no space left", isSaid: false).message?.contains("--pids") == false)
    }

    /// The runtime has said it itself: there is no second line of the same.
    @Test func whatTheRuntimeSaidIsNotRepeated() {
        #expect(Runtime.failure(message: "no space left", isSaid: true) == Failure(code: 1, nil))
    }

    @Test func anErrorOfCrunIsALine() {
        let log = "executable file `x` not found in $PATH: No such file or directory\n"
        #expect(runtime("crun").failure(log: Array(log.utf8), isSaid: false)?.code == 127)
    }

    @Test(arguments: [
        (
            #"runc run failed: unable to start container process: exec: "x": executable file not found in $PATH"#,
            Int32(127)
        ),
        (#"unable to start container process: exec: "/x": permission denied"#, 126),
        ("runc run failed: unable to start container process: exec /x: permission denied", 126),
        (
            "container_linux.go:380: starting container process caused: exec: \"x\": stat x: no such file or directory",
            127
        ),
        ("error mounting: permission denied", 1), ("", 1),
    ])
    func codes(_ message: String, _ code: Int32) {
        let failure = Runtime.failure(message: message, isSaid: false)
        #expect(failure.code == code)
        #expect(failure.message?.contains(".go:") == false)
    }
}

@Suite struct CgroupTreeTests {
    private func tree(_ lines: String, unified: Set<String> = []) -> CgroupTree {
        CgroupTree(mounts: MountInfo.parse(Array(lines.utf8).span)) { _ in unified }
    }

    private static let v1 = """
        31 23 0:28 / /sys/fs/cgroup rw - tmpfs tmpfs rw
        32 31 0:29 / /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct
        35 31 0:32 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory
        40 31 0:37 / /sys/fs/cgroup/systemd rw - cgroup cgroup rw,xattr,name=systemd

        """

    @Test func v1() {
        let tree = tree(Self.v1)
        #expect(tree.layout == .v1)
        #expect(tree.directory(of: "cpu") == "/sys/fs/cgroup/cpu,cpuacct")
        #expect(tree.directory(of: "memory") == "/sys/fs/cgroup/memory")
        #expect(tree.directory(of: "pids") == nil)
        #expect(tree.unified == nil)
    }

    @Test func onHybridOnlyV1ControllersCount() {
        let tree = tree(
            Self.v1 + "41 31 0:38 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n",
            unified: ["pids", "memory"]
        )
        #expect(tree.layout == .hybrid)
        #expect(!tree.controllers.contains("pids"))
        #expect(tree.directory(of: "memory") == "/sys/fs/cgroup/memory")
        #expect(tree.unified?.directory == "/sys/fs/cgroup/unified")
    }

    @Test func unified() {
        let tree = tree("30 23 0:26 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw,nsdelegate\n", unified: ["memory", "cpu"])
        #expect(tree.layout == .unified)
        #expect(tree.controllers == ["memory", "cpu"])
        #expect(tree.directory(of: "memory") == "/sys/fs/cgroup")
    }

    @Test func aMountOverTheTreeHidesIt() {
        #expect(tree(Self.v1 + "50 23 0:50 / /sys/fs/cgroup rw - tmpfs tmpfs rw\n").layout == .missing)
        #expect(tree("").layout == .missing)
    }
}

@Suite struct HostViewTests {
    private func status(directory: Bool = true, mount: UInt64) -> HostView.Status {
        HostView.Status(mount: mount, isDirectory: directory, isRegular: !directory)
    }

    @Test func realMountsAreRepeatedPseudoOnesNot() throws {
        let mounts = """
            27 1 254:0 / / rw - ext4 /dev/vda rw
            22 27 0:21 / /proc rw - proc proc rw
            50 27 8:1 / /home/data/deep rw - xfs /dev/sda1 rw
            51 27 8:2 / /home/data rw - xfs /dev/sda2 rw
            52 27 0:9 / /tmp rw - tmpfs t rw
            53 27 0:10 / /run/user/1 rw - tmpfs t rw
            54 27 0:11 / /var/lib/umwelt ro - fuse.umwelt umwelt rw
            55 27 254:0 /var/hosts /etc/hosts rw - ext4 /dev/vda rw
            56 27 0:12 / /mnt/covered rw - tmpfs t rw
            57 27 0:13 / /mnt/with\\040blank rw - tmpfs t rw
            58 27 0:14 / /state/bundles rw - tmpfs t rw
            59 27 0:15 / /hung rw - nfs4 server:/ rw

            """
        var asked: [String] = []
        let (pieces, omitted) = try HostView.pieces(
            of: MountInfo.parse(Array(mounts.utf8).span),
            stateDirectory: "/state"
        ) { path, isServed in
            if isServed { asked.append(path) }
            return switch path {
            case "/home/data/deep": status(mount: 50)
            case "/home/data": status(mount: 51)
            case "/etc/hosts": status(directory: false, mount: 55)
            case "/mnt/covered": status(mount: 99)
            case "/mnt/with blank": status(mount: 57)
            default: nil
            }
        }
        #expect(
            pieces == [
                .init(source: "/", kind: .overlay), .init(source: "/etc/hosts", kind: .file),
                .init(source: "/home/data", kind: .overlay), .init(source: "/home/data/deep", kind: .overlay),
                .init(source: "/mnt/with blank", kind: .overlay),
            ]
        )
        #expect(omitted == 0)
        #expect(asked == ["/hung"])
    }

    @Test func mountsBeyondTheLimitAreCounted() throws {
        let text = (0..<HostView.limit + 7).map { "\(100 + $0) 27 0:\(100 + $0) / /m/\($0) rw - tmpfs t rw\n" }.joined()
        let (pieces, omitted) = try HostView.pieces(of: MountInfo.parse(Array(text.utf8).span), stateDirectory: "/s") {
            _,
            _ in HostView.Status(mount: 0, isDirectory: true, isRegular: false)
        }
        #expect(pieces.count == HostView.limit && omitted == 8)
    }

    /// As /bin is one to /usr/bin, and /var/run to /run.
    @Test func aVolumeBehindALinkIsWhereItLeads() throws {
        let directory = "/tmp/umwelt-links-\(ProcessID.own)"
        try FileTree.makeDirectory(Path(directory))
        try FileTree.makeDirectory(Path(directory + "/real"))
        defer { try? FileTree.removeAll(Path(directory)) }
        symlink("real", directory + "/link")
        symlink("nowhere", directory + "/dangling")
        func place(_ path: String) -> [String] {
            let place = HostView.place(of: directory + path, own: ["/run"])
            return [String(place.path.dropFirst(directory.count)), String(place.known.dropFirst(directory.count))]
        }
        #expect(place("/link/new/er") == ["/real/new/er", "/real"])
        #expect(place("/link") == ["/real", "/real"])
        #expect(place("/dangling") == ["/dangling", ""])
        #expect(
            HostView.place(of: directory + "/link/new").path == directory + "/link/new",
            "below the container's own /tmp"
        )
        #expect(HostView.place(of: "/not-there/x").path == "/not-there/x")
    }

    @Test func aSocketMountedByItselfIsLeftOut() throws {
        let mounts = Array("60 27 0:1 / /opt/docker.sock rw - tmpfs t rw\n".utf8)
        let (pieces, _) = try HostView.pieces(of: MountInfo.parse(mounts.span), stateDirectory: "/s") { _, _ in
            HostView.Status(mount: 60, isDirectory: false, isRegular: false)
        }
        #expect(pieces == [.init(source: "/", kind: .overlay)])
    }
}

@Suite struct ExecutableFormatTests {
    @Test func scripts() {
        #expect(ExecutableFormat(head: Array("#!/bin/sh -e\nx".utf8)) == .script(interpreter: "/bin/sh"))
        #expect(ExecutableFormat(head: Array("#!  /usr/bin/env python\n".utf8)) == .script(interpreter: "/usr/bin/env"))
        #expect(ExecutableFormat(head: Array("#!\n".utf8)) == .unknown)
        #expect(ExecutableFormat(head: Array("echo\n".utf8)) == .unknown)
        #expect(ExecutableFormat(head: []) == .unknown)
    }

    @Test func anyBytesAfterTheMagicAreRead() {
        var generator = SystemRandomNumberGenerator()
        for _ in 0..<2000 {
            var head: [UInt8] = [0x7f, 0x45, 0x4c, 0x46, 2, 1]
            head += (0..<Int.random(in: 0..<300, using: &generator)).map { _ in
                [0, 1, 3, 0x38, 0x7f, 0xff].randomElement(using: &generator) ?? 0
            }
            _ = ExecutableFormat(head: head)
        }
    }

    @Test func theLoaderOfAnElfFile() {
        var head = [UInt8](repeating: 0, count: 200)
        head.replaceSubrange(0..<6, with: [0x7f, 0x45, 0x4c, 0x46, 2, 1])
        head[16] = 3  // e_type: ET_DYN
        #if arch(x86_64)
        head[18] = 62  // e_machine
        #else
        head[18] = 183
        #endif
        // No segment: nothing to run.
        #expect(ExecutableFormat(head: head) == .unknown)
        head[32] = 64  // e_phoff
        head[54] = 56  // e_phentsize
        head[56] = 1  // e_phnum
        #expect(ExecutableFormat(head: head) == .elf(loader: nil))
        head[64] = 3  // PT_INTERP
        head[72] = 150  // p_offset
        head[96] = 7  // p_filesz
        head.replaceSubrange(150..<157, with: Array("/ld.so\0".utf8))
        #expect(ExecutableFormat(head: head) == .elf(loader: "/ld.so"))
        head[96] = 200
        #expect(ExecutableFormat(head: head) == .elf(loader: nil))
        head[18] = 243
        #expect(ExecutableFormat(head: head) == .foreign)
        #expect(ExecutableFormat(head: Array(head.prefix(40))) == .unknown)
        // 32 bits: the kernel may run it.
        head[4] = 1
        #expect(ExecutableFormat(head: head) == .elf(loader: nil))
    }
}
