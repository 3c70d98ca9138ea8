// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

import Glibc
import KeyDNS
import Kernel
import Resolver
import Testing
import Upcall

@testable import umwelt

@Suite struct RequestKeyRulesTests {
    private func rules(_ files: (String, String)...) -> RequestKeyRules {
        var rules = RequestKeyRules()
        for (name, text) in files { rules.add(Array(text.utf8), file: name) }
        return rules
    }

    /// The stock line and ours are equally wild: the directory is read first.
    @Test func ofEqualsTheFirstWins() {
        let rules = rules(
            ("d/a.conf", "# remark\n\ncreate dns_resolver * * /ours %k\n"),
            ("main", "create\tdns_resolver *\t* /stock %k\nnegate * * * /bin/keyctl negate %k 30 %S\n")
        )
        #expect(rules.winner("x.cluster.local")?.command == "/ours %k")
        #expect(rules.winner("x.cluster.local")?.line == 3)
        #expect(rules.winner(type: "user", "x") == nil)
        #expect(rules.winner(operation: "negate", "x")?.file == "main")
        #expect(rules.problems.isEmpty)
    }

    @Test func theLeastWildWins() {
        let rules = rules(
            ("a", "create dns_resolver * * /all %k\n"),
            ("b", "create dns_resolver *.cluster.local * /zone %k\n"),
            ("c", "create * x.cluster.local * /name %k\n")
        )
        #expect(
            rules.winner("x.cluster.local")?.command == "/zone %k",
            "the type's column comes before the description's"
        )
        // What a suffix misses.
        #expect(rules.winner("X.CLUSTER.LOCAL")?.command == "/all %k")
        #expect(rules.winner("x.cluster.local.")?.command == "/all %k")
    }

    @Test func wildnessIsWhatTheAsteriskStandsFor() {
        #expect(RequestKeyRules.wildness(of: "*", matching: "abc") == 3)
        #expect(RequestKeyRules.wildness(of: "a*c", matching: "abc") == 1)
        #expect(RequestKeyRules.wildness(of: "abc*", matching: "abc") == 0)
        #expect(RequestKeyRules.wildness(of: "ab*bc", matching: "abc") == nil)
        #expect(RequestKeyRules.wildness(of: "abc", matching: "abcd") == nil)
        #expect(RequestKeyRules.wildness(of: "*", matching: "") == 0)
    }

    /// As request-key 1.6.3 reads them.
    @Test func whatBreaksEveryRequestIsSaid() {
        for text in [
            "create dns_resolver only\n", "create user\n", "foo\n", "#\(String(repeating: "x", count: 4095))\n",
        ] {
            #expect(rules(("x.conf", text)).problems.first?.hasPrefix("x.conf:1:") == true, "\(text.prefix(40))")
        }
        for text in [
            "foo bar\n", "negate user\n", "create user only\n", "create user a*b* * /p %k\n", " create\n", "\r\n",
        ] {
            #expect(rules(("x.conf", text)).problems.isEmpty, "\(text)")
        }
        #expect(rules(("x.conf", " create dns_resolver x.y * /other %k\n")).winner("x.y") == nil, "a remark")
        #expect(rules(("x.conf", "create dns_resolver a*b* * /p %k\n")).winner("axb*")?.command == "/p %k")
        #expect(rules(("x.conf", "create dns_resolver * * /p %k")).problems.first?.contains("newline") == true)
        for text in ["create user * * /p %k", "# a remark"] {
            #expect(rules(("x.conf", text)).problems.isEmpty, "\(text)")
        }
    }
}

