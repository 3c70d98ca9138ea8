// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

import Testing

@testable import Resolver

struct IPAddressTests {
    @Test(arguments: [
        ("10.96.0.10", "10.96.0.10"), ("0.0.0.0", "0.0.0.0"), ("255.255.255.255", "255.255.255.255"),
        ("::", "::"), ("::1", "::1"), ("fd00::1", "fd00::1"),
        ("2001:DB8:0:0:8:800:200C:417A", "2001:db8::8:800:200c:417a"),
        ("1:0:0:2:0:0:0:3", "1:0:0:2::3"), ("1:0:2:3:4:5:6:7", "1:0:2:3:4:5:6:7"), ("::ffff:10.0.0.1", "::ffff:a00:1"),
        ("1::", "1::"), ("1:2:3:4:5:6:7:8", "1:2:3:4:5:6:7:8"), ("0:0:1::", "0:0:1::"),
        ("1:2:3:4:5:6:7::", "1:2:3:4:5:6:7:0"),
    ])
    func canonicalText(text: String, expected: String) {
        #expect(IPAddress(text)?.description == expected)
        #expect(IPAddress(expected) == IPAddress(text))
    }

    @Test(arguments: [
        "", "1.2.3", "1.2.3.4.5", "256.1.1.1", "01.2.3.4", "1.2.3.4 ", " 1.2.3.4", "a.b.c.d", "1..2.3", "-1.2.3.4",
        ":", ":::", "1::2::3", "1:2:3:4:5:6:7", "1:2:3:4:5:6:7:8:9", "12345::", "g::", "::1:", "1.2.3.4::", "::1.2.3",
        "1:2:3:4:5:6:7:8::", "fe80::1%eth0", "1:2:3:4:5:6:7:1.2.3.4",
    ])
    func refuses(text: String) { #expect(IPAddress(text) == nil) }

    @Test func bytesComeBack() {
        for bytes: [UInt8] in [[10, 0, 0, 1], Array(1...16)] { #expect(IPAddress(bytes: bytes)?.bytes == bytes) }
        for count in [0, 1, 3, 5, 15, 17] { #expect(IPAddress(bytes: [UInt8](repeating: 1, count: count)) == nil) }
    }

    @Test(arguments: [
        ("10.0.0.1", "10.0.0.1"), ("10.0.0.1:53", "10.0.0.1"), ("10.0.0.1:5353", "10.0.0.1:5353"),
        ("fd00::1", "fd00::1"),
        ("[fd00::1]:5353", "[fd00::1]:5353"), ("[fd00::1]:53", "fd00::1"),
    ])
    func servers(text: String, expected: String) { #expect(Server(text)?.description == expected) }

    @Test(arguments: [
        "", "10.0.0.1:", "10.0.0.1:0", "10.0.0.1:65536", "10.0.0.1:x", "[10.0.0.1]:53", "[fd00::1]", "host:53",
    ])
    func refusesServers(text: String) { #expect(Server(text) == nil) }
}
