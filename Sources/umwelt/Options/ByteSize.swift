// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

/// An amount of memory as people write it: `268435456`, `256M`, `1.5G`.
struct ByteSize: Equatable {
    var bytes: Int64

    init(bytes: Int64) { self.bytes = bytes }

    /// A number, perhaps with a fraction, and perhaps B, K, M, G or T, also as KB or KiB: all are powers of 1024.
    init?(_ text: String) {
        let digits = text.prefix { $0.isASCII && ($0.isNumber || $0 == ".") }
        guard let number = Double(digits), digits.first != ".", digits.last != "." else { return nil }
        let factors: [String: Double] = [
            "": 1, "b": 1, "k": 1024, "m": 1_048_576, "g": 1_073_741_824, "t": 1_099_511_627_776,
        ]
        var unit = text.dropFirst(digits.count).lowercased()
        if unit.count > 1 {
            for ending in ["ib", "b", "i"] where unit.hasSuffix(ending) {
                unit.removeLast(ending.count)
                break
            }
        }
        guard let factor = factors[unit], let bytes = Int64(exactly: (number * factor).rounded()) else { return nil }
        self.bytes = bytes
    }

    /// In the largest unit that gives a whole number, else in one that gives a decimal: `256M`, `23.5G`.
    var text: String {
        let units: [(name: String, size: Int64)] = [
            ("T", 1 << 40), ("G", 1 << 30), ("M", 1 << 20), ("K", 1 << 10),
        ]
        for unit in units where bytes % unit.size == 0 && (1..<10_000).contains(bytes / unit.size) {
            return "\(bytes / unit.size)\(unit.name)"
        }
        for unit in units where bytes >= unit.size {
            let tenths = bytes / (unit.size / 10)
            return "\(tenths / 10).\(tenths % 10)\(unit.name)"
        }
        return "\(bytes)"
    }
}
