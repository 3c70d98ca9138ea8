// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

/// One line of the host's /proc/swaps.
package struct SwapDevice: Equatable, Sendable {
    package static let capacity = 64

    /// The file or device, unescaped.
    package var name: [UInt8]
    package var isPartition: Bool
    package var sizeKB: UInt64
    package var usedKB: UInt64
    package var priority: Int64

    /// /proc/swaps (kernel mm/swapfile.c, swap_show).
    package static func parse(_ bytes: Span<UInt8>) -> [SwapDevice] {
        var devices: [SwapDevice] = []
        var reader = Reader(bytes)
        _ = reader.line()
        while var line = reader.line(), devices.count < capacity {
            let name = line.word().unescaped()
            let isPartition = line.word().equals("partition")
            guard !name.isEmpty, let size = line.blankNumber(), let used = line.blankNumber() else { continue }
            line.skipBlanks()
            devices.append(
                SwapDevice(
                    name: name,
                    isPartition: isPartition,
                    sizeKB: size,
                    usedKB: used,
                    priority: line.signedNumber() ?? 0
                )
            )
        }
        return devices
    }
}

extension Reader {
    /// What is left, with the octal escapes (`\040`) that the kernel's seq_file makes of blanks turned back.
    package func unescaped() -> [UInt8] {
        var rest = copy self
        var result: [UInt8] = []
        result.reserveCapacity(rest.remaining)
        while let byte = rest.next() {
            guard byte == UInt8(ascii: "\\"), let code = rest.octal() else {
                result.append(byte)
                continue
            }
            result.append(code)
        }
        return result
    }

    /// Three octal digits of a byte, stepped over; nil where others stand here.
    private mutating func octal() -> UInt8? {
        var copy = copy self
        var value = 0
        for _ in 0..<3 {
            guard let byte = copy.next(), byte >= UInt8(ascii: "0"), byte <= UInt8(ascii: "7") else { return nil }
            value = value * 8 + Int(byte - UInt8(ascii: "0"))
        }
        guard value <= 255 else { return nil }
        skip(3)
        return UInt8(truncatingIfNeeded: value)
    }
}
