// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

import Resolver
import Testing

@testable import KeyDNS

struct PayloadTests {
    private func addresses(_ texts: String...) -> [IPAddress] { texts.compactMap { IPAddress($0) } }

    @Test func textEndsInTheNUL() {
        #expect(Payload.text(addresses("10.0.0.1")) == Array("10.0.0.1\0".utf8))
        #expect(Payload.text(addresses("fd00::1")) == Array("fd00::1\0".utf8))
        #expect(Payload.text(addresses("10.0.0.1", "fd00::1")) == Array("10.0.0.1,fd00::1\0".utf8))
        #expect(Payload.text([]) == nil)
    }

    @Test func textIsBounded() throws {
        let payload = try #require(Payload.text([IPAddress](repeating: .v6(.max, .max), count: 100_000)))
        #expect(payload.count <= Payload.maximumLength)
        #expect(
            payload.last == 0 && payload.filter { $0 == 0 }.count == 1 && payload.dropLast().last != UInt8(ascii: ",")
        )
    }

    /// Byte for byte, by linux/dns_resolver.h.
    @Test func serverListVersion1() throws {
        let name = try #require(DNSName("db.x"))
        let server = CellServer(
            name: name,
            priority: 0x0102,
            weight: 3,
            port: 7003,
            addresses: addresses("10.0.0.1", "fd00::1")
        )
        let expected: [UInt8] =
            // zero, a server list, version 1, from SRV, good, one server
            [0, 0, 1, 4, 1, 1]
            // name_len, priority, weight, port: little endian
            + [4, 0, 0x02, 0x01, 3, 0, 0x5b, 0x1b]
            // from SRV, good, UDP, two addresses
            + [4, 1, 1, 2] + Array("db.x".utf8)
            + [0, 10, 0, 0, 1] + [1, 0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]
        #expect(Payload.servers([server], source: .srv) == expected)
    }

    @Test func serversWithoutAddressesAreSaid() throws {
        let server = CellServer(name: try #require(DNSName("x")), priority: 0, weight: 0, port: 7003, addresses: [])
        let payload = try #require(Payload.servers([server], source: .afsdb))
        #expect(payload[3] == 3 && payload[4] == 2 && payload[5] == 1)
        #expect(payload[6 + 9] == 4 && payload[6 + 11] == 0)
        #expect(Payload.servers([], source: .srv) == nil)
    }

    @Test func serverListIsBounded() throws {
        let name = try #require(DNSName(String(repeating: "x", count: 60)))
        let many = CellServer(
            name: name,
            priority: .max,
            weight: .max,
            port: .max,
            addresses: [IPAddress](repeating: .v6(1, 1), count: 1000)
        )
        let payload = try #require(Payload.servers([CellServer](repeating: many, count: 1000), source: .srv))
        #expect(payload.count <= Payload.maximumLength)
        // As many servers as the header says, each whole; the rest did not fit.
        let one = 12 + 60 + 255 * 17
        #expect((payload.count - 6) == Int(payload[5]) * one && payload[4] == 2)
    }

    @Test func lifetimes() {
        let rule = LifetimeRule(floor: 1, cap: 5)
        #expect([0, 1, 3, 5, 30, .max].map { rule.seconds(ttl: $0) } == [1, 1, 3, 5, 5, 5])
        #expect(LifetimeRule(floor: 0, cap: 0).seconds(ttl: 0) == 1)
        #expect(LifetimeRule(floor: 10, cap: 5).seconds(ttl: 1) == 10)
    }

    /// ENOKEY is what the kernel keeps against clients; nothing here may be that, nor 0.
    @Test func failuresHaveTheirErrno() {
        let failures: [LookupFailure] = [
            .noSuchName, .noData, .aliasLoop, .exchange(.timeout), .exchange(.code(.serverFailure)),
            .exchange(.code(.refused)), .exchange(.unreachable), .exchange(.noServer), .exchange(.malformed),
        ]
        #expect(failures.map { Rejection($0).errno } == [61, 61, 40, 11, 11, 111, 113, 113, 74])
    }

    @Test func aClientStaysWhereItIs() throws {
        let name = try #require(DNSName("smb.svc"))
        let pods = addresses("10.0.0.1", "10.0.0.2", "10.0.0.3")
        func chosen(_ from: [IPAddress], _ previous: IPAddress?, seed: UInt64 = 7) -> IPAddress? {
            AddressChoice.one(of: from, name: name, previous: previous, seed: seed)
        }
        for pod in pods { #expect(chosen(pods, pod) == pod && chosen(pods.reversed(), pod) == pod) }
        // Without memory: the same whatever the order, and when another pod goes.
        let first = try #require(chosen(pods, nil))
        #expect(chosen(pods.reversed(), nil) == first)
        for gone in pods where gone != first { #expect(chosen(pods.filter { $0 != gone }, nil) == first) }
        let rest = pods.filter { $0 != first }
        #expect(rest.contains(try #require(chosen(rest, first))))
        #expect(chosen([], first) == nil)
        // Nodes spread.
        #expect(Set((0..<100).compactMap { chosen(pods, nil, seed: $0) }).count == 3)
    }
}
