// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

import Testing

@testable import PodDNS

struct CompositionTests {
    private static let node = "nameserver 1.1.1.1\nsearch h\noptions rotate\n"
    private let kubelet = Kubelet(clusterDNS: ["10.96.0.10"], clusterDomain: "cluster.local")

    private func compose(_ pod: Pod, _ kubelet: Kubelet? = nil, _ text: String = node) -> Composition {
        Composition(pod, kubelet ?? self.kubelet, .contents(Array(text.utf8)))
    }

    @Test func everyEntrySaysWhereItComesFrom() {
        let config = Pod.DNSConfig(nameservers: ["9.9.9.9"], searches: ["h", "x"], options: [.init("ndots", "2")])
        let result = compose(Pod(namespace: "ns", dnsConfig: config))
        #expect(
            result.servers == [Entry("10.96.0.10", .clusterDNS(index: 0)), Entry("9.9.9.9", .podNameserver(index: 0))]
        )
        #expect(
            result.searches == [
                Entry("ns.svc.cluster.local", .clusterDomain(part: .namespace)),
                Entry("svc.cluster.local", .clusterDomain(part: .service)),
                Entry("cluster.local", .clusterDomain(part: .domain)), Entry("h", .nodeFile(line: 2)),
                Entry("x", .podSearch(index: 1)),
            ]
        )
        #expect(result.options == [Entry("ndots:2", .podOption(index: 0))])
        #expect(
            Set(result.dropped) == [
                Dropped(.server, Entry("1.1.1.1", .nodeFile(line: 1)), .policy),
                Dropped(.option, Entry("rotate", .nodeFile(line: 3)), .policy),
                Dropped(.search, Entry("h", .podSearch(index: 0)), .duplicate),
                Dropped(.option, Entry("ndots:5", .rule(.clusterFirstOptions)), .overridden(by: "ndots:2")),
            ]
        )
    }

    @Test func missingClusterDNSFallsBackWithTwoEvents() {
        let pod = Pod(name: "p", namespace: "ns", uid: "u", isOnHostNetwork: true, policy: "ClusterFirstWithHostNet")
        let result = compose(pod, Kubelet(clusterDNS: ["bad"], clusterDomain: "c"))
        let words = """
            kubelet does not have ClusterDNS IP configured and cannot create Pod using "ClusterFirst" policy. \
            Falling back to "Default" policy.
            """
        #expect(result.servers.texts == ["1.1.1.1"])
        #expect(result.options.texts == ["rotate"])
        #expect(
            result.events == [
                Event(.node, "MissingClusterDNS", Word(words)),
                Event(.pod, "MissingClusterDNS", Word("pod: \"p_ns(u)\". " + words)),
            ]
        )
        #expect(result.dropped.contains(Dropped(.server, Entry("bad", .clusterDNS(index: 0)), .notAnAddress)))
    }

    @Test func aMissingFileStopsEveryPod() {
        for policy: Word in ["None", "ClusterFirst", "Default"] {
            let result = Composition(Pod(policy: policy), kubelet, .cannotOpen("no such file or directory"))
            #expect(result.error == "open /etc/resolv.conf: no such file or directory")
            #expect(result.servers.isEmpty)
        }
        // With resolvConf "" no file is looked at.
        let none = Kubelet(resolvConf: "", nodeIPs: ["10.0.0.1", "fd00::1"])
        let result = Composition(Pod(policy: "Default"), none, .cannotOpen("no such file or directory"))
        #expect(result.error == nil)
        #expect(result.servers.texts == ["127.0.0.1", "::1"])
        #expect(result.searches.texts == ["."])
    }

    @Test func parseErrorsSayWhereTheyComeFromFrom127On() {
        let file = Kubelet.NodeFile.contents(Array("nameserver\n".utf8))
        let prefix = "Encountered error while parsing resolv conf file. Error: "
        #expect(Composition(Pod(), kubelet, file).error == Word(prefix + "nameserver list is empty "))
        var old = kubelet
        old.behaviour = Behaviour(Version(1, 26))
        #expect(Composition(Pod(), old, file).error == "nameserver list is empty ")
        #expect(
            Composition(Pod(), kubelet, .cannotRead("is a directory")).error
                == Word(prefix + "read /etc/resolv.conf: is a directory")
        )
    }

    @Test func anEmptyDNSConfigDropsDuplicatesAndNoneDoesNot() {
        let text = "nameserver 1.1.1.1\nnameserver 1.1.1.1\nsearch a a\n"
        #expect(compose(Pod(policy: "Default"), nil, text).servers.count == 2)
        let result = compose(Pod(policy: "Default", dnsConfig: .init()), nil, text)
        #expect(result.servers.texts == ["1.1.1.1"])
        #expect(result.searches.texts == ["a"])
    }

    @Test func anOptionOfThePodIsItsWholeName() {
        let options: [Pod.Option] = [.init("ndots:2"), .init("ndots", ""), .init("ndots")]
        #expect(compose(Pod(dnsConfig: .init(options: options))).options.texts == ["ndots", "ndots:2"])
        #expect(compose(Pod(policy: "Default", dnsConfig: .init()), nil, "options ndots:\n").options.texts == ["ndots"])
    }

    @Test func withoutADomainTheHostsPathsStay() {
        let result = compose(Pod(), Kubelet(clusterDNS: ["1.2.3.4"]), "search a a\n")
        #expect(result.searches.texts == ["a", "a"])
    }

    @Test func aDomainIsUsedAsItIsWritten() {
        let result = compose(
            Pod(namespace: "n"),
            Kubelet(clusterDNS: ["1.2.3.4"], clusterDomain: "c.l."),
            "search c.l\n"
        )
        #expect(result.searches.texts == ["n.svc.c.l.", "svc.c.l.", "c.l.", "c.l"])
    }

    @Test func aPathThatIsTooLongTakesUpAPlace() {
        let long = String(repeating: "x", count: 254)
        let paths = [long] + (1...40).map { "p\($0)" }
        let result = Composition(fitting: [], searches: paths.map { Word($0) })
        #expect(result.searches.count == 31)
        #expect(result.events.count == 1)
        #expect(result.dropped.contains { $0.reason == .pathLength(limit: 253) })
        #expect(result.dropped.count { $0.reason == .count(limit: 32) } == 9)
    }

    @Test func limitsByVersion() {
        let paths = (1...8).map { Word("p\($0)") }
        func kept(_ version: Version, _ gates: [String: Bool] = [:]) -> Int {
            Composition(fitting: [], searches: paths, Behaviour(version, featureGates: gates)).searches.count
        }
        #expect(kept(Version(1, 21)) == 6)
        #expect(kept(Version(1, 25)) == 6)
        #expect(kept(Version(1, 25), ["ExpandedDNSConfig": true]) == 8)
        #expect(kept(Version(1, 26)) == 8)
        #expect(kept(Version(1, 27), ["ExpandedDNSConfig": false]) == 6)
        #expect(kept(Version(1, 28), ["ExpandedDNSConfig": false]) == 8)
        let old = Composition(
            fitting: [],
            searches: [Word(String(repeating: "x", count: 250)), "abcdef"],
            Behaviour(Version(1, 25))
        )
        #expect(old.searches.count == 1)
    }

    @Test(arguments: [
        ("fd00:0:0:0:0:0:0:A", "fd00::a"), ("::ffff:10.0.0.1", "10.0.0.1"), ("010.001.0.1", "10.1.0.1"),
        ("::", "::"), ("::1", "::1"), ("1::", "1::"), ("1:0:0:2:0:0:0:3", "1:0:0:2::3"),
        ("1:0:0:2:3:0:0:4", "1::2:3:0:0:4"),
        ("1:2:3:4:5:6:7:0", "1:2:3:4:5:6:7:0"), ("00001::", "1::"), ("64:ff9b::192.0.2.33", "64:ff9b::c000:221"),
    ])
    func addressesAreCanonical(text: String, expected: String) {
        #expect(IPAddress(sloppy: text)?.description == expected)
    }

    @Test(arguments: [
        "", "1.2.3", "1.2.3.4.5", "256.1.1.1", "1..2.3", "1.2.3.4:", "::1%eth0", "1:2:3:4:5:6:7", ":::", "1::2::3",
        "1:2:3:4:5:6:7:8:9", "g::", "10000::", "1:2:3:4:5:6:7:1.2.3.4", "::1.2.3.256", " 1.2.3.4", "1:", ":1",
    ])
    func whatIsNoAddress(text: String) {
        #expect(IPAddress(sloppy: text) == nil)
    }

    @Test func strictAddressesHaveNoLeadingZeros() {
        #expect(IPAddress(strict: "001.002.003.004") == nil)
        #expect(IPAddress(strict: "1.2.3.4") != nil)
    }
}
