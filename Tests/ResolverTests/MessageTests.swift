// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

import Testing

@testable import Resolver

/// Messages byte for byte, from the servers they were taken from or written by hand after RFC 1035, 2782 and 6891.
struct MessageTests {
    static let query = hex(
        """
        12 34          # id
        01 00          # a query, recursion desired
        00 01 00 00 00 00 00 01
        03 736d62 03 737663 00      # smb.svc
        00 01 00 01    # A, IN
        00             # the root
        00 29          # OPT
        04 d0          # 1232 bytes
        00 00 00 00    # no extended code, version 0, no flags
        00 00          # no options
        """
    )

    static let response = hex(
        """
        12 34
        85 80          # a response, authoritative, RD, RA
        00 01 00 03 00 01 00 02
        03 736d62 03 737663 00      # at 12: smb.svc, its svc at 16
        00 01 00 01
        c0 0c 00 05 00 01 00 00 00 1e 00 05 02 6673 c0 10       # smb.svc CNAME fs.svc, 30 s; fs.svc at 37
        c0 25 00 01 00 01 00 00 00 05 00 04 0a 00 00 01         # fs.svc A 10.0.0.1, 5 s
        c0 25 00 1c 00 01 ff ff ff ff 00 10                     # fs.svc AAAA fd00::1, a TTL that means 0
           fd 00 00 00 00 00 00 00 00 00 00 00 00 00 00 01
        c0 10 00 06 00 01 00 00 00 05 00 03 00 00 00            # a SOA; its data is not looked at
        c0 10 00 21 00 01 00 00 00 05 00 0b 00 01 00 02 1b 5b   # svc SRV 1 2 7003 fs.svc
           02 6673 c0 10
        c0 10 00 12 00 01 00 00 00 05 00 04 00 01 c0 25         # svc AFSDB 1 fs.svc
        """
    )

    @Test func queryIsWhatItShouldBe() throws {
        let name = try #require(DNSName("smb.svc"))
        let message = Message.query(id: 0x1234, Question(name, .a), udpSize: 1232)
        #expect(message.encoded() == Self.query)
        #expect(try Message(parsing: Self.query) == message)
        #expect(Message.query(id: 1, Question(name, .a), udpSize: nil).additionals.isEmpty)
    }

    @Test func responseIsReadWhole() throws {
        let message = try Message(parsing: Self.response)
        let fs = try #require(DNSName("fs.svc"))
        #expect(message.isResponse && !message.isTruncated && message.code == .noError && message.id == 0x1234)
        #expect(message.questions == [Question(try #require(DNSName("smb.svc")), .a)])
        #expect(
            message.answers.map(\.data) == [.alias(fs), .address(.v4(0x0a00_0001)), .address(.v6(0xfd00 << 48, 1))]
        )
        #expect(message.answers.map(\.lifetime) == [30, 5, 0])
        #expect(message.authorities.map(\.type) == [.soa])
        #expect(
            message.additionals.map(\.data) == [
                .server(priority: 1, weight: 2, port: 7003, target: fs), .cell(subtype: 1, host: fs),
            ]
        )
        // What was encoded without compression says the same.
        #expect(try Message(parsing: message.encoded()) == message)
    }

    /// A message cut anywhere is refused, and says where it ended.
    @Test(arguments: [query, response])
    func everyTruncationIsRefused(whole: [UInt8]) {
        for count in 0..<whole.count {
            #expect(throws: WireError.self, "\(count)") { try Message(parsing: Array(whole.prefix(count))) }
        }
    }

    @Test func whatFollowsIsIgnored() throws {
        #expect(try Message(parsing: Self.query + [1, 2, 3]) == Message(parsing: Self.query))
    }

    private func refused(_ text: String) -> WireError? {
        do throws(WireError) {
            _ = try Message(parsing: hex("12348000 0001 0000 0000 0000" + text))
            return nil
        } catch { return error }
    }

    @Test func pointersGoBackOnly() {
        #expect(refused("c00c 0001 0001") == WireError(.badPointer, at: 12), "to itself")
        #expect(refused("c0ff 0001 0001") == WireError(.badPointer, at: 12), "forward")
        #expect(refused("0161 c00c 0001 0001") == WireError(.badPointer, at: 14), "to the start of its own name")
        #expect(refused("0161 40 0001 0001") == WireError(.badLabel, at: 14))
        #expect(refused("0161 80 0001 0001") == WireError(.badLabel, at: 14))
        #expect(refused("c0") == WireError(.truncated, at: 12))
    }

    @Test func namesAreNoLongerThan255() {
        let label = "3f" + String(repeating: "61", count: 63)
        #expect(
            refused(String(repeating: label, count: 3) + "3d" + String(repeating: "61", count: 61) + "00 0001 0001")
                == nil
        )
        #expect(refused(String(repeating: label, count: 4) + "00 0001 0001")?.kind == .nameTooLong)
    }

    @Test(arguments: [
        "0001 0001 00000005 0003 0a0000", "0001 0001 00000005 0005 0a00000101", "001c 0001 00000005 0004 0a000001",
        "0005 0001 00000005 0004 016100 00", "0005 0001 00000005 0002 016100",
        "0021 0001 00000005 0006 000100020003 00",
        "0012 0001 00000005 0002 0001 00",
    ])
    func dataOfAnotherLengthIsRefused(record: String) {
        #expect(throws: WireError.self) { try Message(parsing: hex("12348000 0000 0001 0000 0000 00" + record)) }
    }

    @Test func dataOfAnotherClassIsLeftAlone() throws {
        let message = try Message(parsing: hex("12348000 0000 0001 0000 0000 00 0001 0003 00000005 0002 abcd"))
        #expect(message.answers.first?.data == .other([0xab, 0xcd]))
    }

    @Test func everyFieldAtItsGreatest() throws {
        var message = Message(id: .max, flags: .max & ~0x0200)
        let name = try #require(DNSName("x"))
        message.answers = [
            Record(
                name: name,
                type: .srv,
                ttl: .max,
                data: .server(priority: .max, weight: .max, port: .max, target: name)
            ),
            Record(name: name, type: RecordType(rawValue: .max), recordClass: .max, ttl: 0, data: .other([])),
        ]
        #expect(try Message(parsing: message.encoded()) == message)
    }

    /// The records of a truncated message are whatever fitted.
    @Test func ofATruncatedMessageTheQuestionCounts() throws {
        var bytes = Self.response.prefix(30)
        bytes[2] |= 0x02
        let message = try Message(parsing: Array(bytes))
        #expect(message.isTruncated && message.questions.count == 1 && message.answers.isEmpty)
    }
}
