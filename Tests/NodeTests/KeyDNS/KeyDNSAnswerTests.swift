// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

import Glibc
import KeyDNS
import Kernel
import Resolver
import Testing

extension KeyDNSSuite {
    /// What comes out for names and words, beside what the stock helper says of the same names.
    @Suite struct AnswerTests {
        private static let records = """
            host-record=smb.default.svc.cluster.test,10.0.0.1
            host-record=v6.default.svc.cluster.test,fd00::6
            host-record=both.default.svc.cluster.test,10.0.0.2,fd00::2
            host-record=smb.default.svc.stock.test,10.0.0.1
            host-record=both.default.svc.stock.test,10.0.0.2,fd00::2
            cname=alias.default.svc.cluster.test,smb.default.svc.cluster.test
            srv-host=_afs3-vlserver._udp.cell.cluster.test,both.default.svc.cluster.test,7003,1,2
            """

        /// Two zones with the same servers: one is ours, one the stock helper's in its namespace.
        private func lab(_ settings: String = "") throws -> KeyDNSLab {
            let lab = try KeyDNSLab()
            try lab.startDNSMasq(Self.records)
            try lab.configure(settings, zones: lab.cluster() + lab.stock)
            try lab.writeResolvConf(of: "stock.test")
            try lab.install()
            return lab
        }

        @Test func oneAddressForTheKernelsOwnClients() throws {
            let lab = try lab()
            #expect(try lab.request("smb.default.svc.cluster.test") == .text("10.0.0.1"))
            #expect(try lab.request("SMB.Default.svc.CLUSTER.test.") == .text("10.0.0.1"))
            #expect(try lab.request("smb.default.svc") == .text("10.0.0.1"))
            #expect(try lab.request("both.default.svc.cluster.test") == .text("10.0.0.2"))
            #expect(try lab.request("alias.default.svc.cluster.test") == .text("10.0.0.1"))
            // The stock helper has no answer here: it asks for IPv4 alone.
            #expect(try lab.request("v6.default.svc.cluster.test") == .text("fd00::6"))
            #expect(lab.counter(.upcalls) == 6)
        }

        /// The same words give the same payload as with the stock helper.
        @Test(arguments: ["", "ipv4", "ipv6", "list", "ipv4 list"])
        func wordsMeanWhatTheyMeanToTheStockHelper(callout: String) throws {
            let lab = try lab()
            let stock = try lab.request("both.default.svc.stock.test", callout: callout)
            let ours = try lab.request("both.default.svc.cluster.test", callout: callout)
            func parts(_ answer: KeyDNSLab.Answer) -> Set<String> {
                Set(answer.description.split(separator: ",").map(String.init))
            }
            #expect(parts(ours) == parts(stock), "ours \(ours), stock \(stock)")
            #expect(lab.counter(.namespaceRuns) == 1)
        }

