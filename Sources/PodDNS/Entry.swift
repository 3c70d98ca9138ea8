// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

/// A nameserver, search path or option, and where it comes from.
public struct Entry: Hashable, Sendable {
    /// What it is, byte for byte.
    public var word: Word
    /// Who said so.
    public var origin: Origin

    /// A word with its origin.
    public init(_ word: Word, _ origin: Origin) {
        self.word = word
        self.origin = origin
    }
}
