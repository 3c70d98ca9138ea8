// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

/// Kubernetes' quantities: `250m`, `1.5`, `64Mi`, `1e3`.
package enum Quantity {
    private static let suffixes: [(text: String, factor: Double)] = [
        ("Ki", 0x1p10), ("Mi", 0x1p20), ("Gi", 0x1p30), ("Ti", 0x1p40), ("Pi", 0x1p50), ("Ei", 0x1p60), ("n", 1e-9),
        ("u", 1e-6), ("m", 1e-3), ("k", 1e3), ("M", 1e6), ("G", 1e9), ("T", 1e12), ("P", 1e15), ("E", 1e18),
    ]

    /// Thousandths of it, rounded up; nil where it is none, or too large.
    package static func milli(_ text: String) -> Int? { value(text, times: 1000) }

    /// It in whole units, rounded up; nil where it is none, or too large.
    package static func whole(_ text: String) -> Int? { value(text, times: 1) }

    private static func value(_ text: String, times factor: Double) -> Int? {
        var number = text[...]
        var scale = 1.0
        if let suffix = suffixes.first(where: { text.hasSuffix($0.text) }) {
            number = number.dropLast(suffix.text.count)
            scale = suffix.factor
        }
        let isNumber = number.utf8.allSatisfy { (0x30...0x39).contains($0) || "+-.eE".utf8.contains($0) }
        guard isNumber, let value = Double(number), value >= 0 else { return nil }
        let result = (value * scale * factor).rounded(.up)
        return result < 0x1p62 ? Int(result) : nil
    }
}
