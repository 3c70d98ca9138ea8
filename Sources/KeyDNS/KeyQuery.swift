// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

package import Resolver

/// What the kernel wants to know: a `dns_resolver` key's description, `[TYPE:]NAME` (dns_query(), net/dns_resolver).
package struct KeyQuery: Equatable, Sendable {
    package enum Kind: Equatable, Sendable {
        /// Addresses of a host: no type, or `a`, `aaaa`, which select a family.
        case host
        /// The data base servers of an AFS cell.
        case cell
        /// A type that nobody here knows.
        case unknown([UInt8])
    }

    package var kind: Kind
    package var name: DNSName
    /// The name came with a dot at its end: it means itself alone.
    package var isAbsolute: Bool
    /// The family that the type itself selects.
    package var family: Family?

    package enum Family: Equatable, Sendable { case v4, v6 }

    /// Longer names are never asked for (dns_query() takes 255 bytes).
    package static let maximumLength = 512

    /// nil where there is no name in it that DNS could have.
    package init?(description: [UInt8]) {
        guard description.count <= Self.maximumLength else { return nil }
        var text = description[...]
        kind = .host
        if let colon = text.firstIndex(of: UInt8(ascii: ":")) {
            let type = text[..<colon].map { $0 &- UInt8(ascii: "A") < 26 ? $0 | 0x20 : $0 }
            text = text[(colon + 1)...]
            if type == Array("afsdb".utf8) {
                kind = .cell
            } else if type == Array("a".utf8) {
                family = .v4
            } else if type == Array("aaaa".utf8) {
                family = .v6
            } else {
                kind = .unknown(type)
            }
        }
        guard let name = DNSName(text), name != .root else { return nil }
        self.name = name
        isAbsolute = text.last == UInt8(ascii: ".")
    }

    /// From what KEYCTL_DESCRIBE returns: `dns_resolver;UID;GID;PERM;DESCRIPTION`; nil where it is of another type.
    package init?(keyDescription text: [UInt8]) {
        let text = text.prefix { $0 != 0 }
        let fields = text.split(separator: UInt8(ascii: ";"), maxSplits: 4, omittingEmptySubsequences: false)
        guard fields.count == 5, Array(fields[0]) == Array("dns_resolver".utf8) else { return nil }
        self.init(description: Array(fields[4]))
    }
}
