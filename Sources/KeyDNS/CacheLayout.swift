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
    package static func lockOffset(of key: CacheRecord.Key) -> Int64 {
        1 << 40 + Int64(truncatingIfNeeded: key.digest >> 24)
    }

    /// The byte that is locked while a slot of the key's set is chosen and written: behind those of all keys.
    package static func setLockOffset(of key: CacheRecord.Key) -> Int64 { setLockOffset(set(of: key)) }

    /// As above, by the set's number.
    package static func setLockOffset(_ set: Int) -> Int64 { 1 << 41 + Int64(set) }

    /// A set without answers: of its records those with addresses stay, for the address that a client has, but none is
    /// fresh, nor was.
    package static func forgotten(_ set: [UInt8]) -> [UInt8] {
        var result: [UInt8] = []
        for way in 0..<ways {
            let slot = set.dropFirst(way * CacheRecord.size).prefix(CacheRecord.size)
            var record = CacheRecord(decoding: slot)
            if record?.addresses.isEmpty == true { record = nil }
            record?.freshUntil = 0
            result += record?.encoded() ?? [UInt8](repeating: 0, count: CacheRecord.size)
        }
        return result
    }

    /// The slot to use for `key` among a set's bytes: its own, else an empty or damaged one, else of those no longer fresh
    /// the one stored first, else of all.
    package static func place(
        _ key: CacheRecord.Key,
        in set: [UInt8],
        now: UInt64
    ) -> (way: Int, record: CacheRecord?) {
        var victim = (way: 0, age: UInt64.max)
        for way in 0..<ways {
            let start = way * CacheRecord.size
            guard start + CacheRecord.size <= set.count else { break }
            let slot = set[start..<(start + CacheRecord.size)]
            // Only the slot that seems to be the key's is looked at as a whole.
            guard let times = CacheRecord.times(slot) else {
                if victim.age > 0 { victim = (way, 0) }
                continue
            }
            if CacheRecord.isOf(key, slot) {
                return (way, CacheRecord(decoding: slot).flatMap { $0.key == key ? $0 : nil })
            }
            // One that is fresh is younger than all that are not; one of a time to come is none.
            let age = times.storedAt > now ? 0 : times.storedAt | (times.freshUntil > now ? 1 << 63 : 0)
            if age < victim.age { victim = (way, age) }
        }
        return (victim.way, nil)
    }
}

/// What is counted, for metrics; the places in the shared page are their order.
package enum KeyCounter: Int, CaseIterable, Sendable {
    case upcalls, answered, fromCache, stale, noName, noData, serverFailures, timeouts, otherFailures, rateLimited
    case passedOn, namespaceRuns, deadlines, crashes, killed, configErrors, questions, ignoredMessages, cacheDamaged
    case microseconds

    /// As it is printed.
    package var name: String {
        switch self {
        case .upcalls: "upcalls"
        case .answered: "answered"
        case .fromCache: "answered_from_cache"
        case .stale: "answered_with_last_known_good"
        case .noName: "rejected_no_name"
        case .noData: "rejected_no_data"
        case .serverFailures: "rejected_server_failure"
        case .timeouts: "rejected_timeout"
        case .otherFailures: "rejected_other"
        case .rateLimited: "rejected_rate_limit"
        case .passedOn: "passed_to_fallback"
        case .namespaceRuns: "namespace_runs"
        case .deadlines: "deadline_ends"
        case .crashes: "crash_ends"
        case .killed: "killed"
        case .configErrors: "config_errors"
        case .questions: "dns_questions"
        case .ignoredMessages: "dns_messages_ignored"
        case .cacheDamaged: "cache_damaged"
        case .microseconds: "microseconds"
        }
    }

    /// Where in the first page: a 64-bit word each, behind the mark.
    package var offset: Int { 64 + rawValue * 8 }

    /// Helpers at work: their process numbers, 32-bit words from here on.
    package static let workersOffset = 2048
    package static let workers = 512
}
