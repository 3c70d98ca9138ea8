// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

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
        let made = try AccountStore(cpus: 2, places: 10)
        made.memory.store(made.memory.load(at: 8) - 8, at: 8)
        made.memory.store(0, at: 24)
        let store = try next(made)
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
