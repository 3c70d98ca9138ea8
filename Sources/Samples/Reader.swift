// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

/// A position in bytes that the kernel wrote: every parser of this module reads through it.
///
/// It never traps: past the end there is nothing, and a number that does not fit is the greatest that does.
package struct Reader: ~Escapable {
    let bytes: Span<UInt8>
    let end: Int
    package internal(set) var position: Int

    @_lifetime(copy bytes)
    package init(_ bytes: Span<UInt8>) {
        self.bytes = bytes
        end = bytes.count
        position = 0
    }

    @_lifetime(copy reader)
    private init(_ reader: borrowing Reader, from start: Int, to end: Int) {
        bytes = reader.bytes
        self.end = min(max(end, 0), reader.end)
        position = min(max(start, 0), self.end)
    }

    package var isAtEnd: Bool { position >= end }

    /// The bytes not yet read.
    package var remaining: Int { max(end - position, 0) }

    /// The byte at the position, nil at the end.
    package var peek: UInt8? { position < end ? bytes[position] : nil }

    /// Steps over the byte at the position and returns it.
    @_lifetime(self: copy self)
    package mutating func next() -> UInt8? {
        guard position < end else { return nil }
        defer { position += 1 }
        return bytes[position]
    }

    /// A reader of the line at the position, without its newline, which is stepped over; nil at the end.
    @_lifetime(copy self)
    package mutating func line() -> Reader? {
        guard position < end else { return nil }
        let stop = newline(from: position)
        let line = Reader(self, from: position, to: stop)
        position = min(stop + 1, end)
        return line
    }

    /// A reader of the bytes up to `delimiter`, which is stepped over; of all that is left where it does not come.
    @_lifetime(copy self)
    package mutating func field(until delimiter: UInt8) -> Reader {
        let start = position
        while position < end, bytes[position] != delimiter { position += 1 }
        let field = Reader(self, from: start, to: position)
        if position < end { position += 1 }
        return field
    }

    /// A reader of the next word: blanks (space, tab) are stepped over, and it ends before the next blank or newline.
    @_lifetime(copy self)
    package mutating func word() -> Reader {
        skipBlanks()
        let start = position
        while position < end, !Self.isBlank(bytes[position]), bytes[position] != UInt8(ascii: "\n") { position += 1 }
        return Reader(self, from: start, to: position)
    }

    /// Steps over spaces and tabs.
    @_lifetime(self: copy self)
    package mutating func skipBlanks() {
        while position < end, Self.isBlank(bytes[position]) { position += 1 }
    }

    /// Steps over `byte` if it stands here.
    @_lifetime(self: copy self)
    package mutating func take(_ byte: UInt8) -> Bool {
        guard peek == byte else { return false }
        position += 1
        return true
    }

    /// Steps over `literal` if it stands here; else stays.
    @_lifetime(self: copy self)
    package mutating func take(_ literal: StaticString) -> Bool {
        guard starts(with: literal) else { return false }
        position += literal.utf8CodeUnitCount
        return true
    }

    /// Whether `literal` stands here.
    package func starts(with literal: StaticString) -> Bool {
        let count = literal.utf8CodeUnitCount
        guard count <= remaining else { return false }
        // SAFETY: the pointer is a literal's, valid for the life of the program, and read within its count.
        let start = unsafe literal.utf8Start
        for index in 0..<count {
            // SAFETY: see above.
            guard unsafe bytes[position + index] == start[index] else { return false }
        }
        return true
    }

    /// Whether what is left is exactly `literal`.
    package func equals(_ literal: StaticString) -> Bool {
        remaining == literal.utf8CodeUnitCount && starts(with: literal)
    }

    /// Steps over what is left of the line, and its newline.
    @_lifetime(self: copy self)
    mutating func skipLine() {
        position = min(newline(from: position) + 1, end)
    }

    /// The decimal number here, stepped over; nil (and no step) where there is no digit; saturates.
    @_lifetime(self: copy self)
    package mutating func number() -> UInt64? {
        guard position < end, var value = Self.digit(bytes[position]) else { return nil }
        // 19 digits fit whatever they are; only what follows them has to be looked at.
        let safeEnd = min(end, position + 19)
        var index = position + 1
        while index < safeEnd, let digit = Self.digit(bytes[index]) {
            value = value &* 10 &+ digit
            index += 1
        }
        while index >= safeEnd, index < end, let digit = Self.digit(bytes[index]) {
            value = value.multiplied(orMax: 10).adding(orMax: digit)
            index += 1
        }
        position = index
        return value
    }

    /// The decimal number after blanks, stepped over; nil where there is none.
    @_lifetime(self: copy self)
    package mutating func blankNumber() -> UInt64? {
        skipBlanks()
        return number()
    }

    /// The decimal number here that may have a minus; saturates.
    @_lifetime(self: copy self)
    package mutating func signedNumber() -> Int64? {
        var copy = self
        let negative = copy.take(UInt8(ascii: "-"))
        guard let value = copy.number() else { return nil }
        self = copy
        guard negative else { return Int64(clamping: value) }
        return value > UInt64(Int64.max) ? .min : -Int64(clamping: value)
    }

    /// The bytes not yet read, cut at `limit`.
    @_lifetime(copy self)
    package func rest(limit: Int = .max) -> Span<UInt8> {
        bytes.extracting(position..<(position + min(remaining, max(limit, 0))))
    }

    /// What is left, as an array, cut at `limit` bytes.
    package func array(limit: Int = .max) -> [UInt8] {
        var result: [UInt8] = []
        // SAFETY: the pointer is used within the closure, for the span's count.
        unsafe rest(limit: limit).withUnsafeBufferPointer { unsafe result.append(contentsOf: $0) }
        return result
    }

    /// The offset from the position of the last `byte`, nil where it does not come.
    package func lastOffset(of byte: UInt8) -> Int? {
        var index = end
        while index > position {
            index -= 1
            if bytes[index] == byte { return index - position }
        }
        return nil
    }

    /// Steps over `count` bytes, at most to the end.
    @_lifetime(self: copy self)
    package mutating func skip(_ count: Int) {
        position += min(max(count, 0), remaining)
    }

    /// The first `count` bytes of what is left, as a reader; the position stays.
    @_lifetime(copy self)
    package func prefix(_ count: Int) -> Reader {
        Reader(self, from: position, to: position + min(max(count, 0), remaining))
    }

    package static func isBlank(_ byte: UInt8) -> Bool { byte == UInt8(ascii: " ") || byte == UInt8(ascii: "\t") }

    private static func digit(_ byte: UInt8) -> UInt64? {
        let value = byte &- UInt8(ascii: "0")
        return value < 10 ? UInt64(value) : nil
    }
}
