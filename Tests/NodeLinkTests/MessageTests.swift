// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

import NodeLink
import Testing

/// The contract's messages as bytes, both ways.
@Suite struct MessageTests {
    @Test func messageInBytes() throws {
        let message = Message(.register, [Array("id".utf8), [], [0, 10, 255]])
        // UMW, version 1, kind 2, three fields; lengths are little-endian.
        let bytes = Array("UMW".utf8) + [1, 2, 3] + [2, 0, 0, 0, 105, 100] + [0, 0, 0, 0] + [3, 0, 0, 0, 0, 10, 255]
        #expect(message.encoded() == bytes)
        let decoded = try #require(try Message.decode(bytes))
        #expect(decoded.message == message)
        #expect(decoded.size == bytes.count)
    }

    @Test func everyTruncationIsIncomplete() throws {
        let bytes = try #require(Message(.view, [Array("12".utf8), Array("proc/meminfo".utf8), []]).encoded())
        for count in 0..<bytes.count { #expect(try Message.decode(Array(bytes.prefix(count))) == nil, "\(count)") }
    }

    @Test func whatFollowsIsTheNextMessages() throws {
        let first = try #require(Message(.hello).encoded())
        let second = try #require(Message(.done, [[1]]).encoded())
        let decoded = try #require(try Message.decode(first + second))
        #expect(decoded.message == Message(.hello))
        #expect(decoded.size == first.count)
    }

    @Test(arguments: [UInt8(0), 2, 255]) func otherVersionsAreRefused(version: UInt8) {
        // As soon as the byte is there.
        #expect(throws: MessageError.version(version)) { try Message.decode(Array("UMW".utf8) + [version]) }
    }

    @Test(arguments: ["X", "UX", "UMX", "GET / HTTP/1.1", "\u{0}"]) func otherProtocolsAreRefused(text: String) {
        #expect(throws: MessageError.notOurs) { try Message.decode(Array(text.utf8)) }
    }

    @Test func unknownKindsAreKept() throws {
        for kind in UInt8.min...UInt8.max {
            let bytes = try #require(Message(Message.Kind(rawValue: kind), [[kind]]).encoded())
            #expect(try Message.decode(bytes)?.message == Message(Message.Kind(rawValue: kind), [[kind]]))
        }
    }

    @Test func boundsHoldBothWays() throws {
        #expect(Message(.done, [[UInt8]](repeating: [], count: 256)).encoded() == nil)
        #expect(Message(.done, [[UInt8](repeating: 0, count: Message.sizeLimit)]).encoded() == nil)
        let most = Message(.done, [[UInt8](repeating: 7, count: Message.sizeLimit - 10)])
        let bytes = try #require(most.encoded())
        #expect(bytes.count == Message.sizeLimit)
        #expect(try Message.decode(bytes)?.message == most)
        let full = Message(.done, [[UInt8]](repeating: [1], count: 255))
        #expect(try Message.decode(try #require(full.encoded()))?.message == full)
    }

    /// A length beyond the bound is refused when it is read, not when so much has come.
    @Test(arguments: [[0xFF, 0xFF, 0xFF, 0xFF], [0xFF, 0xFF, 0xFF, 0x7F], [0, 0, 0x40, 0]] as [[UInt8]])
    func lengthsBeyondTheBoundAreRefused(length: [UInt8]) {
        #expect(throws: MessageError.tooLarge) { try Message.decode(Array("UMW".utf8) + [1, 2, 1] + length) }
    }

    @Test func manyFieldsCannotAddUpToMore() {
        let field = [0, 0, 0x20, 0] + [UInt8](repeating: 0, count: 2 << 20)
        #expect(throws: MessageError.tooLarge) { try Message.decode(Array("UMW".utf8) + [1, 2, 3] + field + field) }
    }
}
