// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

import Resolver
import Testing

@testable import KeyDNS

struct PolicyTests {
    private func policy(_ text: String, isFlat: Bool = false) throws(PolicyError) -> Policy {
        try Policy(parsing: Array(text.utf8), isFlat: isFlat)
    }

    private static let example = """
        # how it is done here
        deadline = 1500ms
        ttl-floor = 2s
        ttl-cap = 10s
        stale = 1m
        rate-limit = 20
        prefer = ipv6
        guard = yes
        log = no
        fallback = /usr/bin/x
        cache = /run/x/keydns.cache
        kubelet-config = /etc/kubelet.yaml

        [cluster]
        domain = k8s.example
        servers = 10.96.0.10 [fd00::a]:5353
        strategy = resolver

        ; another
        [zone corp.example]
        servers = 10.1.1.1, 10.1.1.2
        strategy = namespace
        relative = corp none-such
        search = a.corp.example corp.example
        ndots = 2
        patience = 100ms
        edns = no
        random-case = yes
        rotate = yes
        tcp = yes
        """

    /// A word of the operator's file, and a name in the flat one.
    @Test func aDomainOfTheNameKubeletIsReadBack() throws {
        var policy = Policy()
        policy.zones[0].domain = DNSName("kubelet")
        policy.zones[0].servers = [Server(.v4(1))]
        #expect(try self.policy(String(decoding: policy.rendered(), as: UTF8.self), isFlat: true).zones == policy.zones)
    }

