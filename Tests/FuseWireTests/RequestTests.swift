// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

import CLinux
import FuseWire
import Testing

/// Requests from bytes: what each field is, and that nothing but whole requests is accepted.
@Suite struct RequestTests {
    private func decode(_ bytes: [UInt8]) throws(WireError) -> Request {
        let header = try RequestHeader(decoding: bytes.span.bytes)
        return try Request(decoding: bytes.span.bytes, header: header)
    }

    /// Each with the least body that is a request, and what it means.
    private static let whole: [(opcode: UInt32, body: [UInt8], request: Request)] = [
        (1, Array("a\0".utf8), .lookup(name: [97])),
        (2, little(UInt64(1)), .forget),
        (3, [UInt8](repeating: 0, count: 16), .getattr(handle: nil)),
        (3, little(UInt64(0)) + little(UInt64(7)), .getattr(handle: nil)),
        (3, little(UInt64(1)) + little(UInt64(7)), .getattr(handle: 7)),
        (14, little(UInt32(0x8000)) + little(UInt32(0)), .open(flags: 0x8000)),
        (
            15, little(UInt64(7)) + little(UInt64(4096)) + little(UInt32(131072)) + [UInt8](repeating: 0, count: 20),
            .read(handle: 7, offset: 4096, size: 131072, isDirect: false)
        ),
        (
            15,
            little(UInt64(7)) + little(UInt64(0)) + little(UInt32(512)) + little(UInt32(2))
                + [UInt8](repeating: 0, count: 16),
            .read(handle: 7, offset: 0, size: 512, isDirect: true)
        ),
        (18, little(UInt64(9)) + [UInt8](repeating: 0, count: 16), .release(handle: 9)),
        (
            26, little(UInt32(7)) + little(UInt32(31)) + little(UInt32(65536)) + little(UInt32(3)),
            .initialize(InitRequest(major: 7, minor: 31, maxReadahead: 65536, flags: 3, flags2: 0))
        ),
        (27, little(UInt64(0)), .opendir),
        (
            28, little(UInt64(1)) + little(UInt64(2)) + little(UInt32(3)) + [UInt8](repeating: 0, count: 20),
            .readdir(handle: 1, offset: 2, size: 3)
        ),
        (29, little(UInt64(9)) + [UInt8](repeating: 0, count: 16), .releasedir(handle: 9)),
        (36, little(UInt64(77)), .interrupt(unique: 77)),
        (42, little(UInt32(0)) + little(UInt32(0)), .forget),
    ]

    @Test func headerInAnnotatedHex() throws {
        let bytes = hex("2a000000 01000000 8877665544332211 0100000000000000 e8030000 e9030000 2a000000 0000 0000 6100")
        // len 42, opcode LOOKUP, unique 0x1122334455667788, nodeid 1, uid 1000, gid 1001, pid 42, total_extlen, padding; "a"
        let header = try RequestHeader(decoding: bytes.span.bytes)
        #expect(header.length == 42)
        #expect(header.opcode == .lookup)
        #expect(header.unique == 0x1122_3344_5566_7788)
        #expect(header.node == 1)
        #expect(header.uid == 1000)
        #expect(header.gid == 1001)
        #expect(header.pid == 42)
        #expect(try decode(bytes) == .lookup(name: [97]))
    }

    @Test func wholeRequestsAreRead() throws {
        for (opcode, body, request) in Self.whole {
            #expect(try decode(message(opcode: opcode, body)) == request, "opcode \(opcode)")
        }
    }

    @Test func requestsWithoutABody() throws {
        #expect(try decode(message(opcode: 5)) == .readlink)
        #expect(try decode(message(opcode: 17)) == .statfs)
        #expect(try decode(message(opcode: 38)) == .destroy)
    }

