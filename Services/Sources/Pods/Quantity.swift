// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

/// Kubernetes' quantities, which are decimal numbers: `250m`, `1.5`, `64Mi`, `1e3`.
package enum Quantity {
    /// By suffix: powers of ten, and of two.
    private static let suffixes: [String: (ten: Int, two: Int)] = [
        "": (0, 0), "n": (-9, 0), "u": (-6, 0), "m": (-3, 0), "k": (3, 0), "M": (6, 0), "G": (9, 0), "T": (12, 0),
        "P": (15, 0), "E": (18, 0), "Ki": (0, 10), "Mi": (0, 20), "Gi": (0, 30), "Ti": (0, 40), "Pi": (0, 50),
        "Ei": (0, 60),
    ]

    /// Thousandths of it, rounded up; nil where it is none, or too large.
    package static func milli(_ text: String) -> Int? { value(text, timesTenTo: 3) }

    /// It in whole units, rounded up; nil where it is none, or too large.
    package static func whole(_ text: String) -> Int? { value(text, timesTenTo: 0) }

    private static func value(_ text: String, timesTenTo power: Int) -> Int? {
        var rest = text.utf8[...]
        if rest.first == UInt8(ascii: "+") { rest.removeFirst() }
        let whole = rest.prefix(while: isDigit)
        rest = rest.dropFirst(whole.count)
        var fraction = rest.prefix(0)
        if rest.first == UInt8(ascii: ".") {
            fraction = rest.dropFirst().prefix(while: isDigit)
            rest = rest.dropFirst(1 + fraction.count)
        }
        guard whole.count + fraction.count > 0, let scale = scale(String(Substring(rest))) else { return nil }
        var number: UInt128 = 0
        for digit in [whole, fraction].joined() {
            guard multiply(&number, by: 10) else { return nil }
            number += UInt128(digit - UInt8(ascii: "0"))
        }
        guard multiply(&number, by: 1 << UInt128(scale.two)) else { return nil }
        let ten = scale.ten + power - fraction.count
        for _ in 0..<max(ten, 0) where number > 0 {
            guard multiply(&number, by: 10) else { return nil }
        }
        var isRoundedUp = false
        for _ in 0..<max(-ten, 0) where number > 0 {
            isRoundedUp = isRoundedUp || number % 10 != 0
            number /= 10
        }
        guard let result = Int(exactly: number), result < 1 << 62 else { return nil }
        return isRoundedUp ? result + 1 : result
    }

    /// Of a suffix, or of an exponent as in `1e3`.
    private static func scale(_ text: String) -> (ten: Int, two: Int)? {
        if let scale = suffixes[text] { return scale }
        guard text.first == "e" || text.first == "E", let ten = Int(text.dropFirst()), (-1000...1000).contains(ten)
        else {
            return nil
        }
        return (ten, 0)
    }

    /// Says whether it fits, with room for a digit more.
    private static func multiply(_ number: inout UInt128, by factor: UInt128) -> Bool {
        let (product, isOver) = number.multipliedReportingOverflow(by: factor)
        number = product
        return !isOver && product <= UInt128.max - 9
    }

    private static func isDigit(_ byte: UInt8) -> Bool { UInt8(ascii: "0")...UInt8(ascii: "9") ~= byte }
}
