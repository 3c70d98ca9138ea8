// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

package import Resolver

/// What helper processes know of one name: a slot of the shared cache file.
///
/// Of a fixed size, with a digest: a slot that was torn or damaged is no record.
package struct CacheRecord: Equatable, Sendable {
    /// What was asked: the name in lower case, and what makes another question of it.
    package struct Key: Hashable, Sendable {
        package var name: DNSName
        package var form: UInt8

        package init(name: DNSName, form: UInt8) {
            self.name = name.folded
            self.form = form
        }

        /// A host's addresses: the types asked for, in their order, and whether all of them.
        package init(name: DNSName, types: [RecordType], all: Bool) {
            let form: UInt8 = types.prefix(2).reduce(1) { $0 << 2 | ($1 == .a ? 1 : 2) }
            self.init(name: name, form: form << 1 | (all ? 1 : 0))
        }

        /// An answer that is kept as the kernel takes it: the type and every word make another one.
        package init(_ query: KeyQuery, _ callout: Callout) {
            let kind: UInt8 =
                switch (query.kind, query.family) {
                case (.host, nil): 0
                case (.host, .v4): 1
                case (.host, .v6): 2
                default: 3
                }
            let family: UInt8 =
                switch callout.family {
                case nil: 0
                case .v4: 1
                case .v6: 2
                }
            let words: UInt8 =
                (callout.wantsServers ? 4 : 0) | (callout.wantsList ? 2 : 0) | (callout.isEmpty ? 1 : 0)
            self.init(name: query.name, form: 0x80 | kind << 5 | family << 3 | words)
        }

        package var digest: UInt64 { Digest.of(name.wire, from: Digest.of([form])) }
    }

    package var key: Key
    /// The most that has asked for it.
    package var asker = Asker.user
    /// Nanoseconds of CLOCK_BOOTTIME: until when the addresses may be given without asking.
    package var freshUntil: UInt64
    /// When they came.
    package var storedAt: UInt64
    /// The second, and how many questions were put to servers in it.
    package var rateSecond: UInt64 = 0
    package var rateCount: UInt32 = 0
    /// As DNS gave them; `maximumAddresses` of them are kept, the chosen one among them.
    package var addresses: [IPAddress] { didSet { isCut = false } }
    /// The one that was given last.
    package var chosen: IPAddress?
    /// There were more addresses than are kept.
    package private(set) var isCut = false
    /// The answer as the kernel took it, where it is no host's address; a longer one than `maximumPayload` is not kept.
    package var payload: [UInt8] = []

    package static let size = 1024
    package static let maximumAddresses = 32
    package static let maximumPayload = 700
    private static let magic: [UInt8] = Array("UMKD".utf8) + [0, 0, 0, 1]

    package init(
        key: Key,
        freshUntil: UInt64,
        storedAt: UInt64,
        addresses: [IPAddress],
        chosen: IPAddress? = nil
    ) {
        self.key = key
        self.freshUntil = freshUntil
        self.storedAt = storedAt
        self.addresses = addresses
        self.chosen = chosen
    }

    /// Nothing is known of it.
    package init(key: Key, now: UInt64) { self.init(key: key, freshUntil: 0, storedAt: now, addresses: []) }

    /// There is an answer in it.
    package var isFilled: Bool { !addresses.isEmpty || !payload.isEmpty }

    /// Exactly `size` bytes.
    package func encoded() -> [UInt8] {
        var bytes = Self.magic
        bytes.reserveCapacity(Self.size)
        bytes.append(u64: 0)
        let rateAndAsker = UInt64(rateCount) | UInt64(asker.rawValue) << 56
        for number in [freshUntil, storedAt, rateSecond, rateAndAsker] { bytes.append(u64: number) }
        bytes.append(key.form)
        bytes.append(UInt8(truncatingIfNeeded: key.name.wire.count))
        bytes += key.name.wire
        var kept = Array(addresses.prefix(Self.maximumAddresses))
        if let chosen, addresses.count > kept.count, !kept.contains(chosen) { kept[kept.count - 1] = chosen }
        let place = chosen.flatMap { kept.firstIndex(of: $0) } ?? 255
        bytes.append(UInt8(truncatingIfNeeded: place))
        bytes.append(UInt8(truncatingIfNeeded: kept.count) | (isCut || addresses.count > kept.count ? 0x80 : 0))
        for address in kept { bytes += [address.isV4 ? 4 : 16] + address.bytes }
        // One or the other: so both fit, whatever the name.
        if kept.isEmpty, payload.count <= Self.maximumPayload {
            bytes +=
                [UInt8(truncatingIfNeeded: payload.count), UInt8(truncatingIfNeeded: payload.count >> 8)] + payload
        }
        bytes += [UInt8](repeating: 0, count: max(0, Self.size - bytes.count))
        let digest = Digest.of(bytes)
        for index in 0..<8 { bytes[8 + index] = UInt8(truncatingIfNeeded: digest >> UInt64(index * 8)) }
        return bytes
    }

    /// nil for anything but what `encoded` makes.
    package init?(decoding slot: ArraySlice<UInt8>) {
        guard slot.count == Self.size else { return nil }
        var bytes = Array(slot)
        guard bytes.starts(with: Self.magic) else { return nil }
        let digest = Self.number(bytes, at: 8)
        for index in 8..<16 { bytes[index] = 0 }
        guard Digest.of(bytes) == digest else { return nil }
        freshUntil = Self.number(bytes, at: 16)
        storedAt = Self.number(bytes, at: 24)
        rateSecond = Self.number(bytes, at: 32)
        rateCount = UInt32(truncatingIfNeeded: Self.number(bytes, at: 40))
        guard let asker = Asker(rawValue: bytes[47]) else { return nil }
        self.asker = asker
        let nameEnd = 50 + Int(bytes[49])
        guard let name = DNSName(wireForm: bytes[50..<nameEnd]) else { return nil }
        key = Key(name: name, form: bytes[48])
        let chosen = Int(bytes[nameEnd])
        let count = Int(bytes[nameEnd + 1] & 0x7f)
        isCut = bytes[nameEnd + 1] & 0x80 != 0
        guard count <= Self.maximumAddresses else { return nil }
        addresses = []
        var index = nameEnd + 2
        for _ in 0..<count {
            let length = Int(bytes[index])
            guard length == 4 || length == 16, let address = IPAddress(bytes: bytes[(index + 1)..<(index + 1 + length)])
            else { return nil }
            addresses.append(address)
            index += 1 + length
        }
        self.chosen = addresses.indices.contains(chosen) ? addresses[chosen] : nil
        let length = Int(bytes[index]) | Int(bytes[index + 1]) << 8
        guard length <= Self.maximumPayload, index + 2 + length <= bytes.count else { return nil }
        payload = Array(bytes[(index + 2)..<(index + 2 + length)])
    }

    /// By what the slot's record gives way to others; nil where there is none at first sight.
    static func standing(_ slot: ArraySlice<UInt8>) -> (asker: Asker, freshUntil: UInt64, storedAt: UInt64)? {
        guard slot.count == size else { return nil }
        for (index, byte) in magic.enumerated() where slot[slot.startIndex + index] != byte { return nil }
        func number(_ offset: Int) -> UInt64 {
            (0..<8).reversed().reduce(0) { $0 << 8 | UInt64(slot[slot.startIndex + offset + $1]) }
        }
        guard let asker = Asker(rawValue: slot[slot.startIndex + 47]) else { return nil }
        return (asker, number(16), number(24))
    }

    /// Whether the slot's record is of this key, at first sight.
    static func isOf(_ key: Key, _ slot: ArraySlice<UInt8>) -> Bool {
        let wire = key.name.wire
        let start = slot.startIndex
        guard slot.count == size, slot[start + 48] == key.form, Int(slot[start + 49]) == wire.count,
            50 + wire.count <= size
        else { return false }
        for index in wire.indices where slot[start + 50 + index] != wire[index] { return false }
        return true
    }

    private static func number(_ bytes: [UInt8], at offset: Int) -> UInt64 {
        bytes[offset..<(offset + 8)].reversed().reduce(0) { $0 << 8 | UInt64($1) }
    }

    /// Whether another question to a server is within `limit` a second (0: no limit); counts it where it is.
    package mutating func admits(limit: UInt32, now: UInt64) -> Bool {
        let second = now / 1_000_000_000
        if rateSecond != second {
            rateSecond = second
            rateCount = 0
        }
        guard limit == 0 || rateCount < limit else { return false }
        rateCount &+= 1
        return true
    }
}

extension [UInt8] {
    fileprivate mutating func append(u64 value: UInt64) {
        for index in 0..<8 { append(UInt8(truncatingIfNeeded: value >> UInt64(index * 8))) }
    }
}
