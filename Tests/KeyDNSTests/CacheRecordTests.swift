// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

import Resolver
import Testing

@testable import KeyDNS

struct CacheRecordTests {
    private func key(_ text: String, _ form: UInt8 = 1) -> CacheRecord.Key {
        CacheRecord.Key(name: DNSName(text) ?? .root, form: form)
    }

    private func record(_ text: String = "smb.svc", storedAt: UInt64 = 5) -> CacheRecord {
        var record = CacheRecord(
            key: key(text),
            freshUntil: .max - 1,
            storedAt: storedAt,
            addresses: [.v4(0x0a00_0001), .v6(1, 2)],
            chosen: .v6(1, 2)
        )
        (record.rateSecond, record.rateCount, record.asker) = (9, .max, .root)
        return record
    }

    @Test func comesBack() {
        #expect(record().encoded().count == CacheRecord.size)
        #expect(CacheRecord(decoding: record().encoded()[...]) == record())
        var full = record(
            (0..<3).map { _ in String(repeating: "x", count: 63) }.joined(separator: ".") + "."
                + String(repeating: "y", count: 61)
        )
        full.addresses = [IPAddress](repeating: .v6(.max, .max), count: CacheRecord.maximumAddresses)
        full.chosen = nil
        #expect(CacheRecord(decoding: full.encoded()[...]) == full)
    }

    /// An answer as the kernel takes it, up to its greatest length; a longer one leaves the record empty.
    @Test func aPayloadComesBack() {
        let longest = (0..<3).map { _ in String(repeating: "x", count: 63) }.joined(separator: ".") + ".yy"
        var record = CacheRecord(key: key(longest), now: 7)
        #expect(!record.isFilled)
        for count in [1, 300, CacheRecord.maximumPayload] {
            record.payload = (0..<count).map { UInt8(truncatingIfNeeded: $0) }
            #expect(record.encoded().count == CacheRecord.size)
            #expect(record.isFilled && CacheRecord(decoding: record.encoded()[...]) == record)
        }
        record.payload.append(1)
        #expect(CacheRecord(decoding: record.encoded()[...])?.isFilled == false)
    }

    /// Of more pods than there is room for, the client's own is among those that are kept.
    @Test func theChosenAddressIsKept() {
        var record = record()
        record.addresses = (0..<100).map { .v4(UInt32($0)) }
        for chosen in [0, 31, 32, 99] as [UInt32] {
            record.chosen = .v4(chosen)
            let kept = CacheRecord(decoding: record.encoded()[...])
            #expect(kept?.chosen == .v4(chosen) && kept?.addresses.count == CacheRecord.maximumAddresses)
        }
    }

