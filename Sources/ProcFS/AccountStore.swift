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
    private static let takenOffset = 16
    /// How many containers that are gone are remembered.
    private static let retiredLimit = 64
    /// Nobody read a container for so long before a process began: it is likely to be gone.
    private static let ageLimitNs: UInt64 = 3_600_000_000_000
    package static let placeLimit = ContainerTable.registeredLimit + ContainerTable.discoveredLimit
    /// Of address space: on a machine with more than 80 CPUs there are fewer places.
    private static let sizeLimit = 1 << 30

    package let memory: SharedMemory
    private let layout: AccountLayout
    private let capacity: Int

    private struct State {
        /// Places by the tags of their containers.
        var places: [UInt64: Int] = [:]
        /// Of these, the containers are gone; they may come back (detached and attached).
        var retired: Set<UInt64> = []
        /// Of these, those that were given back, the first one first.
        var givenBack: [UInt64] = []
        /// Places that are nobody's any more.
        var free: [Int] = []
        /// Places that were taken at the most.
        var taken = 0
    }

    private let state = Mutex(State())

    /// New memory for a machine with so many CPUs; `places`: at most.
    package init(cpus: Int, places: Int = placeLimit) throws(Errno) {
        layout = AccountLayout(words: CPUAccount.wordLimit(cpus: cpus))
        capacity = max(1, min(places, Self.sizeLimit / layout.placeSize))
        memory = try SharedMemory(size: layout.offset(of: capacity))
        layout.write(to: memory)
    }

    /// What another process made; EINVAL where that one had another layout.
    package init(adopting fd: consuming Fd) throws(Errno) {
        let memory = try SharedMemory(adopting: fd)
        guard let layout = AccountLayout(of: memory) else { throw .invalidArgument }
        self.memory = memory
        self.layout = layout
        capacity = max(0, memory.size - layout.offset(of: 0)) / layout.placeSize
        let taken = Int(min(memory.load(at: Self.takenOffset), UInt64(capacity)))
        state.withLock { state in
            state.taken = taken
            for place in 0..<taken {
                let tag = memory.load(at: layout.offset(of: place))
                // Given back for good, or the process ended before it was anybody's.
                guard tag != 0 else {
                    state.free.append(place)
                    continue
                }
                state.places[tag] = place
                let written = written(place)
                if written == 0 { state.givenBack.append(tag) }
                if Clock.monotonic.subtracting(orMin: written) > Self.ageLimitNs { state.retired.insert(tag) }
            }
            state.retired.formUnion(state.givenBack)
            trim(&state)
        }
    }

    /// One container's account.
    struct Place: Sendable {
        fileprivate let store: AccountStore
        fileprivate let tag: UInt64
        /// The tag, when it was written, which of the two counts, the newest thread; then the two.
        fileprivate let offset: Int

        /// The account as it was written last, by whichever process; nil where none was.
        func load() -> CPUAccount? {
            guard store.memory.load(at: offset) == tag else { return nil }
            let which = store.memory.load(at: offset + 16)
            guard which == 1 || which == 2 else { return nil }
            let count = store.memory.load(at: wordOffset(0, of: which))
            guard count <= UInt64(store.layout.words) else { return nil }
            return CPUAccount(words: (0..<Int(count)).map { store.memory.load(at: wordOffset($0 + 1, of: which)) })
        }

        /// To be called by one thread at a time; nothing happens where the place is another container's by now.
        func save(_ account: CPUAccount) {
            let words = account.words
            guard words.count <= store.layout.words, store.memory.load(at: offset) == tag else { return }
            let next: UInt64 = store.memory.load(at: offset + 16) == 1 ? 2 : 1
            store.memory.store(UInt64(words.count), at: wordOffset(0, of: next))
            for (index, word) in words.enumerated() { store.memory.store(word, at: wordOffset(index + 1, of: next)) }
            store.memory.store(Clock.monotonic, at: offset + 8)
            store.memory.store(next, at: offset + 16)
        }

        /// The greatest id of a thread that was told of, by whichever process; 0 where that is not known.
        ///
        /// The tag is in the word: an earlier version gives the place to another container and leaves the word as it is.
        var newestThread: UInt64 {
            guard let place = store.layout.newestThread else { return 0 }
            let known = store.memory.load(at: offset + place) ^ tag
            return known <= UInt64(UInt32.max) ? known : 0
        }

        func save(newestThread: UInt64) {
            guard let place = store.layout.newestThread, store.memory.load(at: offset) == tag else { return }
            store.memory.store(newestThread ^ tag, at: offset + place)
        }

        private func wordOffset(_ word: Int, of account: UInt64) -> Int {
            offset + store.layout.offset(ofWord: word, of: account)
        }

        /// The container is gone: the place may be another's from now on.
        func giveBack() { store.giveBack(self) }
    }

    /// The place of the container that `identity` tells from all others: the one it had, or one of its own from now on.
    func place(of identity: [UInt8]) -> Place {
        var tag: UInt64 = 0xCBF2_9CE4_8422_2325
        for byte in identity { tag = (tag ^ UInt64(byte)) &* 0x100_0000_01B3 }
        tag = max(tag, 1)
        let place = state.withLock { state in
            if state.retired.remove(tag) != nil { state.givenBack.removeAll { $0 == tag } }
            if let known = state.places[tag] { return known }
            let place = next(&state)
            state.places[tag] = place
            // Nothing counts in it before it is this container's.
            let offset = layout.offset(of: place)
            memory.store(0, at: offset + 16)
            memory.store(Clock.monotonic, at: offset + 8)
            memory.store(tag, at: offset)
            return place
        }
        return Place(store: self, tag: tag, offset: layout.offset(of: place))
    }

    private func next(_ state: inout State) -> Int {
        if let place = state.free.popLast() { return place }
        if state.retired.count > Self.retiredLimit, let tag = state.retired.popFirst(),
            let place = state.places.removeValue(forKey: tag)
        {
            state.givenBack.removeAll { $0 == tag }
            return place
        }
        if state.taken < capacity {
            state.taken += 1
            memory.store(UInt64(state.taken), at: Self.takenOffset)
            return state.taken - 1
        }
        guard let oldest = state.places.min(by: { written($0.value) < written($1.value) }) else { return 0 }
        state.places[oldest.key] = nil
        if state.retired.remove(oldest.key) != nil { state.givenBack.removeAll { $0 == oldest.key } }
        return oldest.value
    }

    private func written(_ place: Int) -> UInt64 { memory.load(at: layout.offset(of: place) + 8) }

    private func giveBack(_ place: Place) {
        state.withLock { state in
            guard let number = state.places[place.tag], layout.offset(of: number) == place.offset else { return }
            memory.store(0, at: place.offset + 8)
            guard state.retired.insert(place.tag).inserted else { return }
            state.givenBack.append(place.tag)
            trim(&state)
        }
    }

    /// Those that nobody is likely to come back to are nobody's from then on, and take no memory where they are of whole pages.
    private func trim(_ state: inout State) {
        let count = state.givenBack.count - Self.retiredLimit
        // An earlier version knows of no places that are nobody's.
        guard count > 0, layout.isOwn else { return }
        for tag in state.givenBack.prefix(count) {
            state.retired.remove(tag)
            guard let place = state.places.removeValue(forKey: tag) else { continue }
            let offset = layout.offset(of: place)
            memory.store(0, at: offset)
            if layout.areWholePages { memory.discard(at: offset, count: layout.placeSize) }
            state.free.append(place)
        }
        state.givenBack.removeFirst(count)
    }
}
