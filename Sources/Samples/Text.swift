// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

/// A growing text in the kernel's own forms.
///
/// Appending never fails and never traps.
package struct Text: Equatable, Sendable {
    package private(set) var bytes: [UInt8] = []

    package init(capacity: Int = 0) { bytes.reserveCapacity(max(capacity, 0)) }

    package mutating func append(_ literal: StaticString) {
        literal.withUTF8Buffer { unsafe bytes.append(contentsOf: $0) }
    }

    package mutating func append(_ other: [UInt8]) { bytes.append(contentsOf: other) }

    package mutating func append(byte: UInt8) { bytes.append(byte) }

    /// Decimal, at least `width` columns, filled at the left with `fill`.
    package mutating func append(_ value: UInt64, width: Int = 0, fill: UInt8 = UInt8(ascii: " ")) {
        var digits: InlineArray<20, UInt8> = .init(repeating: 0)
        var rest = value
        var count = 0
        repeat {
            digits[count] = UInt8(ascii: "0") + UInt8(truncatingIfNeeded: rest % 10)
            rest /= 10
            count += 1
        } while rest != 0
        var missing = width - count
        while missing > 0 {
            bytes.append(fill)
            missing -= 1
        }
        while count > 0 {
            count -= 1
            bytes.append(digits[count])
        }
    }

    /// `value / 100` with two decimals, as /proc/uptime and /proc/loadavg print them.
    package mutating func append(hundredths value: UInt64) {
        append(value / 100)
        append(byte: UInt8(ascii: "."))
        append(value % 100, width: 2, fill: UInt8(ascii: "0"))
    }
}
