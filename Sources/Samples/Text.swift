// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

/// A growing text in the kernel's own forms.
///
/// Appending never fails and never traps.
package struct Text: Equatable, Sendable {
    package private(set) var bytes: [UInt8] = []

    package init(capacity: Int = 0) { bytes.reserveCapacity(max(capacity, 0)) }

    package init(_ bytes: [UInt8]) { self.bytes = bytes }

    package mutating func append(_ literal: StaticString) {
        // SAFETY: the buffer is copied within the closure.
        literal.withUTF8Buffer { unsafe bytes.append(contentsOf: $0) }
    }

    package mutating func append(_ other: [UInt8]) { bytes.append(contentsOf: other) }

    /// What `reader` has left.
    package mutating func append(_ reader: borrowing Reader) {
        // SAFETY: the pointer is used within the closure, for the span's count.
        unsafe reader.rest().withUnsafeBufferPointer { unsafe bytes.append(contentsOf: $0) }
    }

    package mutating func append(byte: UInt8) { bytes.append(byte) }

    /// Decimal, at least `width` columns, filled at the left with `fill`.
    package mutating func append(_ value: UInt64, width: Int = 0, fill: UInt8 = UInt8(ascii: " ")) {
        // From the right, so that the digits come out in order and go in at once.
        var digits: InlineArray<20, UInt8> = .init(repeating: fill)
        var start = digits.count
        var rest = value
        repeat {
            start -= 1
            digits[start] = UInt8(ascii: "0") + UInt8(truncatingIfNeeded: rest % 10)
            rest /= 10
        } while rest != 0
        let missing = width - digits.count
        if missing > 0 { append(fill, count: missing) }
        start = min(start, digits.count - min(max(width, 0), digits.count))
        let span = digits.span.extracting(start...)
        // SAFETY: the pointer is used within the closure, for the span's count.
        unsafe span.withUnsafeBufferPointer { unsafe bytes.append(contentsOf: $0) }
    }

    /// `byte`, `count` times.
    package mutating func append(_ byte: UInt8, count: Int) {
        bytes.append(contentsOf: repeatElement(byte, count: max(count, 0)))
    }

    /// `value / 100` with two decimals, as /proc/uptime and /proc/loadavg print them.
    package mutating func append(hundredths value: UInt64) {
        append(value / 100)
        append(byte: UInt8(ascii: "."))
        append(value % 100, width: 2, fill: UInt8(ascii: "0"))
    }

    /// Appends what `body` writes; what exceeds `capacity` is dropped.
    ///
    /// For a text of many small pieces: each costs its bytes, and not a look at how much room is left in the array.
    package mutating func append(capacity: Int, _ body: (inout OutputSpan<UInt8>) -> Void) {
        bytes.append(addingCapacity: max(capacity, 0), initializingWith: body)
    }
}

extension OutputSpan<UInt8> {
    @_lifetime(self: copy self)
    package mutating func put(_ text: [UInt8]) {
        var index = 0
        let count = min(text.count, freeCapacity)
        while index < count {
            append(text[index])
            index += 1
        }
    }

    /// `name:` in `column` columns at least, `value` in decimal to the right of `width` more, then `unit`; nothing where
    /// there is no room for that.
    @_lifetime(self: copy self)
    package mutating func put(name: [UInt8], column: Int, _ value: UInt64, width: Int, unit: StaticString) {
        var digits = 1
        var rest = value / 10
        while rest != 0 {
            rest /= 10
            digits += 1
        }
        let end = max(name.count + 1, column) + max(width, digits)
        let unitCount = unit.utf8CodeUnitCount
        guard end + unitCount <= freeCapacity else { return }
        let valueDigits = digits
        // SAFETY: `end + unitCount` bytes are free behind those that are initialized, and all of them are initialized
        // here; name, colon and digits together are no longer than `end`. The literal lives as long as the program.
        unsafe withUnsafeMutableBufferPointer { buffer, count in
            guard let base = buffer.baseAddress else { return }
            let line = unsafe base + count
            unsafe line.initialize(repeating: UInt8(ascii: " "), count: end)
            unsafe name.withUnsafeBufferPointer { name in
                guard let source = name.baseAddress else { return }
                unsafe line.update(from: source, count: name.count)
            }
            unsafe line[name.count] = UInt8(ascii: ":")
            var rest = value
            for position in 1...valueDigits {
                unsafe line[end - position] = UInt8(ascii: "0") &+ UInt8(truncatingIfNeeded: rest % 10)
                rest /= 10
            }
            unsafe (line + end).initialize(from: unit.utf8Start, count: unitCount)
            count += end + unitCount
        }
    }
}
