// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

// Eight bytes at a time: looking for the end of a line or a name takes most of what parsing takes.

extension Reader {
    /// The eight bytes at `index`, the first the lowest; newlines stand for those past the end.
    @inline(__always)
    func word(at index: Int) -> UInt64 {
        if end - index >= 8 {
            // SAFETY: eight bytes are there, of a type any bits are a value of.
            return unsafe UInt64(littleEndian: bytes.bytes.unsafeLoadUnaligned(fromByteOffset: index, as: UInt64.self))
        }
        var word: UInt64 = 0
        for offset in 0..<8 {
            let byte = index + offset < end ? bytes[index + offset] : UInt8(ascii: "\n")
            word |= UInt64(byte) &<< UInt64(truncatingIfNeeded: offset * 8)
        }
        return word
    }

    /// Where the first newline at or after `index` is; `end` where there is none.
    func newline(from index: Int) -> Int {
        var index = index
        while index < end {
            let found = word(at: index).positions(of: UInt8(ascii: "\n"))
            if found != 0 { return min(index + found.trailingZeroBitCount / 8, end) }
            index += 8
        }
        return end
    }
}

extension UInt64 {
    /// The highest bit of each byte up to the space; above the first of these, of some other bytes too.
    @inline(__always)
    var blankPositions: UInt64 {
        (self &- 0x2121_2121_2121_2121) & ~self & 0x8080_8080_8080_8080
    }

    /// The highest bit of each byte that is `byte`; above the first of these, of some other bytes too.
    @inline(__always)
    func positions(of byte: UInt8) -> UInt64 {
        let difference = self ^ (0x0101_0101_0101_0101 &* UInt64(byte))
        return (difference &- 0x0101_0101_0101_0101) & ~difference & 0x8080_8080_8080_8080
    }
}
