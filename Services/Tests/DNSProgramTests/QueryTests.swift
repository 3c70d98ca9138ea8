// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

import Testing
import umwelt_dns

struct QueryTests {
    @Test func messagesAreThoseOfTheProtocol() throws {
        let question = try #require(Query.message(id: 0x1234, "a.bc", .aaaa))
        #expect(question == [0x12, 0x34, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 1, 0x61, 2, 0x62, 0x63, 0, 0, 28, 0, 1])
        #expect(Query.message(id: 0, ".", .ns)?.suffix(5) == [0, 0, 2, 0, 1])
        #expect(Query.message(id: 0, String(repeating: "a", count: 64), .a) == nil)
        #expect(Query.message(id: 0, String(repeating: "abcdefg.", count: 40), .a) == nil)
    }

    @Test func onlyAnAnswerToTheQuestionCounts() throws {
        let question = try #require(Query.message(id: 0x1234, "a.bc", .a))
        var answer = question
        answer[2] = 0x81
        answer[3] = 0x83
        answer[7] = 0
        #expect(Query.read(answer, to: question) == .init(code: 3, count: 0))
        answer[3] = 0x80
        answer[13] = 0x41
        #expect(Query.read(answer, to: question) == .init(code: 0, count: 0))
        #expect(Query.read(question, to: question) == nil)
        for count in 0..<answer.count { #expect(Query.read(Array(answer.prefix(count)), to: question) == nil) }
        answer[2] |= 2
        #expect(Query.read(answer, to: question) == .init(code: 0, count: 0, isCut: true))
        answer[0] = 0
        #expect(Query.read(answer, to: question) == nil)
    }

    /// An alias is no address, and what a message says of itself is not believed.
    @Test func recordsOfTheKindAreCounted() throws {
        let question = try #require(Query.message(id: 1, "a.bc", .a))
        let alias: [UInt8] = [0xc0, 12, 0, 5, 0, 1, 0, 0, 0, 9, 0, 3, 1, 0x78, 0]
        let address: [UInt8] = [1, 0x78, 0, 0, 1, 0, 1, 0, 0, 0, 9, 0, 4, 192, 0, 2, 1]
        func count(_ records: [UInt8], said: UInt8) -> Int? {
            var answer = question + records
            (answer[2], answer[3], answer[7]) = (0x81, 0x80, said)
            let read = Query.read(answer, to: question)
            return (0...9).first { read == .init(code: 0, count: $0) }
        }
        #expect(count(alias, said: 1) == 0)
        #expect(count(alias + address + address, said: 3) == 2)
        #expect(count(alias + address + address, said: 2) == 1)
        let all = alias + address
        for length in 0..<all.count { #expect(count(Array(all.prefix(length)), said: 255) == 0) }
    }

    @Test func differencesAreLines() {
        let lines = Comparison.difference(Array("a\nb\n".utf8), Array("a\nc\n".utf8))
        #expect(lines.sorted() == ["+ c", "- b"])
    }
}
