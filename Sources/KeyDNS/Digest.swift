// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

/// FNV-1a, 64 bits: for places in a table and for damage, not against an enemy.
package enum Digest {
    package static let basis: UInt64 = 0xcbf2_9ce4_8422_2325

    package static func of(_ bytes: [UInt8], from start: UInt64 = basis) -> UInt64 {
        var hash = start
        for byte in bytes { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01b3 }
        return hash
    }
}
