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

    fileprivate mutating func append(_ byte: UInt8, at index: Int) {
        let shifted = UInt64(byte) << UInt64(index % 8 * 8)
        switch index / 8 {
        case 0: word0 |= shifted
        case 1: word1 |= shifted
        case 2: word2 |= shifted
        case 3: word3 |= shifted
        default: (word0, word1, word2, word3) = (.max, .max, .max, .max)
        }
    }
}

extension Reader {
    /// The name that stands here, up to a blank, a colon, `=` or the end; the position is then at that byte.
    package mutating func key() -> Key {
        var key = Key()
        var index = 0
        while let byte = peek, !Reader.isBlank(byte), byte != UInt8(ascii: ":"), byte != UInt8(ascii: "="),
            byte != UInt8(ascii: "\n")
        {
            key.append(byte, at: index)
            index += 1
            skip(1)
        }
        return key
    }
}

/// Where the figures of a `name value` file go in a `Value`.
package struct KeyTable<Value>: Sendable {
    package typealias Setter = @Sendable (inout Value, UInt64) -> Void

    private let keys: [Key]
    private let setters: [Setter]

    package init(_ entries: [(StaticString, Setter)]) {
        keys = entries.map { Key($0.0) }
        setters = entries.map(\.1)
    }

    /// Reads every line `name value` of `bytes`; what the table does not name, or is no number, is left alone.
    package func fill(_ value: inout Value, from bytes: Span<UInt8>) {
        var reader = Reader(bytes)
        // The kernel's order is the table's, nearly: looking on from the last find makes most lines the first guess.
        var guess = 0
        while var line = reader.line() {
            let key = line.key()
            guard let index = index(of: key, from: guess), let number = line.blankNumber() else { continue }
            guard index < setters.count else { continue }
            setters[index](&value, number)
            guess = index + 1
        }
    }

    private func index(of key: Key, from guess: Int) -> Int? {
        let count = keys.count
        var index = guess < count ? guess : 0
        for _ in 0..<count {
            if keys[index] == key { return index }
            index += 1
            if index == count { index = 0 }
        }
        return nil
    }
}
