// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

package import Kernel
import ProcView

/// What containers were told of their CPU times, in memory that outlives the process: no counter goes back because another
/// process tells it now.
///
/// A place for each container by a hash of what it is; where many share one, the one written longest ago goes. An account is
/// written beside the one before, which counts until the new one is whole.
package final class AccountStore: Sendable {
    private static let layout: UInt64 = 0x556d_7765_6c74_1001
    private static let headerSize = 64
    private static let places = 1024
    private static let probes = 8

    package let memory: SharedMemory
    /// Bytes of one account: a count, and its words.
    private let accountSize: Int

    /// New memory for a machine with so many CPUs.
    package init(cpus: Int) throws(Errno) {
        accountSize = 8 * (1 + CPUAccount.wordLimit(cpus: cpus))
        memory = try SharedMemory(size: Self.headerSize + Self.places * (24 + 2 * accountSize))
        memory.store(UInt64(accountSize), at: 8)
        memory.store(Self.layout, at: 0)
    }

    /// What another process made; EINVAL where that one had another layout.
    package init(adopting fd: consuming Fd) throws(Errno) {
        let memory = try SharedMemory(adopting: fd)
        let size = memory.load(at: 8)
        guard memory.load(at: 0) == Self.layout, size <= UInt64(memory.size) else { throw .invalidArgument }
        accountSize = Int(size)
        self.memory = memory
    }

    /// One container's account.
    struct Place: Sendable {
        fileprivate let store: AccountStore
        fileprivate let tag: UInt64
        /// The tag, when it was written, which of the two counts; then the two.
        fileprivate let offset: Int

        /// The account as it was written last, by whichever process; nil where none was.
        func load() -> CPUAccount? {
            guard store.memory.load(at: offset) == tag else { return nil }
            let which = store.memory.load(at: offset + 16)
            guard which == 1 || which == 2 else { return nil }
            let start = offset + 24 + (Int(which) - 1) * store.accountSize
            let count = store.memory.load(at: start)
            guard count < UInt64(store.accountSize / 8) else { return nil }
            return CPUAccount(words: (0..<Int(count)).map { store.memory.load(at: start + 8 + 8 * $0) })
        }

        /// To be called by one thread at a time.
        func save(_ account: CPUAccount) {
            let words = account.words
            guard words.count < store.accountSize / 8 else { return }
            if store.memory.load(at: offset) != tag {
                // Another container's until now.
                store.memory.store(0, at: offset + 16)
                store.memory.store(tag, at: offset)
            }
            let next: UInt64 = store.memory.load(at: offset + 16) == 1 ? 2 : 1
            let start = offset + 24 + (Int(next) - 1) * store.accountSize
            store.memory.store(UInt64(words.count), at: start)
            for (index, word) in words.enumerated() { store.memory.store(word, at: start + 8 + 8 * index) }
            store.memory.store(Clock.monotonic, at: offset + 8)
            store.memory.store(next, at: offset + 16)
        }
    }

    /// The place of the container that `identity` tells from all others.
    func place(of identity: [UInt8]) -> Place {
        var tag: UInt64 = 0xCBF2_9CE4_8422_2325
        for byte in identity { tag = (tag ^ UInt64(byte)) &* 0x100_0000_01B3 }
        tag = max(tag, 1)
        var oldest: (offset: Int, written: UInt64)?
        for probe in 0..<Self.probes {
            let number = (Int(truncatingIfNeeded: tag >> 40) + probe) % Self.places
            let offset = Self.headerSize + number * (24 + 2 * accountSize)
            let known = memory.load(at: offset)
            if known == tag { return Place(store: self, tag: tag, offset: offset) }
            let written = known == 0 ? 0 : memory.load(at: offset + 8)
            if oldest.map({ written < $0.written }) ?? true { oldest = (offset, written) }
        }
        return Place(store: self, tag: tag, offset: oldest?.offset ?? Self.headerSize)
    }
}
