// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

import Testing

@testable import Resolver

struct ResolvConfTests {
    private func parsed(_ text: String) -> ResolvConf { ResolvConf(parsing: Array(text.utf8)) }

    @Test func readsWhatTheKubeletWrites() {
        let conf = parsed(
            "search default.svc.cluster.local svc.cluster.local cluster.local\nnameserver 10.96.0.10\noptions ndots:5\n"
        )
        #expect(conf.servers.map(\.description) == ["10.96.0.10"])
        #expect(conf.search.map(\.description) == ["default.svc.cluster.local", "svc.cluster.local", "cluster.local"])
        #expect(conf.ndots == 5 && conf.timeout == 5 && conf.attempts == 2 && !conf.rotates)
    }

    @Test func readsAsGlibcDoes() {
        let conf = parsed(
            """
            # a remark
            ; another
            domain a.example b.example
            search\tc.example   d.example
            nameserver  fd00::53
            nameserver fe80::1%eth0
            nameserver nonsense
             nameserver 10.0.0.2
            options ndots:99 timeout:99 attempts:0 rotate use-vc ndots:x unknown
            something else
            nameserver
            """
        )
        #expect(conf.servers.map(\.description) == ["fd00::53", "fe80::1", "10.0.0.2"])
        #expect(conf.search.map(\.description) == ["c.example", "d.example"])
        #expect(conf.ndots == 15 && conf.timeout == 30 && conf.attempts == 1 && conf.rotates && conf.usesTCP)
        #expect(conf.skipped == 2)
    }

    @Test func theLastOfSearchAndDomainCounts() {
        #expect(parsed("search a b\ndomain c d\n").search.map(\.description) == ["c"])
    }

    @Test func isBounded() {
        #expect(parsed(String(repeating: "nameserver 10.0.0.1\n", count: 100)).servers.count == 8)
        #expect(parsed("search" + String(repeating: " a", count: 100)).search.count == 32)
    }

    @Test func nothingIsAnError() {
        #expect(parsed("") == ResolvConf())
        #expect(parsed("\n\n\u{0}\n") == ResolvConf())
    }

    @Test func comesBack() {
        var conf = ResolvConf()
        conf.servers = ["10.0.0.1", "fd00::1"].compactMap { Server($0) }
        conf.search = ["a.b", "c"].compactMap { DNSName($0) }
        (conf.ndots, conf.timeout, conf.attempts, conf.rotates, conf.usesTCP) = (5, 1, 1, true, true)
        #expect(ResolvConf(parsing: conf.rendered()) == conf)
        conf.servers.append(Server(.v4(1), port: 5353))
        #expect(ResolvConf(parsing: conf.rendered()).servers.count == 2)
    }
}

struct SearchRulesTests {
    private func names(_ name: String, _ search: [String], _ ndots: Int, absolute: Bool = false) throws -> [String] {
        let rules = SearchRules(search: search.compactMap { DNSName($0) }, ndots: ndots)
        return rules.candidates(try #require(DNSName(name)), isAbsolute: absolute).map(\.description)
    }

    @Test func orderIsByDots() throws {
        #expect(try names("a.b", ["x", "y"], 2) == ["a.b.x", "a.b.y", "a.b"])
        #expect(try names("a.b", ["x", "y"], 1) == ["a.b", "a.b.x", "a.b.y"])
        #expect(try names("a.b", ["x"], 5, absolute: true) == ["a.b"])
        #expect(try names("a", [], 1) == ["a"])
        #expect(try names("a", ["x", "X"], 1) == ["a.x", "a"])
    }

    @Test func whatIsTooLongIsLeftOut() throws {
        let long = Array(repeating: String(repeating: "a", count: 63), count: 3).joined(separator: ".")
        #expect(try names(long, [long, "x"], 9) == [long + ".x", long])
    }
}
