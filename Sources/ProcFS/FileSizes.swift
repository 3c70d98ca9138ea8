// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

import FuseWire

/// The sizes of one reader's files that can be large, as stat(2) shows them: at least `Attributes.nominalSize`.
///
/// Who needs a file's size has it open (cp, tail, tac), so what was made of it last is what it is asked about: nothing is
/// made to learn a size.
struct FileSizes: Sendable {
    /// Of what was made last.
    private var made: [ProcFile: UInt64] = [:]
    /// What the kernel was told, of nodes that are this reader's alone.
    private var told: [ProcFile: UInt64] = [:]

    /// `bytes`: of the content.
    static func shown(_ bytes: Int) -> UInt64 { max(Attributes.nominalSize, UInt64(clamping: bytes)) }

    mutating func note(_ bytes: Int, of file: ProcFile) { made[file] = Self.shown(bytes) }

    func isKnown(_ file: ProcFile) -> Bool { made[file] != nil }

    /// `isKept`: whether the kernel may keep it, until `isTold` says that there is another.
    mutating func tell(_ file: ProcFile, isKept: Bool) -> UInt64 {
        let size = made[file] ?? Attributes.nominalSize
        if isKept { told[file] = size }
        return size
    }

    /// Whether the kernel has the size of a content of so many bytes.
    func isTold(_ bytes: Int, of file: ProcFile) -> Bool { told[file] == Self.shown(bytes) }
}