@Suite struct KernelKeysTests {
    @Test func readsTheKernelsLines() {
        let text = """
            0bd1c0d6 I------     1 perm 1f030000     0     0 keyring   .dns_resolver: 2
            2a61eafc I--Q---     2   4s 3b010000     0     0 dns_resol smb.default.svc.cluster.local: 8
            2a61eafd IN-Q---     1  57s 3b010000     0     0 dns_resol gone.cluster.local
            2a61eafe --U-Q--     1 perm 3b010000     0     0 dns_resol afsdb:cell.cluster.local
            3a61eafe I--Q---     1 perm 3b010000     0     0 user      some: 3
            nonsense
            """
        let keys = KernelKeys(parsing: Array(text.utf8))
        #expect(keys.caches == [0x0bd1_c0d6])
        #expect(
            keys.entries.map(\.description) == [
                "smb.default.svc.cluster.local", "gone.cluster.local", "afsdb:cell.cluster.local",
            ]
        )
        #expect(keys.entries.map(\.length) == [8, nil, nil])
        #expect(keys.entries.map(\.timeLeft) == ["4s", "57s", "perm"])
        #expect(keys.entries.map(\.isUnderConstruction) == [false, false, true])
        #expect(KernelKeys(parsing: []).caches.isEmpty)
    }

    /// The kernel's ring stands behind all that users have: however many keys that are, it is found.
    @Test func thereMayBeMoreKeysThanFitIntoAMegabyte() throws {
        let path = Path("/tmp/umwelt-keys-\(ProcessID.own)")
        defer { try? Directories.unlink(path) }
        var text = ""
        for serial in 1...20_000 {
            let number = String(serial, radix: 16)
            text += "\(number) I--Q---     1 perm 3f010000     0     0 user      some:\(serial): 32 bytes\n"
        }
        text += "3ccc203d I------     1 perm 1f030000     0     0 keyring   .dns_resolver: empty\n"
        try FileTree.write(Array(text.utf8), to: path)
        #expect(text.utf8.count > 1 << 20)
        #expect(try KernelKeys.read(path) { _ in true }.caches == [0x3ccc_203d])
    }

    /// Any user can have keys whose descriptions have such lines in them.
    @Test func thereMayBeManyWhoSayThatTheyAreTheKernels() throws {
        let path = Path("/tmp/umwelt-keys-said-\(ProcessID.own)")
        defer { try? Directories.unlink(path) }
        let lines = (1...3000).map { "\(String($0, radix: 16)) I 1 perm 1f030000 0 0 keyring .dns_resolver: empty\n" }
        try FileTree.write(Array(lines.joined().utf8), to: path)
        #expect(try KernelKeys.read(path) { $0 == 2999 }.caches == [2999])
    }

    /// Any user can have a key with a newline in its description, and so a line of his own.
    @Test func aLineOfAUsersOwnIsNotTheKernels() {
        let text = """
            00000001 I--Q---     1 perm 3f3f3f3f  1000  1000 user      1x
            00000001 I--Q---     1 perm 1f030000     0     0 keyring   .dns_resolver: empty: 1
            ffffffff I------     1 perm 3b010000     0     0 dns_resol \u{1b}[31mproblem: 9
            """
        let keys = KernelKeys(parsing: Array(text.utf8))
        #expect(keys.caches == [1] && keys.cache == nil, "the kernel knows of no such keyring")
        var report = StatusReport()
        report.addKeys(KernelKeys(parsing: Array(text.utf8)))
        #expect(report.text.contains("?[31mproblem: 9 bytes"), "\(report.text)")
    }
}

/// The files of a node, below a directory of the test's own.
@Suite struct KeyDNSNodeTests {
    private final class Lab {
        let root = "/tmp/umwkt\(getpid())-\(UInt32.random(in: 0...(.max)))"
        var node: KeyDNSNode { KeyDNSNode(root: root) }

        init(_ files: [String: String] = [:]) throws {
            try Directories.make(Path(root))
            for (path, text) in files {
                let path = Path(root + path)
                try Directories.make(path.prefixes.dropLast().last ?? "/")
                try FileTree.write(Array(text.utf8), to: path)
            }
        }

        deinit { try? FileTree.removeAll(Path(root)) }

        func text(_ path: String) -> String? {
            (try? Fd.contents(of: Path(root + path), limit: 65536)).map { String(decoding: $0, as: UTF8.self) }
        }

        /// Every file and directory, with content.
        func tree(_ path: String = "") -> [String] {
            let entries = (try? Fd.open(Path(root + path), .directory).entries(limit: 1000)) ?? []
            return entries.flatMap { entry -> [String] in
                let child = path + "/" + String(decoding: entry.name, as: UTF8.self)
                return [child + (text(child).map { "=" + $0 } ?? "")] + (entry.type == 4 ? tree(child) : [])
            }.sorted()
        }
    }

