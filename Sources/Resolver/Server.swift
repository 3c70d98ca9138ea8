// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

/// Where a name server listens.
package struct Server: Hashable, Sendable, CustomStringConvertible {
    package var address: IPAddress
    package var port: UInt16

    package static let standardPort: UInt16 = 53

    package init(_ address: IPAddress, port: UInt16 = standardPort) {
        self.address = address
        self.port = port
    }

    /// `10.0.0.1`, `10.0.0.1:5353`, `fd00::1`, `[fd00::1]:5353`; nil for anything else, and for port 0.
    package init?(_ text: some Collection<UInt8>) {
        let text = Array(text)
        if let address = IPAddress(text) {
            self.init(address)
            return
        }
        guard let colon = text.lastIndex(of: UInt8(ascii: ":")), let port = Self.port(text[(colon + 1)...]) else {
            return nil
        }
        var host = text[..<colon]
        let isBracketed = host.first == UInt8(ascii: "[") && host.last == UInt8(ascii: "]")
        if isBracketed { host = host.dropFirst().dropLast() }
        guard let address = IPAddress(host), address.isV4 != isBracketed else { return nil }
        self.init(address, port: port)
    }

    package init?(_ text: String) { self.init(Array(text.utf8)) }

    private static func port(_ digits: ArraySlice<UInt8>) -> UInt16? {
        guard (1...5).contains(digits.count) else { return nil }
        var value = 0
        for byte in digits {
            let digit = byte &- UInt8(ascii: "0")
            guard digit < 10 else { return nil }
            value = value * 10 + Int(digit)
        }
        return value == 0 ? nil : UInt16(exactly: value)
    }

    /// The form that `init` takes; the port only where it is not 53.
    package var description: String {
        guard port != Self.standardPort else { return address.description }
        return address.isV4 ? "\(address):\(port)" : "[\(address)]:\(port)"
    }
}
