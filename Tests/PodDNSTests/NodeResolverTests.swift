// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

import Testing

@testable import PodDNS

/// What bites in a node's file: facts seen with dns.go of Kubernetes 1.36.2.
struct NodeResolverTests {
    private func parse(_ text: String, _ version: Version = Behaviour.newest) -> NodeResolver {
        NodeResolver(Array(text.utf8), Behaviour(version))
    }

    @Test func commentsAfterWordsAreWords() {
        #expect(parse("search foo # comment\n").searches.texts == ["foo", "#", "comment"])
        #expect(parse("options ndots:2 ;x\n").options.texts == ["ndots:2", ";x"])
        #expect(parse("nameserver 1.2.3.4 #c").servers.texts == ["1.2.3.4"])
    }

    @Test func carriageReturnsAndUnicodeBlanksAreSpace() {
        let dos = parse("nameserver 1.1.1.1\r\nsearch a.b\r\noptions ndots:2\r\n")
        #expect(dos.servers.texts == ["1.1.1.1"])
        #expect(dos.searches.texts == ["a.b"])
        #expect(dos.options.texts == ["ndots:2"])
        let wide = parse("nameserver\u{a0}1.1.1.1\nsearch\u{2003}a.b\u{85}c.d\n")
        #expect(wide.servers.texts == ["1.1.1.1"])
        #expect(wide.searches.texts == ["a.b", "c.d"])
    }

    @Test func bytesThatAreNoUTF8Stay() {
        let bytes: [UInt8] = Array("search a\u{2e}".utf8) + [0xff, 0x85, 0xa0, 0xc2] + Array(" b\n".utf8)
        let resolver = NodeResolver(bytes)
        #expect(resolver.searches.map(\.word.bytes) == [[0x61, 0x2e, 0xff, 0x85, 0xa0, 0xc2], [0x62]])
    }

    @Test func keywordsAreExact() {
        let resolver = parse(
            "domain example.com\nNAMESERVER 9.9.9.9\n\u{feff}nameserver 1.1.1.1\n;nameserver 3.3.3.3\nnameserver 2.2.2.2\n"
        )
        #expect(resolver.servers == [Entry("2.2.2.2", .nodeFile(line: 5))])
        #expect(resolver.searches == [])
        #expect(resolver.dropped.map(\.entry.origin) == (1...4).map { .nodeFile(line: $0) })
        #expect(resolver.dropped.allSatisfy { $0.reason == .unknownKeyword })
    }

    @Test func valuesAreNotLookedAt() {
        #expect(parse("nameserver notanip extra\n").servers.texts == ["notanip"])
        #expect(parse("nameserver fe80::1%eth0\n").servers.texts == ["fe80::1%eth0"])
        #expect(parse("nameserver 1.1.1.1\u{0}\n").servers.texts == ["1.1.1.1\u{0}"])
    }

    @Test func oneDotIsCut() {
        #expect(parse("search foo.. ..\n").searches.texts == ["foo.", "."])
        #expect(parse("search a a. b\n").searches.texts == ["a", "a", "b"])
        #expect(parse("search foo\nsearch .\n").searches == [])
    }

    @Test func optionsAddUpByName() {
        #expect(parse("options ndots:2\noptions\n").options.texts == ["ndots:2"])
        #expect(parse("options timeout timeout:3 ndots:\n").options.texts == ["timeout:3", "ndots:"])
    }

    @Test func errorsAreOne() {
        let resolver = parse("nameserver\nnameserver\nnameserver 1.1.1.1\n")
        #expect(resolver.error == "nameserver list is empty ")
    }

    @Test func theSizeIsLimited() {
        var bytes = [UInt8](repeating: UInt8(ascii: "#"), count: Limits.fileSize)
        #expect(NodeResolver(bytes).error == "the read limit is reached")
        bytes.removeLast()
        #expect(NodeResolver(bytes).error == nil)
    }

    @Test(arguments: [
        (Version(1, 16), "search a. .\n", ["a.", "."]), (Version(1, 24), "search a. .\n", ["a", ""]),
        (Version(1, 25, 0), "search a. .\n", ["a", "."]), (Version(1, 25, 1), "search a. .\n", ["a"]),
        (Version(1, 25), "search a. .\n", ["a"]), (Version(1, 36), "search a. .\n", ["a"]),
    ])
    func dotsByVersion(version: Version, text: String, searches: [String]) {
        #expect(parse(text, version).searches.texts == searches)
    }

    @Test func optionLinesByVersion() {
        let text = "options ndots:2 ndots:3\noptions rotate\n"
        #expect(parse(text, Version(1, 25, 16)).options.texts == ["rotate"])
        #expect(parse(text, Version(1, 26, 0)).options.texts == ["ndots:3", "rotate"])
        #expect(parse("options a:1 a:2\n", Version(1, 25)).options.texts == ["a:1", "a:2"])
    }

    /// One for each name, in linear time.
    @Test func manyOptions() {
        let words = (0..<100_000).map { "o\($0):1" }.joined(separator: " ")
        let resolver = NodeResolver(Array("options \(words)\noptions o5:2\n".utf8))
        #expect(resolver.options.count == 100_000)
        #expect(resolver.options[5].word == "o5:2")
    }
}
