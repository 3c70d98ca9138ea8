// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

/// Which of the memories that requests are taken into (`RequestArea`) the service manager keeps for the next process.
///
/// Each has its inode number in its name: it is the same one whichever process gives it, and can be dropped alone.
package struct StoredAreas: Equatable, Sendable {
    private static let prefix = "umwelt-requests."

    /// Inode numbers.
    private var stored: Set<UInt64> = []

    package init() {}

    package static func isName(_ name: String) -> Bool { name.hasPrefix(prefix) }

    /// Has those with these inode numbers kept, and no others; the first ones matter most, `Held.areaLimit` have room.
    ///
    /// `store` and `drop` do it, and return false where they could not: it is tried again at the next call.
    package mutating func change(
        to wanted: [UInt64],
        store: (_ inode: UInt64, _ name: String) -> Bool,
        drop: (_ name: String) -> Bool
    ) {
        var kept: Set<UInt64> = []
        for inode in wanted where kept.count < Held.areaLimit { kept.insert(inode) }
        for inode in stored.subtracting(kept).sorted() where drop(Self.name(inode)) { stored.remove(inode) }
        for inode in kept.subtracting(stored).sorted() where store(inode, Self.name(inode)) { stored.insert(inode) }
    }

    private static func name(_ inode: UInt64) -> String { "\(prefix)\(inode)" }
}