    @Test func readsEverySetting() throws {
        let policy = try policy(Self.example)
        #expect(policy.deadlineMilliseconds == 1500 && policy.lifetime == LifetimeRule(floor: 2, cap: 10))
        #expect(
            policy.staleSeconds == 60 && policy.rateLimit == 20 && policy.prefersV6 && policy.hasGuard && !policy.logs
        )
        #expect(policy.fallback == Array("/usr/bin/x".utf8) && policy.cache == Array("/run/x/keydns.cache".utf8))
        let cluster = policy.zones[0]
        #expect(cluster.domain == DNSName("k8s.example") && cluster.strategy == .resolver)
        #expect(cluster.servers?.map(\.description) == ["10.96.0.10", "[fd00::a]:5353"])
        #expect(cluster.relative == [DNSName("svc")])
        let corp = policy.zones[1]
        #expect(corp.strategy == .namespace && corp.search?.count == 2 && corp.ndots == 2 && corp.relative.count == 2)
        #expect(corp.options.patience == 100_000_000 && corp.options.udpSize == nil)
        #expect(corp.options.randomizesCase && corp.options.rotates && corp.options.usesTCP)
    }

    @Test func theFlatFileSaysTheSame() throws {
        var before = try policy(Self.example)
        before.seed = 42
        before.sources = [.init(path: Array("/a b".utf8), digest: 86)]
        var after = try Policy(parsing: before.rendered(), isFlat: true)
        #expect(after.seed == 21 && after.sources == [.init(path: Array("/a b".utf8), digest: 43)])
        (after.seed, after.sources) = (before.seed, before.sources)
        #expect(after == before)
        // Cut anywhere before its end it is no flat file.
        let whole = before.rendered()
        for count in 0..<(whole.count - 1) {
            #expect(throws: PolicyError.self, "\(count)") {
                try Policy(parsing: Array(whole.prefix(count)), isFlat: true)
            }
        }
    }

    @Test func anEmptyFileIsTheDefault() throws {
        let policy = try policy("")
        #expect(policy == Policy())
        #expect(policy.zones.count == 1 && policy.zones[0].domain == nil && policy.zones[0].servers == nil)
        #expect(policy.deadlineMilliseconds == 3000 && policy.lifetime == LifetimeRule(floor: 1, cap: 5))
        // Nothing to write for a cluster that is not known.
        #expect(try Policy(parsing: policy.rendered(), isFlat: true).zones.isEmpty)
    }

    @Test(arguments: [
        ("deadline = 3", 1), ("\ndeadline = 1ms", 2), ("deadline = 31s", 1), ("deadline", 1), ("deadline =", 1),
        ("ttl-floor = 0s", 1), ("ttl-floor = 9s\nttl-cap = 5s", 2), ("ttl-cap = 1500ms", 1), ("colour = red", 1),
        ("log = maybe", 1), ("fallback = sbin/x", 1), ("rate-limit = -1", 1), ("rate-limit = 99999999999999999999", 1),
        ("log = yes\nlog = no", 2), ("[cluster", 1), ("[nothing]", 1), ("[zone]", 1), ("[zone a..b]", 1),
        ("[zone .]", 1),
        ("[cluster]\n[cluster]", 2), ("[cluster]\nservers = ,", 2), ("[cluster]\nsearch = ,", 2),
        ("[cluster]\nservers = host", 2), ("[cluster]\nservers = 1.1.1.1:0", 2),
        ("[zone a.b]\nndots = 16", 2), ("[zone a.b]\nstrategy = best", 2), ("[zone a.b]\ndomain = x", 2),
        ("[zone a.b]\ndeadline = 1s", 2), ("[zone a]\n[zone A.]", 1), ("seed = 1", 1), ("[end]", 1),
        ("ttl-cap = 5s\nttl-floor = 9s", 2), ("[cluster]\ndomain = .", 2), ("[zone a]\nndots = 2", 1),
        ("cache = /etc/hosts", 1), ("cache = /", 1), ("[cluster]\nrelative = svc .", 2),
        ("[cluster]\nservers = 1.1.1.1 1.1.1.2 1.1.1.3 1.1.1.4\nstrategy = namespace", 1),
        ("[zone a]\nservers = ::1\n[zone A.]\nservers = ::1", 3),
        ("rate-limit = 2\ncache = none", 0), ("cache = none\nstale = 2s", 0),
        ("fallback = none\n[cluster]\nstrategy = namespace", 2),
        ("[zone a]\nservers = 1.1.1.1 1.1.1.2\npatience = 3s", 1),
        ("[zone a]\nservers = 1.1.1.1:5353\nstrategy = namespace", 1),
        ("[zone a/b]\nservers = 1.1.1.1\nstrategy = namespace", 1),
        ("[zone a]\nservers = " + String(repeating: "1.1.1.1 ", count: 9), 2),
    ])
    func errorsNameTheirLine(text: String, line: Int) {
        do throws(PolicyError) {
            _ = try policy(text)
            Issue.record("no error")
        } catch {
            #expect(error.line == line, "\(error)")
            #expect(error.message.utf8.allSatisfy { (0x20...0x7e).contains($0) })
        }
    }

    /// No list is another thing than the usual one.
    @Test func noSearchListStaysNone() throws {
        var policy = try policy("[cluster]\ndomain = a.b\nservers = 1.1.1.1\nsearch = none")
        #expect(policy.zones[0].search == [])
        policy = try Policy(parsing: policy.rendered(), isFlat: true)
        #expect(policy.zones[0].search == [])
        let short = try #require(KeyQuery(description: Array("x.y.svc".utf8)))
        #expect(
            policy.zone(of: short) == nil && policy.zones[0].relative == [DNSName("svc")],
            "nothing to put behind it"
        )
    }

    @Test func whatIsNoNameMayBeAZonesAllTheSame() throws {
        let policy = try policy("[cluster]\ndomain = Cluster.local\nservers = 1.1.1.1")
        for text in ["x..cluster.local", ".CLUSTER.local.", "x..default.svc"] {
            #expect(KeyQuery(description: Array(text.utf8)) == nil && policy.claims(Array(text.utf8)))
        }
        for text in ["x..local", "x..acluster.local", "", "."] { #expect(!policy.claims(Array(text.utf8)), "\(text)") }
    }

    @Test func remarksStandBehindABlankToo() throws {
        let policy = try policy(
            "deadline = 2s # short\ncache = /run/a#b/keydns.cache\t# there\n [cluster] # ours\nservers = 1.1.1.1 #x"
        )
        #expect(policy.deadlineMilliseconds == 2000 && policy.cache == Array("/run/a#b/keydns.cache".utf8))
        #expect(policy.zones[0].servers == [Server(.v4(0x0101_0101))])
    }

    @Test func isBounded() {
        #expect(throws: PolicyError.self) { try policy(String(repeating: "#", count: Policy.maximumLength + 1)) }
        #expect(throws: PolicyError.self) { try policy((0..<100).map { "[zone z\($0)]\n" }.joined()) }
    }

    @Test func zonesAreFoundByTheirLongestName() throws {
        let policy = try policy(
            """
            [cluster]
            domain = cluster.local
            servers = 10.96.0.10
            [zone local]
            servers = 1.1.1.1
            """
        )
        func zone(_ name: String) -> DNSName? {
            KeyQuery(description: Array(name.utf8)).flatMap { policy.zone(of: $0)?.domain }
        }
        let cluster = DNSName("cluster.local")
        #expect(zone("smb.default.svc.CLUSTER.local.") == cluster)
        #expect(zone("smb.default.svc") == cluster)
        #expect(zone("SMB.default.SVC") == cluster)
        #expect(zone("smb.default.svc.") == nil, "absolute: another name")
        #expect(zone("svc") == nil)
        #expect(zone("printer.local") == DNSName("local"))
        #expect(zone("xcluster.local") == DNSName("local"))
        #expect(zone("example.com") == nil)
    }

    @Test func shortNamesStayInTheZone() throws {
        var zone = Policy.cluster
        zone.domain = DNSName("cluster.local")
        func candidates(_ name: String) throws -> [String] {
            zone.candidates(try #require(KeyQuery(description: Array(name.utf8)))).map(\.description)
        }
        #expect(try candidates("smb.default.svc") == ["smb.default.svc.cluster.local"])
        #expect(try candidates("smb.default.svc.cluster.local") == ["smb.default.svc.cluster.local"])
        zone.search = [DNSName("a.cluster.local"), DNSName("corp.example")].compactMap { $0 }
        #expect(try candidates("x.svc") == ["x.svc.a.cluster.local", "x.svc.corp.example"])
    }

    @Test func typesByCalloutAndPreference() throws {
        var policy = Policy()
        let host = try #require(KeyQuery(description: Array("x.y".utf8)))
        func types(_ callout: String, _ query: KeyQuery) -> [RecordType] {
            policy.types(query, Callout(parsing: Array(callout.utf8))).types
        }
        #expect(types("", host) == [.a, .aaaa])
        #expect(types("ipv6", host) == [.aaaa])
        #expect(types("ipv4 list", host) == [.a])
        #expect(policy.types(host, Callout(parsing: Array("list".utf8))).all)
        #expect(types("ipv4", try #require(KeyQuery(description: Array("aaaa:x".utf8)))) == [.aaaa])
        policy.prefersV6 = true
        #expect(types("", host) == [.aaaa, .a])
    }

    @Test func theNamespacesResolvConf() throws {
        let policy = try policy(Self.example)
        let text = String(decoding: policy.zones[1].resolvConf(deadlineMilliseconds: 3000).rendered(), as: UTF8.self)
        #expect(
            text
                == "nameserver 10.1.1.1\nnameserver 10.1.1.2\nsearch a.corp.example corp.example\noptions ndots:2 timeout:1 attempts:1\n"
        )
    }
}
