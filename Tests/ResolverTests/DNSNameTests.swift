// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

import Testing

@testable import Resolver

struct DNSNameTests {
    @Test(arguments: [
        ("smb.default.svc.cluster.local", "smb.default.svc.cluster.local"), ("a.", "a"), (".", "."),
        (#"a\.b.c"#, #"a\.b.c"#), (#"\065.x"#, "A.x"), (#"\000"#, #"\000"#), ("_nfs._tcp.x", "_nfs._tcp.x"),
    ])
    func textComesBack(text: String, expected: String) {
        #expect(DNSName(text)?.description == expected)
    }

    @Test(arguments: [
        "", "..", "a..b", ".a", #"a\"#, #"\25"#, #"\256"#, #"\2x6"#, String(repeating: "a", count: 64),
        Array(repeating: String(repeating: "a", count: 63), count: 4).joined(separator: "."),
    ])
    func refusesWhatIsNoName(text: String) { #expect(DNSName(text) == nil) }

    @Test func takesTheLongest() throws {
        // 63 + 63 + 63 + 61 bytes in labels, four lengths and the root: 255.
        let labels = [63, 63, 63, 61].map { String(repeating: "x", count: $0) }
        let name = try #require(DNSName(labels.joined(separator: ".")))
        #expect(name.wire.count == 255)
        #expect(DNSName("y" + labels.joined(separator: ".")) == nil)
        #expect(name.appending(name) == nil)
    }

    @Test func caseAndTrailingDotAreNoDifference() {
        #expect(DNSName("X.Svc.Cluster.Local.") == DNSName("x.svc.cluster.local"))
        #expect(Set([DNSName("A.b"), DNSName("a.B")]).count == 1)
        #expect(DNSName("a.b") != DNSName("ab"))
        // Only letters fold: '@' is 0x40, '`' is 0x60.
        #expect(DNSName("@") != DNSName("`"))
    }

    @Test func withinIsByLabels() throws {
        let zone = try #require(DNSName("cluster.local"))
        #expect(DNSName("a.CLUSTER.local")?.isWithin(zone) == true)
        #expect(zone.isWithin(zone))
        #expect(DNSName("acluster.local")?.isWithin(zone) == false)
        #expect(DNSName("local")?.isWithin(zone) == false)
        #expect(zone.isWithin(.root))
        // A label whose bytes look like the zone's wire form.
        #expect(DNSName(#"x\007cluster\005local"#)?.isWithin(zone) == false)
    }

    @Test func caseFromBits() {
        let name = DNSName("ab1.cd")
        #expect(name?.withCase(from: 0b0101).description == "Ab1.Cd")
        #expect(name?.withCase(from: 0).description == "ab1.cd")
        #expect(name?.withCase(from: .max) == name)
    }

    @Test func wireFormAlone() {
        #expect(DNSName(wireForm: [1, 97, 0])?.description == "a")
        #expect(DNSName(wireForm: [1, 97, 0, 0]) == nil)
        #expect(DNSName(wireForm: [1, 97]) == nil)
        #expect(DNSName(wireForm: [0xc0, 0]) == nil)
        #expect(DNSName(wireForm: []) == nil)
    }
}
