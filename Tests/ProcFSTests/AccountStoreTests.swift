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