    @Test func theRuleIsARegularFileThatEndsInANewline() throws {
        let lab = try Lab(["/etc/request-key.d/other.conf": "create user x * /p %k\n"])
        #expect(try lab.node.writeRule(helper: "/usr/sbin/umwelt-keydns"))
        let rule = try #require(lab.text("/etc/request-key.d/umwelt-keydns.conf"))
        #expect(rule.hasSuffix("create dns_resolver * * /usr/sbin/umwelt-keydns %k\n"))
        #expect(lab.node.rules().winner("x.y")?.command == "/usr/sbin/umwelt-keydns %k")
        #expect(lab.node.rules().problems.isEmpty)
        // Again: nothing changes, and nothing else is there.
        let before = lab.tree()
        #expect(try !lab.node.writeRule(helper: "/usr/sbin/umwelt-keydns"))
        #expect(lab.tree() == before)
        #expect(throws: Failure.self) { try lab.node.writeRule(helper: "/a b") }
    }

    @Test func uninstallingLeavesNoTrace() throws {
        for files in [[:], ["/etc/request-key.d/other.conf": "create user x * /p %k\n"], ["/etc/hosts": "x"]] {
            let lab = try Lab(files)
            try Directories.make(Path(lab.root + "/etc"))
            for name in ["/var/lib", "/run/umwelt"] { try Directories.make(Path(lab.root + name)) }
            let before = lab.tree()
            _ = try lab.node.writeRule(helper: "/x")
            // What programs that were killed have left.
            try Directories.make(Path(lab.root + "/run/umwelt"))
            for path in ["/run/umwelt/keydns.cache.77.new", "/etc/request-key.d/umwelt-keydns.conf.78.new"] {
                try FileTree.write([1], to: Path(lab.root + path))
            }
            var policy = Policy()
            policy.zones[0].domain = DNSName("cluster.local")
            policy.zones[0].servers = [Server(.v4(1))]
            policy.zones[0].strategy = .namespace
            #expect(try lab.node.write(flat: policy))
            #expect(try !lab.node.write(flat: policy), "the same again")
            #expect(
                lab.text("/var/lib/umwelt-keydns/resolv.conf.cluster.local")?.hasPrefix("nameserver 0.0.0.1\n") == true
            )
            #expect(lab.tree() != before)
            try lab.node.removeAll(caches: [Path(lab.root + "/run/umwelt/keydns.cache")])
            #expect(lab.tree() == before)
        }
    }

    /// As much as can be is taken away, and what is nobody's cache stays.
    @Test func uninstallingGoesOnAfterAFailure() throws {
        let lab = try Lab(["/mine/keydns.cache/x": "1", "/mine/other": "2"])
        _ = try lab.node.writeRule(helper: "/x")
        try lab.node.removeAll(caches: [Path(lab.root + "/mine/keydns.cache")])
        #expect(lab.text("/mine/keydns.cache/x") == "1" && lab.text("/mine/other") == "2")
        #expect(lab.text("/etc/request-key.d/umwelt-keydns.conf") == nil)
    }

    /// What helpers could not read is not written.
    @Test func aPolicyThatIsTooLongIsRefused() throws {
        let lab = try Lab()
        var policy = Policy()
        policy.zones[0].domain = DNSName("cluster.local")
        policy.zones[0].servers = [Server(.v4(1))]
        let search = (0..<Zone.maximumNames).compactMap {
            DNSName("\(String(repeating: "long-", count: 12))\($0).example.org")
        }
        for number in 0..<60 {
            var zone = Zone(domain: DNSName("zone\(number).example.org"), servers: [Server(.v4(1))])
            zone.search = search
            policy.zones.append(zone)
        }
        #expect(policy.rendered().count > Policy.maximumLength)
        #expect(throws: Failure.self) { try lab.node.write(flat: policy) }
        #expect(lab.text("/var/lib/umwelt-keydns/keydns.flat") == nil)
    }

    @Test func aPolicyThatIsNoFileIsRefused() throws {
        let lab = try Lab(["/x": ""])
        #expect(mkfifo("\(lab.root)/pipe", 0o600) == 0)
        #expect(throws: Failure.self) { try lab.node.policy(at: Path(lab.root + "/pipe")) }
    }

    @Test func seLinuxIsSaidWhereItEnforces() throws {
        for (text, expected) in [("1", true), ("0", false), (nil, false)] as [(String?, Bool)] {
            let lab = try Lab(text.map { ["/sys/fs/selinux/enforce": $0] } ?? [:])
            #expect(lab.node.enforcesSELinux == expected)
        }
        #expect(KeyDNSNode.seLinuxAdvice(helper: "/opt/x").joined().contains("'/opt/x'"))
    }

    @Test func aRuleThatIsALinkIsNoRule() throws {
        let lab = try Lab([
            "/etc/request-key.d/a.conf": "create dns_resolver * * /a %k\n", "/b": "create dns_resolver x * /b %k\n",
        ])
        #expect(symlink("\(lab.root)/b", "\(lab.root)/etc/request-key.d/b.conf") == 0)
        #expect(lab.node.rules().winner("x")?.command == "/a %k")
    }

    @Test func errorsOfAPolicyNameFileAndLine() throws {
        let lab = try Lab(["/etc/umwelt/keydns.conf": "deadline = 3s\ncolour = red\n"])
        do {
            _ = try lab.node.policy()
            Issue.record("no error")
        } catch {
            #expect(error.message?.hasPrefix("\(lab.root)/etc/umwelt/keydns.conf:2: unknown setting 'colour'") == true)
            #expect(error.code == 1)
        }
    }

    /// A program in the place of umwelt-kubelet.
    private func kubelet(_ lab: Lab, _ lines: String) throws -> String {
        let path = lab.root + "/kubelet"
        try FileTree.write(Array("#!/bin/sh\nprintf '%s' '\(lines)'\n".utf8), to: Path(path), mode: 0o755)
        // What other tests start at this moment may have inherited the descriptor until it executes, and nobody executes a
        // file that is open for writing (ETXTBSY): a lease to read is given once nobody has it open so.
        let file = try Fd.open(Path(path))
        let setLease: Int32 = 1024
        for _ in 0..<5000 where fcntl(file.raw, setLease, F_RDLCK) != 0 { usleep(2000) }
        return path
    }

    @Test func theKubeletsValuesFillWhatIsOpen() throws {
        let lab = try Lab(["/var/lib/kubelet/config.yaml": "x"])
        let reader = try kubelet(
            lab,
            "domain k8s.example\ndomain-origin a\nserver 10.96.0.10\nserver nonsense\nserver fd00::a\nserver-origin clusterDNS of f\nfile /var/lib/kubelet/config.yaml\n"
        )
        let refresh = KeyDNSRefresh(node: lab.node, kubeletReader: reader)
        var notes: [String] = []
        let flat = try refresh.flattened(try lab.node.policy(), seed: 4, &notes)
        #expect(flat.zones[0].domain == DNSName("k8s.example"))
        #expect(flat.zones[0].servers?.map(\.description) == ["10.96.0.10", "fd00::a"])
        #expect(flat.zones[0].origin == "clusterDNS of f" && notes.count == 1)
        #expect(try lab.node.write(flat: flat))
        let read = try #require(try lab.node.flat())
        // `status` compares what the sources are now with what they were.
        for source in read.sources { #expect(lab.node.digest(of: lab.node.path(source.path)) >> 1 == source.digest) }
        try FileTree.write(Array("y".utf8), to: Path(lab.root + "/var/lib/kubelet/config.yaml"))
        let changed = read.sources.last.map { lab.node.digest(of: lab.node.path($0.path)) >> 1 != $0.digest }
        #expect(changed == true)
    }

    /// What helpers could not read: a zone that turns out to be the cluster's.
    @Test func theClustersZoneStandsOnce() throws {
        let lab = try Lab(["/etc/umwelt/keydns.conf": "[zone cluster.local]\nservers = 127.0.0.9\n"])
        let reader = try kubelet(lab, "domain cluster.local\ndomain-origin d\nserver 10.96.0.10\nserver-origin s\n")
        let refresh = KeyDNSRefresh(node: lab.node, kubeletReader: reader)
        var notes: [String] = []
        do {
            _ = try refresh.flattened(try lab.node.policy(), seed: 2, &notes)
            Issue.record("no error")
        } catch { #expect("\(error)".contains("write its settings below [cluster]"), "\(error)") }
        var policy = try lab.node.policy()
        (policy.zones[0].domain, policy.zones[0].servers) = (DNSName("cluster.local"), [Server(.v4(1))])
        #expect(throws: Failure.self) { try lab.node.write(flat: policy) }
        #expect(lab.text("/var/lib/umwelt-keydns/keydns.flat") == nil)
    }

    /// Not only files that were read: one that was added says so too, and a flag.
    @Test func statusAsksTheKubeletAgain() throws {
        let lab = try Lab()
        let refresh = KeyDNSRefresh(
            node: lab.node,
            kubeletReader: try kubelet(lab, "domain a.b\ndomain-origin d\nserver 10.96.0.10\nserver-origin s\n")
        )
        var notes: [String] = []
        _ = try lab.node.write(flat: try refresh.flattened(try lab.node.policy(), seed: 4, &notes))
        let flat = try #require(try lab.node.flat())
        func problems() -> String? {
            var report = StatusReport()
            report.addPolicy(lab.node, flat, refresh)
            return report.hasProblem ? report.text : nil
        }
        #expect(problems() == nil)
        _ = try kubelet(lab, "domain a.b\ndomain-origin d\nserver 10.96.0.11\nserver-origin s\n")
        #expect(problems()?.contains("run 'umwelt keydns refresh'") == true)
        _ = try kubelet(lab, "domain a.b\n")
        #expect(problems()?.contains("no clusterDNS found") == true)
    }

    /// One that cannot be read is no reason to take the cluster away, or to take another file's word.
    @Test(arguments: ["problem c.yaml: line 1\n", "domain a.b\nserver 10.96.0.10\nproblem d/10.conf: line 1\n", ""])
    func whatCannotBeReadChangesNothing(said: String) throws {
        let lab = try Lab(["/etc/umwelt/keydns.conf": "[zone corp.example]\nservers = 127.0.0.9\n"])
        let refresh = KeyDNSRefresh(node: lab.node, kubeletReader: try kubelet(lab, said))
        var notes: [String] = []
        #expect(throws: Failure.self) { try refresh.flattened(try lab.node.policy(), seed: 2, &notes) }
        #expect(notes.contains { $0.contains("line 1") } == said.contains("problem"))
        // Unless the policy says that there is none.
        var policy = try Policy(parsing: Array("[cluster]\nservers = none\n[zone corp.example]\nservers = ::1\n".utf8))
        let flat = try refresh.flattened(policy, seed: 2, &notes)
        #expect(try Policy(parsing: flat.rendered(), isFlat: true).zones.map(\.domain) == [DNSName("corp.example")])
        // Servers by hand: the kubelet did not say them.
        policy.zones[0] = Policy.cluster
        policy.zones[0].servers = [Server(.v4(1))]
        let half = KeyDNSRefresh(node: lab.node, kubeletReader: try kubelet(lab, "domain a.b\ndomain-origin k\n"))
        let zone = try half.flattened(policy, seed: 2, &notes).zones[0]
        #expect(zone.domain == DNSName("a.b") && zone.origin == "\(lab.node.policyFile)")
    }

    /// A further zone may be somebody else's.
    @Test func theRuleOfEachZoneIsLookedFor() throws {
        let rule = "create dns_resolver * * /bin/true %k\n"
        let lab = try Lab(["/etc/request-key.d/umwelt-keydns.conf": rule])
        let flat = try Policy(parsing: Array("[cluster]\ndomain = a.b\n[zone c.d]\nservers = 1.1.1.1\n".utf8))
        #expect(KeyDNSNode.examples(flat) == ["x.default.svc.a.b", "x.default.svc.c.d"])
        var report = StatusReport()
        report.addRules(lab.node, for: KeyDNSNode.examples(flat))
        #expect(!report.hasProblem && report.text.split(separator: "\n").count == 1, "\(report.text)")
        let other = Array("create dns_resolver *.c.d * /bin/false %k\n".utf8)
        try FileTree.write(other, to: Path(lab.root + "/etc/request-key.d/other.conf"))
        report = StatusReport()
        report.addRules(lab.node, for: KeyDNSNode.examples(flat))
        #expect(report.hasProblem && report.text.contains("other.conf:1: /bin/false %k (for x.default.svc.c.d)"))
    }

    /// install, refresh and uninstall come one after the other, by what root alone can lock, and leave no file for it.
    @Test(.enabled(if: getuid() == 0, "needs root")) func whoWritesHasTheLock() throws {
        let turn = try KeyDNSCommand.takeTurn("install")
        let file = try Fd.open(KeyDNSTurn.path, .readWriteGuarded)
        #expect(try file.status().mode & 0o777 == 0o600)
        var error: Errno?
        do throws(Errno) { try file.tryLockByte(at: 0) } catch let busy { error = busy }
        #expect(error == .again)
        turn.end()
        #expect(!FileTree.isThere(KeyDNSTurn.path))
    }

    /// What a killed program, or another policy, has left.
    @Test func theCachesOfAllPoliciesGo() throws {
        let lab = try Lab(["/a/keydns.cache": "1", "/b/keydns.cache": "2", "/b/keydns.cache.7.new": "3"])
        try lab.node.removeAll(caches: ["/a", "/b"].map { Path(lab.root + $0 + "/keydns.cache") })
        #expect(lab.tree("/a") == [] && lab.tree("/b") == [])
    }

    @Test func withoutAKubeletTheRemedyIsSaid() throws {
        let lab = try Lab()
        let none = KeyDNSRefresh(node: lab.node, kubeletReader: nil)
        var notes: [String] = []
        #expect(throws: Failure.self) { try none.flattened(Policy(), seed: 2, &notes) }
        let silent = KeyDNSRefresh(node: lab.node, kubeletReader: try kubelet(lab, ""))
        do {
            _ = try silent.flattened(Policy(), seed: 2, &notes)
            Issue.record("no error")
        } catch { #expect("\(error)".contains("no kubelet runs here") && "\(error)".contains("[cluster]")) }
        // One that runs, and was told what nobody can use.
        let odd = KeyDNSRefresh(
            node: lab.node,
            kubeletReader: try kubelet(
                lab,
                "process 812\ndomain a.b\nserver foo\nproblem c.yaml: clusterDNS is a string\n"
            )
        )
        do {
            _ = try odd.flattened(Policy(), seed: 2, &notes)
            Issue.record("no error")
        } catch {
            #expect("\(error)".contains("process 812") && !"\(error)".contains("no kubelet"), "\(error)")
            #expect(notes.contains("c.yaml: clusterDNS is a string") && notes.contains { $0.contains("foo") })
        }
        // By hand it needs nobody.
        var policy = Policy()
        policy.zones[0].domain = DNSName("cluster.local")
        policy.zones[0].servers = [Server(.v4(1))]
        #expect(try none.flattened(policy, seed: 2, &notes).zones[0].servers?.count == 1)
    }
}

@Suite struct StockRehearsalTests {
    /// As key.dns_resolver of keyutils 1.6.3 says it.
    @Test func whatTheStockHelperSays() {
        func answer(_ lines: String...) -> KeyAnswer { StockRehearsal.answer(in: lines) }
        func rejected(_ errno: Int32, _ reason: String) -> KeyAnswer { .rejected(Rejection(errno, reason)) }
        let data = "I: The key instantiation data is '10.0.0.1,10.0.0.2'"
        #expect(
            answer("I: Callout info: 'list'", data, "I: The expiry time is 5s")
                == .payload(Array("10.0.0.1,10.0.0.2\0".utf8), seconds: 2, .stock)
        )
        let unknown = "NS:x.test: No address associated with name."
        #expect(
            answer("I: unable to resolve", unknown, "I: Reject the key with error 61")
                == rejected(Rejection.EINTR, unknown)
        )
        let type = "Error: Query type: \"foo\" is not supported"
        #expect(answer("I: Query type: 'foo'", type) == rejected(Rejection.ENOKEY, type))
        let other = "umwelt: /x in a mount namespace: No such device"
        #expect(answer(other) == rejected(Rejection.EINTR, other))
        #expect(answer("I: The key instantiation data is ''") != answer(data))
        if case .payload = answer() { Issue.record("silence is no answer") }
    }
}