    @Test func everyTruncationIsRejected() throws {
        for (opcode, body, _) in Self.whole {
            for count in 0..<body.count {
                // The header says what is there, so only the body can tell.
                let bytes = message(opcode: opcode, Array(body.prefix(count)))
                #expect(throws: WireError.self, "opcode \(opcode), \(count) of \(body.count) bytes") {
                    try decode(bytes)
                }
            }
        }
    }

    @Test func everyTruncatedHeaderIsRejected() {
        let bytes = message(opcode: 17)
        for count in 0..<40 {
            #expect(throws: WireError(kind: .truncated, offset: count)) {
                try RequestHeader(decoding: Array(bytes.prefix(count)).span.bytes)
            }
        }
    }

    /// The header's length is compared with what was read: both ways.
    @Test(arguments: [UInt32(0), 39, 41, 8192, .max]) func anotherLengthIsRejected(length: UInt32) {
        #expect(throws: WireError(kind: .length, offset: 0)) { try decode(message(opcode: 17, length: length)) }
    }

    @Test func everyFieldAtItsGreatest() throws {
        let all = [UInt8](repeating: 0xFF, count: 40)
        #expect(
            try decode(message(opcode: 15, unique: .max, node: .max, pid: .max, all))
                == .read(handle: .max, offset: .max, size: .max, isDirect: true)
        )
        #expect(try decode(message(opcode: 28, all)) == .readdir(handle: .max, offset: .max, size: .max))
        #expect(try decode(message(opcode: 14, Array(all.prefix(8)))) == .open(flags: .max))
        #expect(try decode(message(opcode: 18, Array(all.prefix(24)))) == .release(handle: .max))
        #expect(try decode(message(opcode: 36, Array(all.prefix(8)))) == .interrupt(unique: .max))
        let header = try RequestHeader(decoding: [UInt8](repeating: 0xFF, count: 40).span.bytes)
        #expect(header.opcode.rawValue == .max)
        #expect(header.length == .max)
        #expect(header.pid == .max)
    }

    /// A name of 4095 bytes is read, 4096 are too many, and one without its NUL is none.
    @Test func namesAreBounded() throws {
        let name = [UInt8](repeating: 0xE9, count: 4095)
        #expect(try decode(message(opcode: 1, name + [0])) == .lookup(name: name))
        #expect(throws: WireError(kind: .nameTooLong, offset: 4136)) { try decode(message(opcode: 1, name + [1, 0])) }
        #expect(throws: WireError(kind: .unterminatedName, offset: 41)) { try decode(message(opcode: 1, [97])) }
        #expect(try decode(message(opcode: 1, [0])) == .lookup(name: []))
        // What follows the NUL (7.38's extensions) is not the name's.
        #expect(try decode(message(opcode: 1, [97, 0, 98, 0])) == .lookup(name: [97]))
    }

    /// Every byte but NUL can be in a name.
    @Test func namesHoldEveryByte() throws {
        let name = (1...255).map { UInt8($0) }
        #expect(try decode(message(opcode: 1, name + [0])) == .lookup(name: name))
    }

    @Test(arguments: [
        (UInt32(0), 0, true), (1, 1, true), (2, 1, false), (1, 2, true), (.max, 4, false), (1 << 28, 1, false),
    ])
    func batchForgetHoldsWhatItSays(count: UInt32, there: Int, isWhole: Bool) throws {
        let body = little(count) + little(UInt32(0)) + [UInt8](repeating: 0, count: 16 * there)
        if isWhole {
            #expect(try decode(message(opcode: 42, body)) == .forget)
        } else {
            #expect(throws: WireError(kind: .bounds, offset: 48)) { try decode(message(opcode: 42, body)) }
        }
    }

    /// Before 7.36 16 bytes, since then 64: flags2 and 11 unused words.
    @Test func initOfOldAndNewKernels() throws {
        let old = little(UInt32(7)) + little(UInt32(31)) + little(UInt32(131072)) + little(UInt32(0x00C0_FFEE))
        guard case .initialize(let first) = try decode(message(opcode: 26, old)) else {
            Issue.record("no INIT")
            return
        }
        #expect(first == InitRequest(major: 7, minor: 31, maxReadahead: 131072, flags: 0x00C0_FFEE, flags2: 0))
        let new = old + little(UInt32(0x1FF)) + [UInt8](repeating: 0, count: 44)
        guard case .initialize(let second) = try decode(message(opcode: 26, new)) else {
            Issue.record("no INIT")
            return
        }
        #expect(second.flags2 == 0x1FF)
        // Something in between has no flags2, and is no error.
        guard case .initialize(let third) = try decode(message(opcode: 26, old + [1, 2, 3])) else {
            Issue.record("no INIT")
            return
        }
        #expect(third.flags2 == 0)
    }

    @Test func otherOpcodesAreUnimplemented() throws {
        let known: Set<UInt32> = [1, 2, 3, 5, 14, 15, 17, 18, 25, 26, 27, 28, 29, 36, 38, 42]
        for opcode in Array(UInt32(0)...60) + [4096, 1 << 31, .max] where !known.contains(opcode) {
            #expect(try decode(message(opcode: opcode, [1, 2, 3])) == .unimplemented, "opcode \(opcode)")
        }
        // The kernel is told once that FLUSH is nothing to us.
        #expect(try decode(message(opcode: 25, [UInt8](repeating: 0, count: 24))) == .unimplemented)
    }

    /// Any bytes are a request or an error, never a trap.
    ///
    /// The generator is fixed.
    @Test func anyBytesAreARequestOrAnError() {
        var state: UInt64 = 0x9E37_79B9_7F4A_7C15
        func next() -> UInt64 {
            state ^= state << 13
            state ^= state >> 7
            state ^= state << 17
            return state
        }
        var decoded = 0
        for _ in 0..<50_000 {
            let body = (0..<Int(next() % 80)).map { _ in UInt8(truncatingIfNeeded: next()) }
            let bytes = message(opcode: UInt32(next() % 64), body)
            if (try? decode(bytes)) != nil { decoded += 1 }
        }
        #expect((1000..<50_000).contains(decoded))
    }
}
