// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

import Glibc
import Kernel
import ProcView
import Testing

@testable import ProcFS

/// What outlives a process of what containers were told.
@Suite struct AccountStoreTests {
    /// An account that can be told from others.
    private func account(_ number: Int) throws -> CPUAccount {
        // Eight figures, and no CPUs.
        try #require(CPUAccount(words: [UInt64(number)] + [UInt64](repeating: 0, count: 9)))
    }

    private func holds(_ store: AccountStore, _ number: Int, _ value: Int? = nil) throws -> Bool {
        try store.place(of: identity(number)).load()?.words == account(value ?? number).words
    }

    /// One that has as many words as there may be.
    private func longestAccount(cpus: UInt64) throws -> CPUAccount {
        let words = [UInt64](repeating: 1, count: 8) + [cpus, cpus] + (0..<cpus).flatMap { [$0, 1, 1, 1, 1, 1] }
        let account = try #require(CPUAccount(words: words + (0..<cpus).flatMap { [$0, 1, 1] }))
        try #require(account.words.count == CPUAccount.wordLimit(cpus: Int(cpus)))
        return account
    }

    private func identity(_ number: Int) -> [UInt8] { Array("container \(number)".utf8) }

    /// The same memory in another process.
    private func next(_ store: AccountStore) throws -> AccountStore {
        try AccountStore(adopting: try store.memory.fd.duplicate())
    }

    @Test func everyContainerOfAFullTableFindsItsOwn() throws {
        let count = AccountStore.placeLimit
        let store = try AccountStore(cpus: 2)
        for number in 0..<count { store.place(of: identity(number)).save(try account(number)) }
        let next = try next(store)
        let lost = try (0..<count).filter { try !holds(next, $0) }.count
        #expect(lost == 0)
    }

    @Test func beyondItTheOneWrittenLongestAgoGoes() throws {
        let store = try AccountStore(cpus: 2, places: 100)
        for number in 0..<130 { store.place(of: identity(number)).save(try account(number)) }
        let next = try next(store)
        #expect(try (30..<130).allSatisfy { try holds(next, $0) })
        // A place that is another's by now takes nothing of its first owner.
        let old = store.place(of: identity(200))
        for number in 300..<400 { store.place(of: identity(number)).save(try account(number)) }
        old.save(try account(200))
        #expect(old.load() == nil)
        #expect(try (300..<400).allSatisfy { try holds(store, $0) })
    }

    /// Containers that come and go take no more memory than so many at a time.
    @Test func placesAreTakenAgain() throws {
        let store = try AccountStore(cpus: 2, places: 1000)
        store.place(of: identity(-1)).save(try account(7))
        for number in 0..<100_000 {
            let place = store.place(of: identity(number))
            place.save(try account(number))
            place.giveBack()
        }
        // One that stays was not driven out; one that comes back soon finds its own, in the next process too.
        #expect(try holds(store, -1, 7))
        let last = store.place(of: identity(5000))
        last.save(try account(5))
        last.giveBack()
        #expect(try holds(next(store), 5000, 5))
        #expect(try holds(store, 5000, 5))
        #expect(store.memory.load(at: 16) < 100)
    }

    /// The number of the newest thread, as `processes` of /proc/stat tells it.
    @Test func theNewestThreadOutlivesTheProcess() throws {
        // The account is as long as there may be: the last word is not one of it.
        let store = try AccountStore(cpus: 64)
        let longest = try longestAccount(cpus: 64)
        for number in 0..<3 {
            let place = store.place(of: identity(number))
            #expect(place.newestThread == 0)
            place.save(newestThread: UInt64(5000 + number))
            for _ in 0..<2 { place.save(longest) }
        }
        let next = try next(store)
        for number in 0..<3 {
            let place = next.place(of: identity(number))
            #expect(place.newestThread == UInt64(5000 + number))
            #expect(place.load() == longest)
        }
    }

    /// Another container that gets the place has not started those threads, whatever program gave it the place.
    @Test func theNewestThreadIsNobodyElses() throws {
        let store = try AccountStore(cpus: 2, places: 1)
        let first = store.place(of: identity(1))
        first.save(newestThread: 5000)
        let second = store.place(of: identity(2))
        #expect(second.newestThread == 0)
        first.save(newestThread: 5001)
        second.save(newestThread: 7)
        #expect(second.newestThread == 7)
    }

