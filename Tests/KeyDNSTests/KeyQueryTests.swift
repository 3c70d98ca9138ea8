// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

import Resolver
import Testing

@testable import KeyDNS

struct KeyQueryTests {
    private func query(_ text: String) -> KeyQuery? { KeyQuery(description: Array(text.utf8)) }

    @Test func readsWhatTheKernelWrites() throws {
        let host = try #require(query("SMB.default.svc.cluster.local."))
        #expect(host.kind == .host && host.isAbsolute && host.family == nil)
        #expect(host.name == DNSName("smb.default.svc.cluster.local"))
        #expect(query("afsdb:example.com")?.kind == .cell)
        #expect(query("a:x.y")?.family == .v4)
        #expect(query("AAAA:x.y")?.family == .v6)
        #expect(query("foo:x.y")?.kind == .unknown(Array("foo".utf8)))
        #expect(query(":x.y")?.kind == .unknown([]))
        #expect(query("x.y")?.isAbsolute == false)
    }

    @Test(arguments: ["", ".", "a:", "a..b", "x:y:z..", String(repeating: "a.", count: 300)])
    func refusesWhatIsNoName(text: String) { #expect(query(text) == nil) }

    @Test func readsKeyctlDescribe() {
        let text = Array("dns_resolver;0;0;3f010000;afsdb:x.y\0".utf8)
        #expect(KeyQuery(keyDescription: text)?.name == DNSName("x.y"))
        #expect(KeyQuery(keyDescription: Array("user;0;0;3f010000;x.y".utf8)) == nil)
        #expect(KeyQuery(keyDescription: Array("dns_resolver;0;0;3f010000".utf8)) == nil)
        #expect(KeyQuery(keyDescription: Array("dns_resolver;0;0;3f010000;".utf8)) == nil)
    }

    @Test func callouts() {
        func callout(_ text: String) -> Callout { Callout(parsing: Array(text.utf8)) }
        #expect(callout("").isEmpty && callout("\0").isEmpty && callout("  ").isEmpty)
        #expect(callout("ipv4 ipv6").family == .v6)
        #expect(callout("ipv6 list ipv4").family == .v4)
        #expect(callout("list").wantsList && callout("list").family == nil)
        #expect(callout("srv=1").wantsServers && !callout("srv=2").wantsServers)
        #expect(!callout("other").isEmpty)
    }
}