    /// Every type and every word makes another question; the case of a name does not.
    @Test func questionsAreToldApart() throws {
        var keys: Set<CacheRecord.Key> = []
        let callouts = ["", "x", "ipv4", "ipv6", "list", "ipv4 list", "ipv6 list", "srv=1", "srv=1 list"]
        for type in ["", "a:", "aaaa:", "afsdb:"] {
            for callout in callouts {
                let query = try #require(KeyQuery(description: Array("\(type)x.y".utf8)))
                let other = try #require(KeyQuery(description: Array("\(type)X.Y".utf8)))
                let callout = Callout(parsing: Array(callout.utf8))
                keys.insert(CacheRecord.Key(query, callout))
                #expect(CacheRecord.Key(query, callout) == CacheRecord.Key(other, callout))
            }
        }
        for types in [[.a], [.aaaa], [.a, .aaaa], [.aaaa, .a]] as [[RecordType]] {
            for all in [false, true] {
                keys.insert(CacheRecord.Key(name: try #require(DNSName("x.y")), types: types, all: all))
            }
        }
        #expect(keys.count == 4 * callouts.count + 8)
    }

    /// A single bit that is another makes it no record.
    @Test func damageIsSeen() {
        let whole = record().encoded()
        for index in whole.indices {
            var damaged = whole
            damaged[index] ^= 1 << UInt8(index % 8)
            #expect(CacheRecord(decoding: damaged[...]) == nil, "\(index)")
        }
        for count in [0, 1, 16, 1023] { #expect(CacheRecord(decoding: whole.prefix(count)) == nil) }
        #expect(CacheRecord(decoding: [UInt8](repeating: 0, count: CacheRecord.size)[...]) == nil)
    }

    @Test func placesInASet() {
        let ways = CacheLayout.ways
        var set = [UInt8](repeating: 0, count: ways * CacheRecord.size)
        func put(_ record: CacheRecord, _ way: Int) {
            set.replaceSubrange((way * CacheRecord.size)..<((way + 1) * CacheRecord.size), with: record.encoded())
        }
        #expect(CacheLayout.place(key("a"), in: set, for: .root, now: 100).way == 0)
        for way in 0..<ways { put(record("n\(way)", storedAt: UInt64(20 - way)), way) }
        let own = CacheLayout.place(key("N2"), in: set, for: .root, now: 100)
        #expect(own.way == 2 && own.record?.key == key("n2"))
        let other = CacheLayout.place(key("n2", 2), in: set, for: .root, now: 100)
        #expect(other.way == ways - 1 && other.record == nil, "another question; the one stored first goes")
        set[CacheRecord.size] ^= 1
        #expect(
            CacheLayout.place(key("z"), in: set, for: .root, now: 100).way == 1,
            "a damaged slot is the first to go"
        )
        set[CacheRecord.size] ^= 1
        var expired = record("n5", storedAt: 19)
        expired.freshUntil = 99
        put(expired, 5)
        #expect(CacheLayout.place(key("z"), in: set, for: .root, now: 100).way == 5, "fresh ones stay")
        put(record("n7", storedAt: 101), 7)
        #expect(CacheLayout.place(key("z"), in: set, for: .root, now: 100).way == 7, "of before the machine's start")
        #expect(CacheLayout.place(key("z"), in: [], now: 100).record == nil)
    }

    /// As many names as anybody asks for, they take no place of what a mount in the kernel asks for; nor users' one of root's.
    @Test func whoGivesWayToWhom() {
        var set = [UInt8](repeating: 0, count: CacheLayout.ways * CacheRecord.size)
        func ask(_ name: String, _ asker: Asker, _ now: UInt64) {
            guard let way = CacheLayout.place(key(name), in: set, for: asker, now: now).way else { return }
            var record = record(name, storedAt: now)
            (record.freshUntil, record.asker) = (now + 1, asker)
            set.replaceSubrange((way * CacheRecord.size)..<((way + 1) * CacheRecord.size), with: record.encoded())
        }
        func count(_ asker: Asker) -> Int { CacheLayout.records(in: set).count { $0?.asker == asker } }
        for number in 0..<4 as Range<UInt64> { ask("k\(number)", .kernel, 1 + number) }
        for number in 0..<100 as Range<UInt64> { ask("u\(number)", .user, 10 + number) }
        #expect(count(.user) == CacheLayout.ways - 4 && count(.kernel) == 4)
        for number in 0..<100 as Range<UInt64> { ask("r\(number)", .root, 200 + number) }
        #expect(count(.user) == 0 && count(.root) == CacheLayout.ways - 4 && count(.kernel) == 4)
        ask("u", .user, 400)
        #expect(count(.user) == 0, "no place, and no harm")
        for number in 4..<100 as Range<UInt64> { ask("k\(number)", .kernel, 500 + number) }
        #expect(count(.kernel) == CacheLayout.ways)
        #expect(CacheLayout.place(key("k99"), in: set, for: .user, now: 700).record != nil, "one's own is found")
    }

    @Test func everyCounterHasAPlace() {
        #expect(KeyCounter.allCases.allSatisfy { $0.offset + 8 <= KeyCounter.workersOffset })
        #expect(KeyCounter.workersOffset + KeyCounter.workers * 4 <= CacheLayout.pageSize)
        #expect(Set(KeyCounter.allCases.map(\.name)).count == KeyCounter.allCases.count)
        let offset = CacheLayout.offset(of: key("a"))
        #expect(offset >= CacheLayout.pageSize && offset + CacheLayout.ways * CacheRecord.size <= CacheLayout.fileSize)
        let names = ([.user, .root, .kernel] as [Asker]).map { CacheLayout.lockOffset(of: key("a"), for: $0) }
        let locks = [CacheLayout.setLockOffset(of: key("a"))] + names
        #expect(zip(locks, 41...).allSatisfy { $0 >= 1 << $1 && $0 < 1 << ($1 + 1) }, "no lock is another's")
    }

    @Test func ratesAreBySecond() {
        var record = record()
        let second: UInt64 = 1_000_000_000
        var admitted: [Bool] = []
        for _ in 0..<5 { admitted.append(record.admits(limit: 2, now: 50 * second)) }
        admitted.append(record.admits(limit: 2, now: 51 * second))
        #expect(admitted == [true, true, false, false, false, true])
        for _ in 0..<100 { admitted.append(record.admits(limit: 0, now: 51 * second)) }
        #expect(admitted.suffix(100).allSatisfy { $0 })
    }
}
