// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

import Glibc
import Kernel
import Synchronization
import Testing

@testable import FuseServer

/// What one loop thread leaves to another.
struct ExchangeTests {
    @Test func onlyAThreadAtWorkIsLeftAnything() throws {
        let exchange = try Exchange(threads: 2)
        #expect(!exchange.leave(1, toWhoRunsOn: 3, from: 0, at: 0))
        exchange.open(1, on: 3)
        // Of another CPU, and its own.
        #expect(!exchange.leave(1, toWhoRunsOn: 2, from: 0, at: 0))
        #expect(!exchange.leave(1, toWhoRunsOn: 3, from: 1, at: 0))
        #expect(exchange.isEmpty)
        #expect(exchange.leave(1, toWhoRunsOn: 3, from: 0, at: 0))
        #expect(exchange.leave(2, toWhoRunsOn: 3, from: 0, at: 0))
        #expect(!exchange.isEmpty)
        #expect([exchange.next(for: 1), exchange.next(for: 1), exchange.next(for: 1)] == [1, 2, nil])
        // It found nothing, and so may sleep.
        #expect(!exchange.leave(3, toWhoRunsOn: 3, from: 0, at: 0))
        #expect(exchange.isEmpty)
    }

    @Test func nobodyHasTooMuchToDo() throws {
        let exchange = try Exchange(threads: 3)
        exchange.open(1, on: 3)
        #expect((0..<10).count { exchange.leave($0, toWhoRunsOn: 3, from: 0, at: 0) } == Exchange.capacity)
        // A second thread on that CPU.
        exchange.open(2, on: 3)
        #expect((10..<20).count { exchange.leave($0, toWhoRunsOn: 3, from: 0, at: 0) } == Exchange.capacity)
    }

    @Test func whatLiesThereForLongAnyoneTakes() throws {
        let exchange = try Exchange(threads: 3)
        exchange.open(1, on: 3)
        #expect(exchange.leave(7, toWhoRunsOn: 3, from: 0, at: 100))
        #expect(exchange.leave(8, toWhoRunsOn: 3, from: 0, at: 200))
        #expect(exchange.take(leftUntil: 99) == nil)
        #expect(exchange.take(leftUntil: 150) == 7)
        #expect(exchange.take(leftUntil: 150) == nil)
        // Who does not empty its box is left nothing more, and finds what is in it all the same.
        #expect(!exchange.isOpen(on: 3, besides: 0))
        #expect(!exchange.leave(9, toWhoRunsOn: 3, from: 0, at: 300))
        #expect(exchange.take(leftUntil: .max) == 8)
        #expect(exchange.take(leftUntil: .max) == nil)
        #expect(exchange.isEmpty)
        #expect(exchange.next(for: 1) == nil)
    }

    @Test func whoFindsNobodyLeavesItToItself() throws {
        let exchange = try Exchange(threads: 1)
        exchange.open(0, on: 3)
        #expect(!exchange.isOpen(on: 3, besides: 0) && exchange.isOpen(on: 3, besides: 1))
        exchange.leave(7, to: 0, at: 100)
        #expect(exchange.next(for: 0) == 7)
        #expect(exchange.isEmpty)
    }

    /// The watch answers what nobody else comes to, is asleep while nothing is left, and wakes again.
    @Test func theWatchTakesWhatNobodyComesTo() throws {
        let exchange = try Exchange(threads: 2)
        let answered = Mutex<[Int]>([])
        let watch = try Thread(name: "watch") { exchange.watch { slot in answered.withLock { $0.append(slot) } } }
        for round in 1...2 {
            exchange.open(1, on: 3)
            #expect(exchange.leave(round, toWhoRunsOn: 3, from: 0, at: Clock.monotonic))
            for _ in 0..<5000 where answered.withLock({ $0.count }) < round { usleep(1000) }
            #expect(answered.withLock { $0 } == Array(1...round))
            // Longer than it goes on looking.
            usleep(200_000)
        }
        exchange.endWatch()
        watch.join()
    }

    @Test func noThreadOfThatNumberDoesNoHarm() throws {
        let exchange = try Exchange(threads: 1)
        exchange.open(5, on: 0)
        exchange.open(-1, on: 0)
        #expect(exchange.next(for: 5) == nil && exchange.next(for: -1) == nil)
        #expect(try !Exchange(threads: -3).leave(1, toWhoRunsOn: 0, from: 0, at: 0))
    }

    @Test func readersAreAskedForSeldom() {
        let places = ReaderPlaces()
        let asked = Mutex(0)
        let known = (0..<1000).map { _ in
            places.cpu(of: 7) { thread in
                asked.withLock { $0 += 1 }
                return thread == 7 ? 5 : nil
            }
        }
        #expect(known.first == .some(nil))
        #expect(known.last == .some(5))
        #expect((25...40).contains(asked.withLock { $0 }))
        // One that asks a few times is not worth asking for.
        #expect((0..<20).allSatisfy { _ in places.cpu(of: 8) { _ in 1 } == nil })
        // One that is gone, or says what no CPU is.
        for answer in [nil, -1, 1 << 20] as [Int?] {
            #expect((0..<200).allSatisfy { _ in places.cpu(of: 9) { _ in answer } == nil })
        }
    }
}
