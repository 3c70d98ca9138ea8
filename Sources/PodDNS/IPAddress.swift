// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

/// An IP address, parsed and printed as the kubelet does.
public struct IPAddress: Equatable, Sendable, CustomStringConvertible {
    /// Sixteen bytes; IPv4 as ::ffff:a.b.c.d.
    private var groups: [UInt16]

    /// The address that `text` is to `netutils.ParseIPSloppy`: zeros may lead in IPv4; nil where it is none.
    ///
    /// An IPv6 zone is not taken.
    public init?(sloppy text: String) { self.init(text, isStrict: false) }

    /// The address that `text` is to `net.ParseIP` of today's Go: no leading zeros in IPv4; nil where it is none.
    public init?(strict text: String) { self.init(text, isStrict: true) }

    private init?(_ text: String, isStrict: Bool) {
        let bytes = Array(text.utf8)
        guard let mark = bytes.first(where: { $0 == UInt8(ascii: ".") || $0 == UInt8(ascii: ":") }) else { return nil }
        if mark == UInt8(ascii: ".") {
            guard let value = Self.dotted(bytes[...], isStrict) else { return nil }
            groups = [0, 0, 0, 0, 0, 0xffff, value.0, value.1]
        } else {
            guard let value = Self.colons(bytes[...], isStrict) else { return nil }
            groups = value
        }
    }

    /// Whether it is IPv6; ::ffff:a.b.c.d is IPv4.
    public var isIPv6: Bool { !(groups[..<5].allSatisfy { $0 == 0 } && groups[5] == 0xffff) }

    /// Whether it is in 127.0.0.0/8 or ::1.
    public var isLoopback: Bool {
        isIPv6 ? groups == [0, 0, 0, 0, 0, 0, 0, 1] : groups[6] >> 8 == 127
    }

    /// As `net.IP.String` prints it: RFC 5952, and IPv4 with dots.
    public var description: String {
        guard isIPv6 else {
            return "\(groups[6] >> 8).\(groups[6] & 0xff).\(groups[7] >> 8).\(groups[7] & 0xff)"
        }
        // The longest run of two zeros or more, the first of equals, becomes "::".
        var best = 0..<0
        var index = 0
        while index < 8 {
            var end = index
            while end < 8, groups[end] == 0 { end += 1 }
            if end - index > max(best.count, 1) { best = index..<end }
            index = max(end, index + 1)
        }
        var text = ""
        index = 0
        while index < 8 {
            if index == best.lowerBound, !best.isEmpty {
                text += "::"
                index = best.upperBound
                continue
            }
            if index > 0, !text.hasSuffix(":") { text += ":" }
            text += String(groups[index], radix: 16)
            index += 1
        }
        return text
    }

    private static func dotted(_ bytes: ArraySlice<UInt8>, _ isStrict: Bool) -> (UInt16, UInt16)? {
        let parts = bytes.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
        guard parts.count == 4 else { return nil }
        var values: [UInt16] = []
        for part in parts {
            guard !part.isEmpty, !(isStrict && part.count > 1 && part.first == UInt8(ascii: "0")) else { return nil }
            var value: UInt16 = 0
            for byte in part {
                guard (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) else { return nil }
                value = value * 10 + UInt16(byte - UInt8(ascii: "0"))
                guard value <= 255 else { return nil }
            }
            values.append(value)
        }
        return (values[0] << 8 | values[1], values[2] << 8 | values[3])
    }

    private static func colons(_ bytes: ArraySlice<UInt8>, _ isStrict: Bool) -> [UInt16]? {
        var rest = bytes
        var head: [UInt16] = []
        var gap: Int?
        if rest.starts(with: [UInt8(ascii: ":"), UInt8(ascii: ":")]) {
            gap = 0
            rest = rest.dropFirst(2)
            if rest.isEmpty { return Array(repeating: 0, count: 8) }
        }
        while head.count < 8 {
            let digits = rest.prefix { hexadecimal($0) != nil }
            guard !digits.isEmpty else { return nil }
            // An IPv4 address as the last four bytes.
            if rest.dropFirst(digits.count).first == UInt8(ascii: ".") {
                guard gap != nil || head.count == 6, head.count <= 6, let value = dotted(rest, isStrict) else {
                    return nil
                }
                head += [value.0, value.1]
                rest = []
                break
            }
            var value: UInt32 = 0
            for digit in digits {
                value = value << 4 | UInt32(hexadecimal(digit) ?? 0)
                guard value <= 0xffff else { return nil }
            }
            guard !(isStrict && digits.count > 4) else { return nil }
            head.append(UInt16(truncatingIfNeeded: value))
            rest = rest.dropFirst(digits.count)
            guard let next = rest.first else { break }
            guard next == UInt8(ascii: ":"), rest.count > 1 else { return nil }
            rest = rest.dropFirst()
            if rest.first == UInt8(ascii: ":") {
                guard gap == nil else { return nil }
                gap = head.count
                rest = rest.dropFirst()
                if rest.isEmpty { break }
            }
        }
        guard rest.isEmpty else { return nil }
        if head.count < 8 {
            guard let gap else { return nil }
            head.insert(contentsOf: Array(repeating: 0, count: 8 - head.count), at: gap)
        } else if gap != nil {
            return nil
        }
        return head
    }

    private static func hexadecimal(_ byte: UInt8) -> UInt8? {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): byte - UInt8(ascii: "0")
        case UInt8(ascii: "a")...UInt8(ascii: "f"): byte - UInt8(ascii: "a") + 10
        case UInt8(ascii: "A")...UInt8(ascii: "F"): byte - UInt8(ascii: "A") + 10
        default: nil
        }
    }
}
