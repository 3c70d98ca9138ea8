// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

import Testing

@testable import Resolver

struct QueryTests {
    @Test func messagesAreThoseOfTheProtocol() throws {
        let query = try #require(Query(id: 0x1234, "a.bc", .aaaa))
        #expect(query.bytes == [0x12, 0x34, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 1, 0x61, 2, 0x62, 0x63, 0, 0, 28, 0, 1])
        #expect(Query(id: 0, ".", .ns)?.bytes.suffix(5) == [0, 0, 2, 0, 1])
        for name in [String(repeating: "a", count: 64), String(repeating: "abcdefg.", count: 40), "a..b"] {
            #expect(Query(id: 0, name, .a) == nil)
        }
        #expect([Query.Kind.a, .ns, .aaaa].map(\.description) == ["A", "NS", "AAAA"])
    }

    @Test func onlyAReplyToTheQuestionCounts() throws {
        let query = try #require(Query(id: 0x1234, "a.bc", .a))
        #expect(query.reply(in: query.bytes) == nil)
        var bytes = query.bytes
        (bytes[2], bytes[3]) = (0x81, 0x83)
        #expect(query.reply(in: bytes) == .init(code: "NXDOMAIN", isGood: false, count: 0, isCut: false))
        for count in bytes.indices { #expect(query.reply(in: Array(bytes.prefix(count))) == nil) }
        bytes[3] = 0x80
        // The case of letters is the server's own.
        bytes[13] = 0x41
        #expect(query.reply(in: bytes) == .init(code: "NOERROR", isGood: true, count: 0, isCut: false))
        bytes[2] |= 2
        #expect(query.reply(in: bytes) == .init(code: "NOERROR", isGood: true, count: 0, isCut: true))
        for index in [0, 1, 13, 16, 20] {
            var other = bytes
            other[index] ^= 1
            #expect(query.reply(in: other) == nil, "\(index)")
        }
        // Who cannot read a question cannot repeat it.
        #expect(query.reply(in: [0x12, 0x34, 0x81, 0x81, 0, 0, 0, 0, 0, 0, 0, 0])?.code == "FORMERR")
    }

    /// An alias is no address, and a message that announces more than it has is none.
    @Test func recordsOfTheKindAreCounted() throws {
        let query = try #require(Query(id: 1, "a.bc", .a))
        let alias: [UInt8] = [0xc0, 12, 0, 5, 0, 1, 0, 0, 0, 9, 0, 3, 1, 0x78, 0]
        let address: [UInt8] = [1, 0x78, 0, 0, 1, 0, 1, 0, 0, 0, 9, 0, 4, 192, 0, 2, 1]
        func count(_ records: [UInt8], said: UInt8) -> Int? {
            var bytes = query.bytes + records
            (bytes[2], bytes[3], bytes[7]) = (0x81, 0x80, said)
            return query.reply(in: bytes)?.count
        }
        #expect(count(alias, said: 1) == 0)
        #expect(count(alias + address + address, said: 3) == 2)
        #expect(count(alias + address + address, said: 2) == 1)
        let circle = alias.dropLast(5) + [0, 2, 0xc0, 12]
        #expect(count(Array(circle), said: 1) == 0)
        let all = alias + address
        for length in all.indices { #expect(count(Array(all.prefix(length)), said: 2) == nil) }
    }
}
