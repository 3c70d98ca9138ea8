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
        (record.rateSecond, record.rateCount) = (9, .max)
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
        #expect(CacheLayout.place(key("a"), in: set).way == 0)
        for way in 0..<ways { put(record("n\(way)", storedAt: UInt64(20 - way)), way) }
        let own = CacheLayout.place(key("N2"), in: set)
        #expect(own.way == 2 && own.record?.key == key("n2"))
        let other = CacheLayout.place(key("n2", 2), in: set)
        #expect(other.way == ways - 1 && other.record == nil, "another question; the one stored first goes")
        set[CacheRecord.size] ^= 1
        #expect(CacheLayout.place(key("z"), in: set).way == 1, "a damaged slot is the first to go")
        #expect(CacheLayout.place(key("z"), in: []).record == nil)
    }

    @Test func everyCounterHasAPlace() {
        #expect(KeyCounter.allCases.allSatisfy { $0.offset + 8 <= KeyCounter.workersOffset })
        #expect(KeyCounter.workersOffset + KeyCounter.workers * 4 <= CacheLayout.pageSize)
        #expect(Set(KeyCounter.allCases.map(\.name)).count == KeyCounter.allCases.count)
        let offset = CacheLayout.offset(of: key("a"))
        #expect(offset >= CacheLayout.pageSize && offset + CacheLayout.ways * CacheRecord.size <= CacheLayout.fileSize)
        #expect(CacheLayout.lockOffset(of: key("a")) >= 1 << 40)
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
