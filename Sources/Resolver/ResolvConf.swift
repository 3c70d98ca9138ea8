// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

/// What a resolv.conf says (resolv.conf(5)), as glibc reads it.
package struct ResolvConf: Equatable, Sendable {
    package var servers: [Server] = []
    /// In their order; the last `search` or `domain` line counts.
    package var search: [DNSName] = []
    package var ndots = 1
    /// Seconds for the first attempt.
    package var timeout = 5
    package var attempts = 2
    package var rotates = false
    /// Only TCP (`use-vc`).
    package var usesTCP = false

    /// More than glibc takes (3), so that none is lost; a bound all the same.
    package static let maximumServers = 8
    package static let maximumSearch = 32

    package init() {}

    /// Never fails: what cannot be read is skipped, as glibc does, and counted in `skipped`.
    package init(parsing bytes: [UInt8]) {
        for line in bytes.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: true) {
            let first = line.first ?? 0
            // A comment stands at the start of a line.
            if first == UInt8(ascii: "#") || first == UInt8(ascii: ";") { continue }
            let words = line.split { $0 == UInt8(ascii: " ") || $0 == UInt8(ascii: "\t") || $0 == UInt8(ascii: "\r") }
            guard let keyword = words.first, words.count > 1 else { continue }
            let values = words.dropFirst()
            if keyword.elementsEqual("nameserver".utf8) {
                add(server: values.first.map(Array.init) ?? [])
            } else if keyword.elementsEqual("search".utf8) || keyword.elementsEqual("domain".utf8) {
                let count = keyword.count == 6 && keyword.first == UInt8(ascii: "s") ? Self.maximumSearch : 1
                search = values.prefix(count).compactMap { DNSName($0) }
            } else if keyword.elementsEqual("options".utf8) {
                for value in values { apply(option: value) }
            } else {
                skipped = min(skipped + 1, .max - 1)
            }
        }
    }

    /// Lines that meant nothing.
    package private(set) var skipped = 0

    private mutating func add(server text: [UInt8]) {
        // A scope (fe80::1%eth0) is dropped: the servers here are those of a cluster.
        guard let address = IPAddress(text.prefix { $0 != UInt8(ascii: "%") }) else {
            skipped += 1
            return
        }
        if servers.count < Self.maximumServers { servers.append(Server(address)) }
    }

    private mutating func apply(option: ArraySlice<UInt8>) {
        let parts = option.split(separator: UInt8(ascii: ":"), maxSplits: 1)
        guard let name = parts.first else { return }
        if parts.count == 2 {
            guard let number = Self.number(parts[1]) else { return }
            if name.elementsEqual("ndots".utf8) { ndots = min(number, 15) }
            if name.elementsEqual("timeout".utf8) { timeout = min(max(number, 1), 30) }
            if name.elementsEqual("attempts".utf8) { attempts = min(max(number, 1), 5) }
        } else {
            if name.elementsEqual("rotate".utf8) { rotates = true }
            if name.elementsEqual("use-vc".utf8) { usesTCP = true }
        }
    }

    private static func number(_ digits: ArraySlice<UInt8>) -> Int? {
        guard (1...6).contains(digits.count) else { return nil }
        var value = 0
        for byte in digits {
            let digit = byte &- UInt8(ascii: "0")
            guard digit < 10 else { return nil }
            value = value * 10 + Int(digit)
        }
        return value
    }

    /// A file that says this; glibc knows no ports, so a server on another than 53 is left out.
    package func rendered() -> [UInt8] {
        var text = ""
        for server in servers where server.port == Server.standardPort { text += "nameserver \(server.address)\n" }
        if !search.isEmpty { text += "search " + search.map(\.description).joined(separator: " ") + "\n" }
        text += "options ndots:\(ndots) timeout:\(timeout) attempts:\(attempts)"
        if rotates { text += " rotate" }
        if usesTCP { text += " use-vc" }
        return Array((text + "\n").utf8)
    }
}
