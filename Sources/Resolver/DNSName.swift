// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

/// A domain name, absolute, as labels; equal without regard to the case of ASCII letters (RFC 4343).
package struct DNSName: Hashable, Sendable, CustomStringConvertible {
    /// Length-prefixed labels and the root's zero, in the case they came in; 255 bytes at most.
    package private(set) var wire: [UInt8]

    package static let maximumWireLength = 255

    /// Takes labels that were checked.
    init(checked wire: [UInt8]) { self.wire = wire }

    /// The root.
    package static var root: DNSName { DNSName(checked: [0]) }

    /// From its text: labels between dots, one dot at the end allowed, `\.` and `\DDD` for bytes that are none.
    ///
    /// nil where a label is empty or longer than 63 bytes, or the whole is longer than 255.
    package init?(_ text: some Sequence<UInt8>) { self.init(Array(text)) }

    /// As above.
    package init?(_ text: [UInt8]) {
        var wire: [UInt8] = []
        var label: [UInt8] = []
        var escape: [UInt8]?
        var isEmpty = true
        var endsInDot = false
        for byte in text {
            isEmpty = false
            if var digits = escape {
                digits.append(byte)
                guard Self.isDigit(digits[0]) else {
                    label.append(byte)
                    escape = nil
                    continue
                }
                guard Self.isDigit(byte) else { return nil }
                escape = digits
                if digits.count == 3 {
                    let value = digits.reduce(0) { $0 * 10 + Int($1 &- UInt8(ascii: "0")) }
                    guard value <= 255 else { return nil }
                    label.append(UInt8(truncatingIfNeeded: value))
                    escape = nil
                }
                continue
            }
            endsInDot = byte == UInt8(ascii: ".")
            if endsInDot {
                if label.isEmpty, wire.isEmpty {
                    // The root alone: nothing may follow.
                    wire.append(0)
                    continue
                }
                guard Self.append(label, to: &wire) else { return nil }
                label = []
            } else if byte == UInt8(ascii: "\\") {
                escape = []
            } else {
                label.append(byte)
            }
        }
        guard !isEmpty, escape == nil else { return nil }
        if wire == [0] {
            guard label.isEmpty else { return nil }
            self.wire = wire
            return
        }
        if !endsInDot || !label.isEmpty { guard Self.append(label, to: &wire) else { return nil } }
        wire.append(0)
        guard wire.count <= Self.maximumWireLength else { return nil }
        self.wire = wire
    }

    package init?(_ text: String) { self.init(Array(text.utf8)) }

    private static func append(_ label: [UInt8], to wire: inout [UInt8]) -> Bool {
        guard (1...63).contains(label.count), wire.first != 0, wire.count < maximumWireLength else { return false }
        wire.append(UInt8(truncatingIfNeeded: label.count))
        wire.append(contentsOf: label)
        return true
    }

    private static func isDigit(_ byte: UInt8) -> Bool { byte &- UInt8(ascii: "0") < 10 }

    /// ASCII letters in lower case.
    ///
    /// A length byte is 63 at most, and no letter.
    static func folded(_ byte: UInt8) -> UInt8 { byte &- UInt8(ascii: "A") < 26 ? byte | 0x20 : byte }

    /// The same name in lower case.
    package var folded: DNSName { DNSName(checked: wire.map(Self.folded)) }

    package static func == (left: DNSName, right: DNSName) -> Bool {
        left.wire.count == right.wire.count
            && left.wire.elementsEqual(right.wire) { folded($0) == folded($1) }
    }

    package func hash(into hasher: inout Hasher) { for byte in wire { hasher.combine(Self.folded(byte)) } }

    /// Where the labels start in `wire`, the root's not counted.
    private var labelStarts: [Int] {
        var starts: [Int] = []
        var index = 0
        while index < wire.count, wire[index] != 0 {
            starts.append(index)
            index += 1 + Int(wire[index])
        }
        return starts
    }

    package var labelCount: Int { labelStarts.count }

    /// Whether it is `zone`, or below it.
    package func isWithin(_ zone: DNSName) -> Bool {
        guard zone.wire.count <= wire.count else { return false }
        let start = wire.count - zone.wire.count
        guard start == 0 || labelStarts.contains(start) || zone == .root else { return false }
        return wire[start...].elementsEqual(zone.wire) { Self.folded($0) == Self.folded($1) }
    }

    /// The labels of this name before those of `suffix`; nil where that is longer than a name can be.
    package func appending(_ suffix: DNSName) -> DNSName? {
        let joined = Array(wire.dropLast()) + suffix.wire
        return joined.count <= Self.maximumWireLength ? DNSName(checked: joined) : nil
    }

    /// The case of each letter chosen by a bit of `bits` (0x20 encoding), the last bits first, again from the start
    /// where there are more letters than bits.
    package func withCase(from bits: UInt64) -> DNSName {
        var result = wire
        var rest = bits
        for index in result.indices {
            let lower = Self.folded(result[index])
            guard lower &- UInt8(ascii: "a") < 26 else { continue }
            result[index] = rest & 1 == 1 ? lower & ~0x20 : lower
            rest = rest >> 1 | rest << 63
        }
        return DNSName(checked: result)
    }

    /// The text form, without a dot at the end but for the root; what is no printable ASCII as `\DDD`.
    package var text: [UInt8] {
        var result: [UInt8] = []
        for start in labelStarts {
            if !result.isEmpty { result.append(UInt8(ascii: ".")) }
            for byte in wire[(start + 1)...].prefix(Int(wire[start])) {
                switch byte {
                case UInt8(ascii: "."), UInt8(ascii: "\\"): result += [UInt8(ascii: "\\"), byte]
                case 0x21...0x7e: result.append(byte)
                default:
                    result.append(UInt8(ascii: "\\"))
                    for divisor: UInt8 in [100, 10, 1] { result.append(UInt8(ascii: "0") + byte / divisor % 10) }
                }
            }
        }
        return result.isEmpty ? [UInt8(ascii: ".")] : result
    }

    package var description: String { String(decoding: text, as: UTF8.self) }
}

extension DNSName {
    /// From its wire form alone, uncompressed and whole; nil for anything else.
    package init?(wireForm bytes: some Collection<UInt8>) {
        var cursor = WireCursor(Array(bytes))
        guard let name = try? cursor.name(), cursor.remaining == 0, name.wire.count == bytes.count else { return nil }
        self = name
    }
}
