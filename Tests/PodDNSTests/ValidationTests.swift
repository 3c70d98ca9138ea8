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

    private static let name =
        "must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an "
        + "alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is "
        + "'([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')"

    /// In the API server's words; of a prefix, of which the words end as a search path's do, only the beginning is compared.
    @Test(arguments: [
        ("app", nil), ("App_1.x-y", nil), ("app.kubernetes.io/name", nil), (String(repeating: "a", count: 63), nil),
        (String(repeating: "a", count: 253) + "/b", nil), ("a b", "name part \(name)"), ("-a", "name part \(name)"),
        ("a-", "name part \(name)"), ("\u{e9}", "name part \(name)"), ("a/", "name part must be non-empty"),
        ("", "name part must be non-empty"), ("/a", "prefix part must be non-empty"),
        ("a/b/c", "a qualified name \(name) with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')"),
        (String(repeating: "a", count: 64), "name part must be no more than 63 bytes"),
        (String(repeating: "a", count: 254) + "/b", "prefix part must be no more than 253 bytes"),
        ("a_b/c", "prefix part a lowercase RFC 1123 subdomain must consist of"),
        ("A.b/c", "prefix part a lowercase RFC 1123 subdomain must consist of"),
    ])
    func keys(text: String, problem: String?) {
        let labels = Validation.labelErrors([(text, "")], "m.labels")
        let annotations = Validation.annotationErrors([(text, "a b")], "m.annotations")
        guard let problem else { return #expect(labels + annotations == []) }
        #expect(labels.first?.hasPrefix("m.labels: Invalid value: \"\(text)\": \(problem)") == true, "\(labels)")
        // In an annotation's key the case makes no difference.
        guard text != "A.b/c" else { return #expect(annotations == []) }
        let start = "m.annotations: Invalid value: \"\(text)\": \(problem)"
        #expect(annotations.first?.hasPrefix(start) == true, "\(annotations)")
    }

    @Test func labelsHaveShortValues() {
        func errors(_ value: String) -> [String] { Validation.labelErrors([("a", value)], "l") }
        for value in ["", "x", "v1.2_3-z", String(repeating: "x", count: 63)] { #expect(errors(value) == []) }
        let long = String(repeating: "x", count: 64)
        #expect(errors(long) == ["l: Invalid value: \"\(long)\": must be no more than 63 bytes"])
        let rule =
            "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and "
            + "end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is "
            + "'(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')"
        for value in ["a b", "-", "x.", "a/b"] { #expect(errors(value) == ["l: Invalid value: \"\(value)\": \(rule)"]) }
    }

    @Test func annotationsAreBoundedTogether() {
        func errors(_ count: Int) -> [String] {
            Validation.annotationErrors([("a", "x"), ("b", String(repeating: "x", count: count))], "m.annotations")
        }
        #expect(errors((256 << 10) - 3) == [])
        #expect(errors((256 << 10) - 2) == ["m.annotations: Too long: may not be more than 262144 bytes"])
    }
}
