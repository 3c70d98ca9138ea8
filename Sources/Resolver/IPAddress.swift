// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

/// An address of IPv4 or IPv6, without a scope.
package enum IPAddress: Hashable, Sendable, CustomStringConvertible {
    /// Four bytes, the first the highest.
    case v4(UInt32)
    /// Sixteen bytes as two numbers, the first the highest.
    case v6(UInt64, UInt64)

    /// 4 or 16 bytes in network order; nil for any other count.
    package init?(bytes: some Collection<UInt8>) {
        var high: UInt64 = 0
        var low: UInt64 = 0
        for byte in bytes {
            high = high << 8 | low >> 56
            low = low << 8 | UInt64(byte)
        }
        switch bytes.count {
        case 4: self = .v4(UInt32(truncatingIfNeeded: low))
        case 16: self = .v6(high, low)
        default: return nil
        }
    }

    /// In network order.
    package var bytes: [UInt8] {
        switch self {
        case .v4(let value): (0..<4).map { UInt8(truncatingIfNeeded: value >> UInt32(24 - $0 * 8)) }
        case .v6(let high, let low):
            (0..<16).map { UInt8(truncatingIfNeeded: ($0 < 8 ? high : low) >> UInt64(56 - $0 % 8 * 8)) }
        }
    }

    package var isV4: Bool { if case .v4 = self { true } else { false } }

    // MARK: Text

    /// Dotted decimal (four numbers, no leading zeros), or RFC 4291's forms; nil for anything else.
    package init?(_ text: some Collection<UInt8>) {
        guard text.count <= 45 else { return nil }
        let text = Array(text)
        if text.contains(UInt8(ascii: ":")) {
            guard let groups = Self.groups(text) else { return nil }
            self.init(bytes: groups.flatMap { [UInt8(truncatingIfNeeded: $0 >> 8), UInt8(truncatingIfNeeded: $0)] })
        } else {
            guard let value = Self.dotted(text[...]) else { return nil }
            self = .v4(value)
        }
    }

    package init?(_ text: String) { self.init(Array(text.utf8)) }

    private static func dotted(_ text: ArraySlice<UInt8>) -> UInt32? {
        let parts = text.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
        guard parts.count == 4 else { return nil }
        var value: UInt32 = 0
        for part in parts {
            guard (1...3).contains(part.count), part.count == 1 || part.first != UInt8(ascii: "0") else { return nil }
            var number: UInt32 = 0
            for byte in part {
                let digit = byte &- UInt8(ascii: "0")
                guard digit < 10 else { return nil }
                number = number * 10 + UInt32(digit)
            }
            guard number < 256 else { return nil }
            value = value << 8 | number
        }
        return value
    }

    /// The eight groups of an IPv6 address.
    private static func groups(_ text: [UInt8]) -> [UInt16]? {
        let colon = UInt8(ascii: ":")
        var head: [UInt16] = []
        var tail: [UInt16]?
        var index = 0
        if text.starts(with: [colon, colon]) {
            tail = []
            index = 2
        }
        while index < text.count {
            let piece = text[index...].prefix { $0 != colon }
            var parsed: [UInt16] = []
            if piece.contains(UInt8(ascii: ".")) {
                guard index + piece.count == text.count, let value = dotted(piece) else { return nil }
                parsed = [UInt16(truncatingIfNeeded: value >> 16), UInt16(truncatingIfNeeded: value)]
            } else {
                guard (1...4).contains(piece.count) else { return nil }
                var group: UInt16 = 0
                for byte in piece {
                    guard let digit = hexadecimal(byte) else { return nil }
                    group = group << 4 | digit
                }
                parsed = [group]
            }
            if tail == nil { head += parsed } else { tail?.append(contentsOf: parsed) }
            index += piece.count
            if index == text.count { break }
            index += 1
            if index < text.count, text[index] == colon {
                guard tail == nil else { return nil }
                tail = []
                index += 1
            } else if index == text.count {
                return nil
            }
        }
        guard let tail else { return head.count == 8 ? head : nil }
        let missing = 8 - head.count - tail.count
        return missing >= 1 ? head + [UInt16](repeating: 0, count: missing) + tail : nil
    }

    private static func hexadecimal(_ byte: UInt8) -> UInt16? {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): UInt16(byte - UInt8(ascii: "0"))
        case UInt8(ascii: "a")...UInt8(ascii: "f"): UInt16(byte - UInt8(ascii: "a") + 10)
        case UInt8(ascii: "A")...UInt8(ascii: "F"): UInt16(byte - UInt8(ascii: "A") + 10)
        default: nil
        }
    }

    /// Dotted decimal, or RFC 5952's canonical form.
    package var text: [UInt8] {
        let bytes = bytes
        guard bytes.count == 16 else {
            var result: [UInt8] = []
            for byte in bytes {
                if !result.isEmpty { result.append(UInt8(ascii: ".")) }
                result += Self.decimal(byte)
            }
            return result
        }
        let groups = (0..<8).map { UInt16(bytes[$0 * 2]) << 8 | UInt16(bytes[$0 * 2 + 1]) }
        // The longest run of zeros, the first of equals; one alone is not shortened.
        var best = 0..<0
        var start = 0
        while start < 8 {
            var end = start
            while end < 8, groups[end] == 0 { end += 1 }
            if end - start > max(best.count, 1) { best = start..<end }
            start = end + 1
        }
        var result: [UInt8] = []
        var index = 0
        while index < 8 {
            if index == best.lowerBound, !best.isEmpty {
                result += [UInt8(ascii: ":"), UInt8(ascii: ":")]
                index = best.upperBound
                continue
            }
            if index > 0, result.last != UInt8(ascii: ":") { result.append(UInt8(ascii: ":")) }
            var digits: [UInt8] = []
            for shift: UInt16 in [12, 8, 4, 0] {
                let digit = UInt8(truncatingIfNeeded: groups[index] >> shift & 15)
                guard digit != 0 || !digits.isEmpty || shift == 0 else { continue }
                digits.append(digit < 10 ? UInt8(ascii: "0") + digit : UInt8(ascii: "a") + digit - 10)
            }
            result += digits
            index += 1
        }
        return result
    }

    private static func decimal(_ byte: UInt8) -> [UInt8] {
        let digits = [byte / 100, byte / 10 % 10, byte % 10].map { $0 + UInt8(ascii: "0") }
        return Array(digits.dropFirst(byte > 99 ? 0 : byte > 9 ? 1 : 2))
    }

    package var description: String { String(decoding: text, as: UTF8.self) }
}