    /// In memory of an earlier version all of a place may be the account's; that stays what it is.
    @Test func memoryOfAnEarlierVersionIsLeftAsItIs() throws {
        let store = try next(earlier(cpus: 2, hasThreads: false))
        let longest = try longestAccount(cpus: 2)
        let place = store.place(of: identity(1))
        // The second time it is the later one of the two that counts.
        for _ in 0..<2 {
            place.save(longest)
            place.save(newestThread: 5000)
            #expect(place.load() == longest)
            #expect(place.newestThread == 0)
        }
    }

    /// No counter goes back with an upgrade, nor where it is taken back.
    @Test func memoryOfTheVersionBeforeIsUsedAsItDoes() throws {
        let made = try earlier(cpus: 2, hasThreads: true)
        let store = try next(made)
        let longest = try longestAccount(cpus: 2)
        for number in 0..<200 {
            let place = store.place(of: identity(number))
            place.save(newestThread: 5000)
            for _ in 0..<2 { place.save(longest) }
            #expect(place.load() == longest)
            #expect(place.newestThread == 5000)
            place.giveBack()
        }
        // Where that one looks for them: a place is two accounts, behind its tag, its time and which of them counts.
        let size = Int(made.memory.load(at: 8))
        let taken = Int(made.memory.load(at: 16))
        #expect(taken == 65)
        for place in 0..<taken {
            let offset = 64 + place * (24 + 2 * size)
            #expect(made.memory.load(at: offset) != 0)
            #expect(made.memory.load(at: offset + 16) == 2)
            for account in 0..<2 {
                #expect(made.memory.load(at: offset + 24 + account * size) == UInt64(longest.words.count))
            }
            #expect(made.memory.load(at: offset + 16 + 2 * size) ^ made.memory.load(at: offset) == 5000)
        }
    }

    /// Memory as the version before this one makes it.
    private func earlier(cpus: Int, hasThreads: Bool) throws -> AccountStore {
        let made = try AccountStore(cpus: cpus, places: 100)
        let words = CPUAccount.wordLimit(cpus: cpus) + 1 + (hasThreads ? 1 : 0)
        made.memory.store(UInt64(8 * words), at: 8)
        made.memory.store(hasThreads ? 1 : 0, at: 24)
        made.memory.store(0x556d_7765_6c74_1002, at: 0)
        return made
    }

    /// Bytes of memory that are in use.
    private func bytes(_ store: AccountStore) throws -> Int {
        var status = stat()
        try #require(fstat(store.memory.fd.raw, &status) == 0)
        return Int(status.st_blocks) * 512
    }

    /// On a machine with 256 CPUs one that sees two takes no more than it does on a smaller one.
    @Test func aContainerOfFewCPUsTakesOnePage() throws {
        let store = try AccountStore(cpus: 256, places: 1000)
        let before = try bytes(store)
        for number in 0..<100 {
            let place = store.place(of: identity(number))
            for _ in 0..<2 { place.save(try longestAccount(cpus: 2)) }
            place.save(newestThread: 5000)
        }
        #expect(try bytes(store) - before == 100 * 4096)
    }

    @Test func memoryOfThoseThatAreGoneIsGivenBack() throws {
        let store = try AccountStore(cpus: 256, places: 1000)
        let longest = try longestAccount(cpus: 256)
        let before = try bytes(store)
        let places = (0..<500).map { store.place(of: identity($0)) }
        for _ in 0..<2 { places.forEach { $0.save(longest) } }
        let one = (try bytes(store) - before) / 500
        #expect(one >= 2 * 8 * longest.words.count)
        places[1...].forEach { $0.giveBack() }
        // The last ones may come back.
        #expect(try bytes(store) - before <= 65 * one)
        for store in [store, try next(store)] {
            #expect(store.place(of: identity(0)).load() == longest)
            #expect(store.place(of: identity(499)).load() == longest)
            #expect(store.place(of: identity(1)).load() == nil)
        }
        // Places are taken again, each by one.
        let next = try next(store)
        for number in 1000..<1400 { next.place(of: identity(number)).save(try account(number)) }
        #expect(try (1000..<1400).allSatisfy { try holds(next, $0) })
        #expect(next.memory.load(at: 16) == 500)
    }

    @Test func otherLayoutsAreRefused() throws {
        for (offset, value) in [(0, 1), (8, 0), (8, 12), (8, UInt64.max)] as [(Int, UInt64)] {
            let store = try AccountStore(cpus: 2, places: 10)
            store.memory.store(value, at: offset)
            #expect(throws: Errno.invalidArgument) { try next(store) }
        }
        // More places than there is memory are not believed.
        let store = try AccountStore(cpus: 2, places: 10)
        store.memory.store(.max, at: 16)
        #expect(try next(store).place(of: identity(1)).load() == nil)
    }
}
