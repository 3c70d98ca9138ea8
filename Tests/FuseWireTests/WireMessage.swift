// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

/// A request as the kernel writes it: struct fuse_in_header and what follows.
func message(
    opcode: UInt32,
    unique: UInt64 = 2,
    node: UInt64 = 1,
    pid: UInt32 = 42,
    length: UInt32? = nil,
    _ body: [UInt8] = []
) -> [UInt8] {
    little(length ?? UInt32(40 + body.count)) + little(opcode) + little(unique) + little(node) + little(UInt32(1000))
        + little(UInt32(1001)) + little(pid) + little(UInt32(0)) + body
}

func little<Number: FixedWidthInteger>(_ number: Number) -> [UInt8] {
    (0..<(Number.bitWidth / 8)).map { UInt8(truncatingIfNeeded: number >> Number($0 * 8)) }
}

/// Bytes from hex, blanks between them as they please.
func hex(_ text: String) -> [UInt8] {
    let digits = text.compactMap(\.hexDigitValue)
    return stride(from: 0, to: digits.count - 1, by: 2).map { UInt8(digits[$0] * 16 + digits[$0 + 1]) }
}
