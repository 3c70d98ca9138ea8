// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

package import Kernel
import ProcView
import Samples
import Synchronization

/// What containers were told of their CPU times and threads, in memory that outlives the process: no counter goes back
/// because another process tells it now.
///
/// A place for each container that the table may hold, taken one after the other, so that only what is used takes memory;
/// those of containers that are gone are taken again. Where there is none, the one written longest ago goes. An account is
/// written beside the one before, which counts until the new one is whole.
///
/// Programs of other versions use the same memory during an upgrade, and after one that is taken back. The size of an
/// account is noted in it, so what is added behind the words of an account is passed over by those that do not know of it.
package final class AccountStore: Sendable {
    private static let layout: UInt64 = 0x556d_7765_6c74_1002
    /// The layout, the size of an account, how many places were taken at the most, what else a place has.
    private static let headerSize = 64
    private static let takenOffset = 16
    private static let extensionOffset = 24
    /// The last word of a place is for `Place.newestThread`; in memory of an earlier version it may be an account's.
    private static let hasThreads: UInt64 = 1
    /// How many containers that are gone are remembered.
    private static let retiredLimit = 64
    /// Nobody read a container for so long before a process began: it is likely to be gone.
    private static let ageLimitNs: UInt64 = 3_600_000_000_000
    package static let placeLimit = ContainerTable.registeredLimit + ContainerTable.discoveredLimit
    /// Of address space: on a machine with more than 100 CPUs there are fewer places.
    private static let sizeLimit = 1 << 30

    package let memory: SharedMemory
    /// Bytes of one account: a count, and its words.
    private let accountSize: Int
    private let capacity: Int
    private let hasThreads: Bool

    private struct State {
        /// Places by the tags of their containers.
        var places: [UInt64: Int] = [:]
        /// Of these, the containers are gone; they may come back (detached and attached).
        var retired: Set<UInt64> = []
        /// Places that were taken at the most.
        var taken = 0
    }

    private let state = Mutex(State())

    private var placeSize: Int { 24 + 2 * accountSize }

    /// New memory for a machine with so many CPUs; `places`: at most.
    package init(cpus: Int, places: Int = placeLimit) throws(Errno) {
        accountSize = 8 * (1 + CPUAccount.wordLimit(cpus: cpus) + 1)
        hasThreads = true
        capacity = max(1, min(places, Self.sizeLimit / (24 + 2 * accountSize)))
        memory = try SharedMemory(size: Self.headerSize + capacity * (24 + 2 * accountSize))
        memory.store(UInt64(accountSize), at: 8)
        memory.store(Self.hasThreads, at: Self.extensionOffset)
        memory.store(Self.layout, at: 0)
    }

    /// What another process made; EINVAL where that one had another layout.
    package init(adopting fd: consuming Fd) throws(Errno) {
        let memory = try SharedMemory(adopting: fd)
        let size = memory.load(at: 8)
        guard memory.load(at: 0) == Self.layout, size >= 8, size % 8 == 0, size <= UInt64(memory.size) else {
            throw .invalidArgument
        }
        accountSize = Int(size)
        hasThreads = memory.load(at: Self.extensionOffset) == Self.hasThreads
        capacity = max(0, memory.size - Self.headerSize) / (24 + 2 * Int(size))
        self.memory = memory
        let taken = Int(min(memory.load(at: Self.takenOffset), UInt64(capacity)))
        state.withLock { state in
            state.taken = taken
            for place in 0..<taken {
                // 0: the process ended before it was anybody's; it is taken as if it had been.
                let tag = memory.load(at: offset(place))
                state.places[tag] = place
                if tag == 0 || Clock.monotonic.subtracting(orMin: written(place)) > Self.ageLimitNs {
                    state.retired.insert(tag)
                }
            }
        }
    }

    /// Words that an account may have.
    private var wordLimit: Int { accountSize / 8 - (hasThreads ? 2 : 1) }

    private func offset(_ place: Int) -> Int { Self.headerSize + place * placeSize }

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
            guard count <= UInt64(max(store.wordLimit, 0)) else { return nil }
            return CPUAccount(words: (0..<Int(count)).map { store.memory.load(at: start + 8 + 8 * $0) })
        }

        /// To be called by one thread at a time; nothing happens where the place is another container's by now.
        func save(_ account: CPUAccount) {
            let words = account.words
            guard words.count <= store.wordLimit, store.memory.load(at: offset) == tag else { return }
            let next: UInt64 = store.memory.load(at: offset + 16) == 1 ? 2 : 1
            let start = offset + 24 + (Int(next) - 1) * store.accountSize
            store.memory.store(UInt64(words.count), at: start)
            for (index, word) in words.enumerated() { store.memory.store(word, at: start + 8 + 8 * index) }
            store.memory.store(Clock.monotonic, at: offset + 8)
            store.memory.store(next, at: offset + 16)
        }

        /// The greatest id of a thread that was told of, by whichever process; 0 where that is not known.
        ///
        /// The tag is in the word: an earlier version gives the place to another container and leaves the word as it is.
        var newestThread: UInt64 {
            let known = store.memory.load(at: threadOffset) ^ tag
            return store.hasThreads && known <= UInt64(UInt32.max) ? known : 0
        }

        func save(newestThread: UInt64) {
            guard store.hasThreads, store.memory.load(at: offset) == tag else { return }
            store.memory.store(newestThread ^ tag, at: threadOffset)
        }

        private var threadOffset: Int { offset + store.placeSize - 8 }

        /// The container is gone: the place may be another's from now on.
        func giveBack() { store.giveBack(self) }
    }

    /// The place of the container that `identity` tells from all others: the one it had, or one of its own from now on.
    func place(of identity: [UInt8]) -> Place {
        var tag: UInt64 = 0xCBF2_9CE4_8422_2325
        for byte in identity { tag = (tag ^ UInt64(byte)) &* 0x100_0000_01B3 }
        tag = max(tag, 1)
        let place = state.withLock { state in
            state.retired.remove(tag)
            if let known = state.places[tag] { return known }
            let place = next(&state)
            state.places[tag] = place
            // Nothing counts in it before it is this container's.
            memory.store(0, at: offset(place) + 16)
            memory.store(Clock.monotonic, at: offset(place) + 8)
            memory.store(tag, at: offset(place))
            return place
        }
        return Place(store: self, tag: tag, offset: offset(place))
    }

    private func next(_ state: inout State) -> Int {
        if state.retired.count > Self.retiredLimit, let tag = state.retired.popFirst(),
            let place = state.places.removeValue(forKey: tag)
        {
            return place
        }
        if state.taken < capacity {
            state.taken += 1
            memory.store(UInt64(state.taken), at: Self.takenOffset)
            return state.taken - 1
        }
        guard let oldest = state.places.min(by: { written($0.value) < written($1.value) }) else { return 0 }
        state.places[oldest.key] = nil
        return oldest.value
    }

    private func written(_ place: Int) -> UInt64 { memory.load(at: offset(place) + 8) }

    private func giveBack(_ place: Place) {
        state.withLock { state in
            guard let number = state.places[place.tag], offset(number) == place.offset else { return }
            memory.store(0, at: place.offset + 8)
            state.retired.insert(place.tag)
        }
    }
}
