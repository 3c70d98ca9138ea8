// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

import Synchronization

@testable import Resolver

/// Bytes from annotated hexadecimal: what follows `#` on a line is a remark.
func hex(_ text: String) -> [UInt8] {
    var bytes: [UInt8] = []
    for line in text.split(separator: "\n") {
        let digits = line.prefix { $0 != "#" }.filter { !$0.isWhitespace }
        var index = digits.startIndex
        while index < digits.endIndex {
            let next = digits.index(index, offsetBy: 2)
            bytes.append(UInt8(digits[index..<next], radix: 16) ?? 0)
            index = next
        }
    }
    return bytes
}

/// Numbers that look random, the same in every run.
func countingSource() -> RandomSource {
    let state = Atomic<UInt64>(0x1234_5678_9abc_def0)
    let box = AtomicBox(state)
    return RandomSource {
        let value = box.state.wrappingAdd(0x9e37_79b9_7f4a_7c15, ordering: .relaxed).newValue
        return (value ^ value >> 31) &* 0xbf58_476d_1ce4_e5b9
    }
}

private final class AtomicBox: Sendable {
    let state: Atomic<UInt64>

    init(_ state: consuming Atomic<UInt64>) { self.state = state }
}
