// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

import Testing

@testable import PodDNS

struct ValidationTests {
    @Test(arguments: [
        ("cluster.local", true, true), ("cluster.local.", true, true), (".", false, true), ("..", false, false),
        ("_tcp.a", false, true),
        ("a_b.c", false, true), ("_.", false, false), ("-.", false, false), ("__.", false, false), ("._", false, false),
        ("____", false, false), ("", false, false), ("A.b", false, false), ("\u{e9}", false, false),
        ("a-.b", false, false),
        (String(repeating: "a", count: 253), true, true), (String(repeating: "a", count: 254), false, false),
    ])
    func searchPaths(text: String, strict: Bool, relaxed: Bool) {
        let pod = Pod(dnsConfig: .init(searches: [Word(text)]))
        #expect(Validation.errors(pod, Behaviour(Version(1, 31))).isEmpty == strict)
        #expect(Validation.errors(pod, Behaviour(Version(1, 34))).isEmpty == relaxed)
    }

    @Test func noneNeedsNameservers() {
        #expect(
            Validation.errors(Pod(policy: "None")) == [
                "spec.dnsConfig: Required value: must provide `dnsConfig` when `dnsPolicy` is None"
            ]
        )
        let nothing = Pod(policy: "None", dnsConfig: .init(searches: ["A"], options: [.init("")]))
        #expect(
            Validation.errors(nothing) == [
                "spec.dnsConfig.nameservers: Required value: must provide at least one DNS nameserver when `dnsPolicy` is None"
            ]
        )
        #expect(Validation.errors(Pod(policy: "None", dnsConfig: .init(nameservers: ["1.1.1.1"]))).isEmpty)
    }

    /// Addresses that only the sloppy parser takes are refused by 1.36, and by 1.33 to 1.35 where the gate is on.
    @Test(arguments: [
        ("010.1.1.1", "must not have leading 0s"), ("::ffff:1.2.3.4", "must not be an IPv4-mapped IPv6 address"),
        ("::ffff:102:304", "must not be an IPv4-mapped IPv6 address"), ("::ffff:01.2.3.4", "must not have leading 0s"),
        ("fd00:0::1", nil), ("10.1.1.1", nil),
    ])
    func sloppyAddresses(text: String, problem: String?) {
        let pod = Pod(dnsConfig: .init(nameservers: [Word(text)]))
        let refused = problem.map { ["spec.dnsConfig.nameservers[0]: Invalid value: \"\(text)\": \($0)"] } ?? []
        let gate = "StrictIPCIDRValidation"
        #expect(Validation.errors(pod) == refused)
        #expect(Validation.errors(pod, Behaviour(Version(1, 36), featureGates: [gate: false])).isEmpty)
        #expect(Validation.errors(pod, Behaviour(Version(1, 35))).isEmpty)
        #expect(Validation.errors(pod, Behaviour(Version(1, 33), featureGates: [gate: true])) == refused)
        #expect(Validation.errors(pod, Behaviour(Version(1, 32), featureGates: [gate: true])).isEmpty)
    }

    @Test func listsAreLimited() {
        let config = Pod.DNSConfig(
            nameservers: ["1.1.1.1", "1.1.1.2", "1.1.1.3", "x"],
            searches: (0..<33).map { Word("s\($0)") },
            options: [.init("")]
        )
        let errors = Validation.errors(Pod(policy: "Sometimes", dnsConfig: config))
        #expect(errors.count == 5)
        #expect(errors.contains { $0.hasSuffix("must not have more than 3 nameservers") })
        #expect(errors.contains { $0.hasSuffix("must not have more than 32 search paths") })
        #expect(errors.contains { $0 == "spec.dnsConfig.options[0]: Required value: must not be empty" })
    }

    /// A path's errors are the server's to the letter: both of them, about the path without its dot.
    @Test func pathsAreRefusedInTheServersWords() {
        func errors(_ text: String, _ version: Version) -> [String] {
            Validation.errors(Pod(dnsConfig: .init(searches: [Word(text)])), Behaviour(version))
        }
        let strict = """
            spec.dnsConfig.searches[0]: Invalid value: "a_b.c": a lowercase RFC 1123 subdomain must consist of lower case \
            alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', \
            regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')
            """
        #expect(errors("a_b.c.", Version(1, 31)) == [strict])
        let relaxed = """
            spec.dnsConfig.searches[0]: Invalid value: "A": a lowercase RFC 1123 subdomain must consist of lower case \
            alphanumeric characters, '_', '-' or '.', and must start and end with an alphanumeric character (e.g. \
            'example.com', regex used for validation is \
            '_?[a-z0-9]([-_a-z0-9]*[a-z0-9])?(\\._?[a-z0-9]([-_a-z0-9]*[a-z0-9])?)*')
            """
        #expect(errors("A.", Version(1, 36)) == [relaxed])
        let long = errors(String(repeating: "A", count: 254), Version(1, 36))
        #expect(long.count == 2)
        #expect(long.first?.hasSuffix(": must be no more than 253 bytes") == true)
    }
}