        @Test func serversOfACell() throws {
            let lab = try lab("ttl-cap = 600s")
            let list = try lab.request("afsdb:cell.cluster.test", callout: "srv=1")
            // dnsmasq puts one family first or the other.
            let addresses = ["10.0.0.2", "fd00::2"].compactMap { IPAddress($0) }
            let expected = try [addresses, addresses.reversed()].map { order in
                let server = CellServer(
                    name: try #require(DNSName("both.default.svc.cluster.test")),
                    priority: 1,
                    weight: 2,
                    port: 7003,
                    addresses: order
                )
                return KeyDNSLab.Answer.payload(try #require(Payload.servers([server], source: .srv)))
            }
            #expect(expected.contains(list))
            // Nobody is asked again while the TTL lasts, and the answer is the same to the byte.
            let asked = lab.counter(.questions)
            for _ in 0..<5 { #expect(try lab.request("AFSDB:Cell.cluster.test.", callout: "srv=1") == list) }
            #expect(lab.counter(.questions) == asked && lab.counter(.fromCache) == 5)
            #expect(lab.queries("_afs3-vlserver._udp.cell.cluster.test") == 1)
            // Other words make another answer.
            let text = try lab.request("afsdb:cell.cluster.test").description
            #expect(Set(text.split(separator: ",")) == ["10.0.0.2", "fd00::2"])
            #expect(lab.counter(.questions) > asked)
        }

        /// unbound names an alias without its target, dnsmasq gives both at once; else they must agree.
        @Test(.enabled(if: FileTree.isExecutable("/usr/sbin/unbound"), "needs unbound (package unbound)"))
        func unboundAnswersLikeDNSMasq() throws {
            let lab = try KeyDNSLab()
            try lab.startUnbound(
                [
                    "smb.default.svc.cluster.test. 30 IN A 10.0.0.1",
                    "v6.default.svc.cluster.test. 30 IN AAAA fd00::6",
                    "both.default.svc.cluster.test. 30 IN A 10.0.0.2",
                    "both.default.svc.cluster.test. 30 IN AAAA fd00::2",
                    "alias.default.svc.cluster.test. 30 IN CNAME smb.default.svc.cluster.test.",
                    "text.default.svc.cluster.test. 30 IN TXT x",
                    "_afs3-vlserver._udp.cell.cluster.test. 30 IN SRV 1 2 7003 smb.default.svc.cluster.test.",
                ] + (1...100).map { "big.cluster.test. 30 IN A 10.0.2.\($0)" }
            )
            try lab.configure(zones: lab.cluster())
            try lab.install()
            #expect(try lab.request("smb.default.svc.cluster.test") == .text("10.0.0.1"))
            #expect(try lab.request("SMB.Default.svc.CLUSTER.test.") == .text("10.0.0.1"))
            #expect(try lab.request("smb.default.svc") == .text("10.0.0.1"))
            #expect(lab.queries("smb.default.svc.cluster.test") == 1, "the others are of the cache")
            #expect(try lab.request("v6.default.svc.cluster.test") == .text("fd00::6"))
            #expect(try lab.request("both.default.svc.cluster.test") == .text("10.0.0.2"))
            #expect(try lab.request("both.default.svc.cluster.test", callout: "ipv6") == .text("fd00::2"))
            #expect(try lab.request("alias.default.svc.cluster.test") == .text("10.0.0.1"))
            #expect(try lab.request("none.default.svc.cluster.test") == .error(ENODATA))
            #expect(lab.counter(.noName) == 1)
            #expect(try lab.request("text.default.svc.cluster.test") == .error(ENODATA))
            #expect(lab.counter(.noData) == 1)
            let server = CellServer(
                name: try #require(DNSName("smb.default.svc.cluster.test")),
                priority: 1,
                weight: 2,
                port: 7003,
                addresses: [.v4(0x0a00_0001)]
            )
            let list = try lab.request("afsdb:cell.cluster.test", callout: "srv=1")
            #expect(list == .payload(try #require(Payload.servers([server], source: .srv))))
            // More than EDNS0's 1232 bytes: unbound cuts it, and the rest comes over TCP.
            let big = try lab.request("big.cluster.test", callout: "list").description
            #expect(big.split(separator: ",").count == 100)
        }

        // MARK: The stock helper in its namespace

        /// It is not run again while its answer holds; then it is, and the pod may be another.
        @Test func theStockHelperIsNotRunForWhatIsKnown() throws {
            let lab = try KeyDNSLab()
            try lab.startDNSMasq(hosts: "10.0.0.1 pod.stock.test\n", ttl: 1)
            try lab.configure("ttl-floor = 2s\nttl-cap = 2s", zones: lab.stock)
            try lab.writeResolvConf(of: "stock.test")
            try lab.install()
            let start = Clock.boot
            var upcalls: UInt64 = 0
            while Clock.boot - start < 1_000_000_000 || upcalls < 4 {
                #expect(try lab.request("Pod.stock.test") == .text("10.0.0.1"))
                upcalls += 1
            }
            #expect(lab.counter(.upcalls) == upcalls)
            let runs = 1 + (Clock.boot - start) / 2_000_000_000
            #expect(lab.counter(.namespaceRuns) <= runs && lab.queries("Pod.stock.test") <= Int(runs))
            #expect(lab.counter(.fromCache) == upcalls - lab.counter(.namespaceRuns))
            try lab.setHosts("10.0.0.2 pod.stock.test\n")
            usleep(2_100_000)
            #expect(try lab.request("pod.stock.test") == .text("10.0.0.2"))
        }

        /// The rate is by name here too.
        @Test func theRateLimitHoldsForTheStockHelper() throws {
            let lab = try KeyDNSLab()
            try lab.startDNSMasq()
            try lab.configure("rate-limit = 1", zones: lab.stock)
            try lab.writeResolvConf(of: "stock.test")
            try lab.install()
            let start = Clock.boot
            let answers = try KeyDNSLab.request("none.stock.test", count: 20)
            let seconds = (Clock.boot - start) / 1_000_000_000
            // The stock helper's errno for every failure is EINTR: h_errno's NO_DATA.
            #expect(answers.allSatisfy { $0 == .error(EINTR) || $0 == .error(EAGAIN) }, "\(answers)")
            #expect(answers.first == .error(EINTR))
            let runs = lab.counter(.namespaceRuns)
            #expect(runs >= 1 && runs <= seconds + 2)
            #expect(lab.counter(.rateLimited) == 20 - runs)
        }

        /// The stock helper's rejection is for 60 s, which is kept against a process with nothing but a session's keyring.
        @Test func aRejectionOfTheStockHelperIsShortened() throws {
            let lab = try lab()
            let shell = try LabShell()
            defer { shell.end() }
            let ask = "keyctl request2 dns_resolver none.stock.test '' @s"
            let output = try shell.run("keyctl session - sh -c \"\(ask); sleep 1.7; \(ask)\"", seconds: 60)
            #expect(
                output.text.split(separator: "\n").filter { $0.hasPrefix("request_key:") }.count == 2,
                "\(output.text)"
            )
            #expect(lab.counter(.upcalls) == 2 && lab.counter(.namespaceRuns) == 2)
        }

        /// A cell of the old kind: AFSDB records alone, of which subtype 1 is a data base server.
        @Test func serversOfAnOldCell() throws {
            let lab = try KeyDNSLab()
            let server = try lab.server { query in
                guard var message = try? Message(parsing: query), let question = message.questions.first else {
                    return []
                }
                let host = DNSName("db.cluster.test") ?? .root
                message.flags = 0x8180
                message.additionals = []
                switch question.type {
                case .afsdb:
                    message.answers = [1, 2].map {
                        Record(name: question.name, type: .afsdb, ttl: 3, data: .cell(subtype: $0, host: host))
                    }
                case .a:
                    message.answers = [Record(name: host, type: .a, ttl: 30, data: .address(.v4(0x0a00_0008)))]
                default: message.flags = question.type == .srv ? 0x8183 : 0x8180
                }
                return [message.encoded()]
            }
            try lab.configure(zones: lab.cluster(servers: server))
            try lab.install()
            let expected = CellServer(
                name: try #require(DNSName("db.cluster.test")),
                priority: 0,
                weight: 0,
                port: 7003,
                addresses: [.v4(0x0a00_0008)]
            )
            let list = try lab.request("afsdb:cell.cluster.test", callout: "srv=1")
            #expect(list == .payload(try #require(Payload.servers([expected], source: .afsdb))))
        }

        @Test(.enabled(if: FileTree.isThere("/proc/net/if_inet6"), "needs IPv6")) func serversOnIPv6() throws {
            let lab = try KeyDNSLab()
            let port = 20_000 + Int(getpid()) % 10_000
            try lab.startDNSMasq("listen-address=::1\nport=\(port)\nhost-record=x.cluster.test,10.0.0.4")
            try lab.configure(zones: lab.cluster(servers: "[::1]:\(port)"))
            try lab.install()
            #expect(try lab.request("x.cluster.test") == .text("10.0.0.4"))
        }

        @Test func otherNamesAreTheStockHelpers() throws {
            let lab = try lab()
            #expect(try lab.request("localhost") == .text("127.0.0.1"))
            #expect(lab.counter(.passedOn) == 1)
            try lab.configure("fallback = /nonexistent/helper", zones: lab.cluster())
            // A name of its own each time: a rejection may be kept for its second.
            let missing = try lab.request("missing.example")
            #expect(missing == .error(EHOSTUNREACH))
            try lab.configure("fallback = none", zones: lab.cluster())
            let none = try lab.request("none.example")
            #expect(none == .error(ENODATA))
        }

        @Test func strangeKeysAreRejected() throws {
            let lab = try lab()
            #expect(try lab.request("foo:smb.default.svc.cluster.test") == .error(EINVAL))
        }

        /// The kernel wants the NUL; without it the client sees ENOKEY. (So it is the kernel that this test is about.)
        @Test func withoutTheNULThereIsNoKey() throws {
            let lab = try lab()
            try lab.install(extra: "create dns_resolver nonul.cluster.test * |/usr/bin/printf 10.0.0.1\n")
            #expect(try lab.request("nonul.cluster.test") == .error(ENOKEY))
            #expect(try lab.request("smb.default.svc.cluster.test") == .text("10.0.0.1"))
        }

        /// A pod that is not ready has no name; when it is, the next question gets it.
        @Test func nothingIsKeptAgainstANameThatComesBack() throws {
            let lab = try KeyDNSLab()
            try lab.startDNSMasq(hosts: "10.0.0.9 other.cluster.test\n")
            try lab.configure(zones: lab.cluster())
            try lab.install()
            #expect(
                try KeyDNSLab.request("pod.cluster.test", count: 3) == [
                    .error(ENODATA), .error(ENODATA), .error(ENODATA),
                ]
            )
            #expect(lab.counter(.upcalls) == 3, "each was asked for")
            try lab.setHosts("10.0.0.7 pod.cluster.test\n")
            #expect(try lab.request("pod.cluster.test") == .text("10.0.0.7"))
            // And a name without an address of either family is another thing.
            #expect(lab.counter(.noName) == 3)
        }

        /// Of several pods the client keeps the one it has, for as long as that is there.
        @Test func aClientStaysWithItsPod() throws {
            let lab = try KeyDNSLab()
            let pods = (1...5).map { "10.0.1.\($0)" }
            func hosts(_ pods: [String]) -> String { pods.map { "\($0) pods.cluster.test\n" }.joined() }
            try lab.startDNSMasq(hosts: hosts(pods), ttl: 0)
            try lab.configure("ttl-floor = 1s\nttl-cap = 1s", zones: lab.cluster())
            try lab.install()
            let first = try lab.request("pods.cluster.test").description
            try #require(pods.contains(first))
            for gone in pods where gone != first {
                try lab.setHosts(hosts(pods.filter { $0 != gone }.shuffled()))
                usleep(1_100_000)
                #expect(try lab.request("pods.cluster.test") == .text(first))
            }
            try lab.setHosts(hosts(pods.filter { $0 != first }))
            usleep(1_100_000)
            #expect(pods.filter { $0 != first }.contains(try lab.request("pods.cluster.test").description))
        }
    }
}
