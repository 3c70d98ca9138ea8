// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

/// Where things are in the shared cache file: a page of counters, then sets of slots.
package enum CacheLayout {
    /// The first page: a mark, counters, the numbers of helpers at work.
    package static let pageSize = 4096
    package static let sets = 64
    package static let ways = 16
    package static let fileSize = pageSize + sets * ways * CacheRecord.size

    /// What the first page starts with, as a number: what it is, and the version of its layout.
    package static let mark: UInt64 = 0x3230_534e_4459_454b

    /// Where the first page counts how often everything was forgotten.
    package static let generationOffset = 8

    /// Where the first page says of which start of the machine it is, whose clock the records' times are of.
    package static let bootOffset = 16

    private static func set(of key: CacheRecord.Key) -> Int { Int(truncatingIfNeeded: key.digest % UInt64(sets)) }

    /// The set of a key: where its slots start, in bytes.
    package static func offset(of key: CacheRecord.Key) -> Int { pageSize + set(of: key) * ways * CacheRecord.size }

    /// The byte that is locked while one helper asks for the key: far behind the file's end, where a lock needs no
    /// data.
    ///
    /// The kernel does not wait behind whoever else asks, nor root behind users, as many as they may be.
    package static func lockOffset(of key: CacheRecord.Key, for asker: Asker) -> Int64 {
        1 << (42 + Int64(asker.rawValue)) + Int64(truncatingIfNeeded: key.digest >> 24)
    }

    /// The byte that is locked while a slot of the key's set is chosen and written: behind those of all keys.
    package static func setLockOffset(of key: CacheRecord.Key) -> Int64 { setLockOffset(set(of: key)) }

    /// As above, by the set's number.
    package static func setLockOffset(_ set: Int) -> Int64 { 1 << 41 + Int64(set) }

    /// The records of a set's slots; nil for a slot without one.
    package static func records(in set: [UInt8]) -> [CacheRecord?] {
        (0..<ways).map { CacheRecord(decoding: set.dropFirst($0 * CacheRecord.size).prefix(CacheRecord.size)) }
    }

    /// A set without answers: of its records those with addresses stay, for the address that a client has, but none is
    /// fresh, nor was.
    package static func forgotten(_ set: [UInt8]) -> [UInt8] {
        records(in: set).flatMap { record in
            var record = record
            if record?.addresses.isEmpty == true { record = nil }
            record?.freshUntil = 0
            return record?.encoded() ?? [UInt8](repeating: 0, count: CacheRecord.size)
        }
    }

    /// The slot for `key` among a set's bytes: its own, with the record in it; else one that gives way to `asker`, nil for none.
    ///
    /// An empty or damaged one gives way first, then what the least asks for: of those no longer fresh the one stored first, else of
    /// all.
    package static func place(
        _ key: CacheRecord.Key,
        in set: [UInt8],
        for asker: Asker = .user,
        now: UInt64
    ) -> (way: Int?, record: CacheRecord?) {
        var victim = -1
        var least = UInt64.max
        for way in 0..<ways {
            let start = way * CacheRecord.size
            guard start + CacheRecord.size <= set.count else { break }
            let slot = set[start..<(start + CacheRecord.size)]
            var rank: UInt64 = 0
            // Only the slot that seems to be the key's is looked at as a whole.
            if let standing = CacheRecord.standing(slot) {
                if CacheRecord.isOf(key, slot) {
                    return (way, CacheRecord(decoding: slot).flatMap { $0.key == key ? $0 : nil })
                }
                // One that is fresh is younger than all that are not; one of a time to come is none.
                if standing.storedAt <= now {
                    let age = standing.storedAt & (1 << 61 - 1) | (standing.freshUntil > now ? 1 << 61 : 0)
                    rank = UInt64(standing.asker.rawValue) << 62 | age
                }
            }
            if victim < 0 || rank < least { (victim, least) = (way, rank) }
        }
        guard victim >= 0, least >> 62 <= UInt64(asker.rawValue) else { return (nil, nil) }
        return (victim, nil)
    }
}
