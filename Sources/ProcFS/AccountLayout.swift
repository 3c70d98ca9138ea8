// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

import Kernel

/// Where things are in the memory of an `AccountStore`: as this version makes it, or as the one before did.
///
/// The memory begins with a number that tells which, the size of an account, and how many places were taken at the most. A
/// place begins with its container's tag, when it was written and which of its two accounts counts. An account is a count,
/// and its words.
struct AccountLayout: Sendable {
    private static let own: UInt64 = 0x556d_7765_6c74_1003
    private static let earlier: UInt64 = 0x556d_7765_6c74_1002
    private static let pageSize = 4096
    private static let extensionOffset = 24
    /// In memory of the earlier version: the last word of a place is the newest thread's, else it may be an account's.
    private static let hasThreads: UInt64 = 1

    let isOwn: Bool
    /// Words that an account may have.
    let words: Int
    let placeSize: Int
    /// Where in a place the newest thread is; nil: nowhere.
    let newestThread: Int?
    private let accountSize: Int
    private let headerSize: Int

    /// What this version makes: an account's words lie beside those of the other one, so that an account of a few CPUs, on a
    /// machine with many, is in one page of its place.
    init(words: Int) { self.init(accountSize: 8 * (1 + words)) }

    private init(accountSize: Int) {
        isOwn = true
        self.accountSize = accountSize
        words = accountSize / 8 - 1
        newestThread = 24
        let size = 32 + 2 * accountSize
        let isLarge = size > Self.pageSize
        placeSize = isLarge ? (size + Self.pageSize - 1) / Self.pageSize * Self.pageSize : size
        headerSize = isLarge ? Self.pageSize : 64
    }

    /// What the earlier version made: one account behind the other.
    private init(earlierAccountSize accountSize: Int, hasThreads: Bool) {
        isOwn = false
        self.accountSize = accountSize
        words = max(0, accountSize / 8 - (hasThreads ? 2 : 1))
        placeSize = 24 + 2 * accountSize
        newestThread = hasThreads ? placeSize - 8 : nil
        headerSize = 64
    }

    /// As noted in `memory`; nil where that is of neither.
    init?(of memory: SharedMemory) {
        let size = memory.load(at: 8)
        guard size >= 8, size % 8 == 0, size <= UInt64(memory.size) else { return nil }
        switch memory.load(at: 0) {
        case Self.own: self.init(accountSize: Int(size))
        case Self.earlier:
            let hasThreads = memory.load(at: Self.extensionOffset) == Self.hasThreads
            self.init(earlierAccountSize: Int(size), hasThreads: hasThreads)
        default: return nil
        }
    }

    func write(to memory: SharedMemory) {
        memory.store(UInt64(accountSize), at: 8)
        memory.store(Self.own, at: 0)
    }

    /// Whether a place is of pages that are no other's.
    var areWholePages: Bool { placeSize % Self.pageSize == 0 && headerSize % Self.pageSize == 0 }

    func offset(of place: Int) -> Int { headerSize + place * placeSize }

    /// Within its place; the accounts are 1 and 2, word 0 is the count.
    func offset(ofWord word: Int, of account: UInt64) -> Int {
        let account = account == 2 ? 1 : 0
        return isOwn ? 32 + 16 * word + 8 * account : 24 + account * accountSize + 8 * word
    }
}
