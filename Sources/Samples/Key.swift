// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

/// The name of a figure in one of the kernel's `name value` files, packed so that comparing two is four instructions.
package struct Key: Equatable, Hashable, Sendable {
    /// Names longer than this equal no literal, and each other.
    package static let capacity = 32

    /// Byte n of the name is byte n % 8 of word n / 8.
    private var word0: UInt64 = 0
    private var word1: UInt64 = 0
    private var word2: UInt64 = 0
    private var word3: UInt64 = 0

    package init(_ literal: StaticString) {
        var count = 0
        // SAFETY: the pointer is a literal's, valid for the life of the program, and read within its count.
        let start = unsafe literal.utf8Start
        while count < literal.utf8CodeUnitCount {
            // SAFETY: see above.
            append(unsafe start[count], at: count)
            count += 1
        }
    }

    package init(_ name: [UInt8]) {
        for (index, byte) in name.enumerated() { append(byte, at: index) }
    }

    fileprivate init() {}

    /// Spelled out: compared in every line that is parsed or written.
    @inline(__always)
    package static func == (one: Key, other: Key) -> Bool {
        (one.word0 ^ other.word0) | (one.word1 ^ other.word1) | (one.word2 ^ other.word2) | (one.word3 ^ other.word3)
            == 0
    }

    private mutating func append(_ byte: UInt8, at index: Int) {
        merge(UInt64(byte) << UInt64(index % 8 * 8), at: index / 8)
    }

    @inline(__always)
    fileprivate mutating func merge(_ word: UInt64, at index: Int) {
        switch index {
        case 0: word0 |= word
        case 1: word1 |= word
        case 2: word2 |= word
        case 3: word3 |= word
        default: (word0, word1, word2, word3) = (.max, .max, .max, .max)
        }
    }

    fileprivate var firstByte: UInt8 { UInt8(truncatingIfNeeded: word0) }

    /// A number below 2 to the power of `bits` that is the same for equal keys, and seldom for others.
    @inline(__always)
    fileprivate func scattered(bits: Int) -> Int {
        let mixed = word0 ^ (word1 &* 0x9E37_79B9_7F4A_7C15) ^ (word2 &* 0xC2B2_AE3D_27D4_EB4F) ^ word3
        return Int(truncatingIfNeeded: (mixed &* 0xD6E8_FEB8_6659_FD93) >> UInt64(64 - bits))
    }
}

extension Reader {
    /// The name that stands here, up to a blank or control byte, a colon, `=` or the end; the position is then at that byte.
    @_lifetime(self: copy self)
    @inline(__always)
    package mutating func key() -> Key {
        var key = Key()
        var index = position
        var number = 0
        while true {
            let word = word(at: index)
            let stop =
                word.blankPositions | word.positions(of: UInt8(ascii: ":")) | word.positions(of: UInt8(ascii: "="))
            guard stop != 0 else {
                key.merge(word, at: number)
                index += 8
                number += 1
                continue
            }
            let bits = UInt64(truncatingIfNeeded: stop.trailingZeroBitCount & ~7)
            if bits > 0 { key.merge(word & ((1 &<< bits) &- 1), at: number) }
            position = index + Int(bits / 8)
            return key
        }
    }
}

/// Where the figures of a `name value` file go in a `Value`.
package struct KeyTable<Value>: Sendable {
    /// What one name sets.
    package struct Entry: Sendable {
        fileprivate let key: Key
        fileprivate let set: @Sendable (inout Value, UInt64) -> Void

        package init(_ name: StaticString, _ set: @escaping @Sendable (inout Value, UInt64) -> Void) {
            key = Key(name)
            self.set = set
        }
    }

    private let entries: [Entry]
    /// Open addressing: the number of an entry at or after its key's place; `none` ends a search.
    private let places: [UInt8]
    private let bits: Int
    /// A bit for the low six bits of each name's first byte: most lines are of no interest, and show it there.
    private let firstBytes: UInt64
    private static var none: UInt8 { .max }

    /// At most 254 entries.
    package init(_ entries: [Entry]) {
        self.entries = Array(entries.prefix(Int(Self.none)))
        // At least three in four places stay free.
        var bits = 4
        while 1 << bits < 4 * self.entries.count { bits += 1 }
        var places = [UInt8](repeating: Self.none, count: 1 << bits)
        for (number, entry) in self.entries.enumerated() {
            var place = entry.key.scattered(bits: bits)
            while places[place] != Self.none { place = (place + 1) & (places.count - 1) }
            places[place] = UInt8(truncatingIfNeeded: number)
        }
        self.bits = bits
        self.places = places
        firstBytes = self.entries.reduce(0) { $0 | Self.bit(of: $1.key.firstByte) }
    }

    /// Reads every line `name value` of `bytes`; what the table does not name, or is no number, is left alone.
    package func fill(_ value: inout Value, from bytes: Span<UInt8>) {
        var reader = Reader(bytes)
        while let first = reader.peek {
            if firstBytes & Self.bit(of: first) != 0, let entry = index(of: reader.key()),
                let number = reader.blankNumber()
            {
                entries[entry].set(&value, number)
            }
            reader.skipLine()
        }
    }

    private static func bit(of byte: UInt8) -> UInt64 { 1 &<< UInt64(byte & 63) }

    /// Puts `number` where `key` belongs; nowhere where the table does not name it.
    func set(_ key: Key, to number: UInt64, in value: inout Value) {
        if let entry = index(of: key) { entries[entry].set(&value, number) }
    }

    @inline(__always)
    private func index(of key: Key) -> Int? {
        var place = key.scattered(bits: bits)
        while places[place] != Self.none {
            let number = Int(places[place])
            if entries[number].key == key { return number }
            place = (place + 1) & (places.count - 1)
        }
        return nil
    }
}
