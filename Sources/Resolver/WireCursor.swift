// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

/// Reads a message from its start to its end; every read is checked.
struct WireCursor {
    private let bytes: [UInt8]
    private(set) var offset = 0

    init(_ bytes: [UInt8]) { self.bytes = bytes }

    var remaining: Int { bytes.count - offset }

    mutating func u8() throws(WireError) -> UInt8 {
        guard offset < bytes.count else { throw WireError(.truncated, at: offset) }
        defer { offset += 1 }
        return bytes[offset]
    }

    mutating func u16() throws(WireError) -> UInt16 {
        guard remaining >= 2 else { throw WireError(.truncated, at: offset) }
        defer { offset += 2 }
        return UInt16(bytes[offset]) << 8 | UInt16(bytes[offset + 1])
    }

    mutating func u32() throws(WireError) -> UInt32 {
        guard remaining >= 4 else { throw WireError(.truncated, at: offset) }
        let high = try u16()
        return UInt32(high) << 16 | UInt32(try u16())
    }

    mutating func take(_ count: Int) throws(WireError) -> ArraySlice<UInt8> {
        guard count >= 0, remaining >= count else { throw WireError(.truncated, at: offset) }
        defer { offset += count }
        return bytes[offset..<(offset + count)]
    }

    /// A name, compressed or not.
    ///
    /// A pointer has to point before where its own part of the name begins, so following them ends.
    mutating func name() throws(WireError) -> DNSName {
        var wire: [UInt8] = []
        var position = offset
        var partStart = offset
        var resume: Int?
        while true {
            guard position < bytes.count else { throw WireError(.truncated, at: position) }
            let length = bytes[position]
            switch length >> 6 {
            case 0:
                let end = position + 1 + Int(length)
                guard end <= bytes.count else { throw WireError(.truncated, at: position) }
                guard wire.count + 1 + Int(length) <= DNSName.maximumWireLength else {
                    throw WireError(.nameTooLong, at: position)
                }
                wire.append(contentsOf: bytes[position..<end])
                position = end
                if length == 0 {
                    offset = resume ?? position
                    return DNSName(checked: wire)
                }
            case 3:
                guard position + 1 < bytes.count else { throw WireError(.truncated, at: position) }
                let target = Int(length & 0x3f) << 8 | Int(bytes[position + 1])
                guard target < partStart else { throw WireError(.badPointer, at: position) }
                resume = resume ?? position + 2
                position = target
                partStart = target
            default: throw WireError(.badLabel, at: position)
            }
        }
    }
}
