// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

/// The number of a record's type.
package struct RecordType: RawRepresentable, Hashable, Sendable, CustomStringConvertible {
    package var rawValue: UInt16

    package init(rawValue: UInt16) { self.rawValue = rawValue }

    package static let a = RecordType(rawValue: 1)
    package static let ns = RecordType(rawValue: 2)
    package static let cname = RecordType(rawValue: 5)
    package static let soa = RecordType(rawValue: 6)
    /// RFC 1183: the data base servers of an AFS cell.
    package static let afsdb = RecordType(rawValue: 18)
    package static let aaaa = RecordType(rawValue: 28)
    package static let srv = RecordType(rawValue: 33)
    /// EDNS0's pseudo record (RFC 6891).
    package static let opt = RecordType(rawValue: 41)

    package var description: String {
        switch self {
        case .a: "A"
        case .ns: "NS"
        case .cname: "CNAME"
        case .soa: "SOA"
        case .afsdb: "AFSDB"
        case .aaaa: "AAAA"
        case .srv: "SRV"
        case .opt: "OPT"
        default: "TYPE\(rawValue)"
        }
    }
}

/// What a record says, by its type.
package enum RecordData: Equatable, Sendable {
    case address(IPAddress)
    case alias(DNSName)
    case server(priority: UInt16, weight: UInt16, port: UInt16, target: DNSName)
    case cell(subtype: UInt16, host: DNSName)
    /// Any other type, and any class but IN: as it came.
    case other([UInt8])
}

/// A resource record.
package struct Record: Equatable, Sendable {
    package var name: DNSName
    package var type: RecordType
    package var recordClass: UInt16
    /// Seconds, as it came; see `lifetime`.
    package var ttl: UInt32
    package var data: RecordData

    /// The class of the Internet.
    package static let internet: UInt16 = 1

    package init(
        name: DNSName,
        type: RecordType,
        recordClass: UInt16 = internet,
        ttl: UInt32,
        data: RecordData
    ) {
        self.name = name
        self.type = type
        self.recordClass = recordClass
        self.ttl = ttl
        self.data = data
    }

    /// Seconds; a TTL with its highest bit set means 0 (RFC 2181, 8).
    package var lifetime: UInt32 { ttl > UInt32(Int32.max) ? 0 : ttl }

    init(_ cursor: inout WireCursor) throws(WireError) {
        name = try cursor.name()
        type = RecordType(rawValue: try cursor.u16())
        recordClass = try cursor.u16()
        ttl = try cursor.u32()
        let length = Int(try cursor.u16())
        let start = cursor.offset
        guard cursor.remaining >= length else { throw WireError(.truncated, at: start) }
        guard recordClass == Self.internet else {
            data = .other(Array(try cursor.take(length)))
            return
        }
        switch type {
        case .a, .aaaa:
            guard length == (type == .a ? 4 : 16), let address = IPAddress(bytes: try cursor.take(length)) else {
                throw WireError(.badLength, at: start)
            }
            data = .address(address)
        case .cname: data = .alias(try cursor.name())
        case .srv:
            let priority = try cursor.u16()
            let weight = try cursor.u16()
            let port = try cursor.u16()
            data = .server(priority: priority, weight: weight, port: port, target: try cursor.name())
        case .afsdb:
            let subtype = try cursor.u16()
            data = .cell(subtype: subtype, host: try cursor.name())
        default: data = .other(Array(try cursor.take(length)))
        }
        guard cursor.offset == start + length else { throw WireError(.badLength, at: start) }
    }

    /// Appends its wire form, without compression; data of more than 65535 bytes is left out.
    func append(to bytes: inout [UInt8]) {
        bytes += name.wire
        bytes.append(u16: type.rawValue)
        bytes.append(u16: recordClass)
        bytes.append(u16: UInt16(truncatingIfNeeded: ttl >> 16))
        bytes.append(u16: UInt16(truncatingIfNeeded: ttl))
        var body: [UInt8] = []
        switch data {
        case .address(let address): body = address.bytes
        case .alias(let target): body = target.wire
        case .server(let priority, let weight, let port, let target):
            for number in [priority, weight, port] { body.append(u16: number) }
            body += target.wire
        case .cell(let subtype, let host):
            body.append(u16: subtype)
            body += host.wire
        case .other(let raw): body = raw
        }
        let count = UInt16(exactly: body.count) ?? 0
        bytes.append(u16: count)
        if count != 0 { bytes += body }
    }
}

extension [UInt8] {
    /// In network order.
    mutating func append(u16 value: UInt16) {
        append(UInt8(truncatingIfNeeded: value >> 8))
        append(UInt8(truncatingIfNeeded: value))
    }
}
