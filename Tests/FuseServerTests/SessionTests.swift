// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

import FuseWire
import Glibc
import Kernel
import Synchronization
import Testing

@testable import FuseServer

/// The loop threads, with a socket in the device's place.
struct SessionTests {
    /// Gives no content until it is let to.
    private final class SlowFileSystem: FileSystem {
        let isAsked: Fd
        let mayAnswer: Fd

        init() throws {
            isAsked = try Fd.event()
            mayAnswer = try Fd.event()
        }

        func open(_ node: UInt64, for caller: Caller) throws(Errno) -> (content: [UInt8], owner: UInt64) {
            isAsked.signal()
            _ = try mayAnswer.waitReadable(milliseconds: 20_000)
            return ([1], 1)
        }

        func lookup(_ name: [UInt8], in parent: UInt64, for caller: Caller) throws(Errno) -> Entry { throw .noEntry }
        func attributes(of node: UInt64, for caller: Caller) throws(Errno) -> Attributes { throw .noEntry }
        func linkTarget(of node: UInt64, for caller: Caller) throws(Errno) -> [UInt8] { throw .noEntry }
        func isTold(size bytes: Int, of node: UInt64) -> Bool { true }
        func entries(of node: UInt64, for caller: Caller) throws(Errno) -> [DirectoryEntry] { throw .noEntry }
    }

    private func message(opcode: UInt32, unique: UInt64, _ body: [UInt8] = []) -> [UInt8] {
        little(UInt32(40 + body.count)) + little(opcode) + little(unique) + little(UInt64(2))
            + [UInt8](repeating: 0, count: 16) + body
    }

    /// What a process that has ended had in hand is in the next one's hand while that answers it: should it end too, or
    /// hang, it is known of what.
    @Test(arguments: [[], [6]] as [[UInt64]])
    func whatWasInHandIsTakenOver(refused: [UInt64]) throws {
        let open = message(opcode: 14, unique: 6, [UInt8](repeating: 0, count: 8))
        let before = try SocketPair()
        let predecessor = try RequestArea(threads: 3)
        var buffer = [UInt8](repeating: 0, count: RequestBuffer.size)
        try before.far.write(open)
        #expect(try predecessor.take(thread: 2, from: before.near, into: &buffer) == open.count)
        #expect(predecessor.unanswered == [open])

        let pair = try SocketPair()
        let area = try RequestArea(threads: 1)
        let files = try SlowFileSystem()
        let session = try Session(
            Connection(
                adopting: try pair.near.duplicate(),
                negotiated: Negotiated(minor: 38, flags: 0, flags2: 0, maxPages: 4)
            ),
            fileSystem: files,
            counters: Counters(),
            placement: try Placement(isEnabled: false) { _ in nil },
            area: area,
            refused: refused,
            unsettled: [predecessor]
        )
        let thread = try Thread(name: "session") { _ = try? session.run(threads: 1) }
        if refused.isEmpty {
            #expect(try files.isAsked.waitReadable(milliseconds: 20_000))
            #expect(area.unanswered == [open])
            #expect(area.progress.first == 1)
            #expect(predecessor.unanswered.isEmpty)
            files.mayAnswer.signal()
        }
        #expect(try pair.far.waitReadable(milliseconds: 20_000))
        let size = try pair.far.read(into: &buffer)
        #expect(number(Array(buffer.prefix(16)), 8) == 6)
        #expect(error(of: Array(buffer.prefix(size))) == (refused.isEmpty ? 0 : EIO))
        // Goodbye.
        try pair.far.write(message(opcode: 38, unique: 8))
        thread.join()
        #expect(predecessor.unanswered.isEmpty)
    }

    /// Files that are there soon, but 3, which takes its time, and 9, which waits until it may be opened.
    private final class UnevenFileSystem: FileSystem {
        let mayOpen: Fd

        init() throws { mayOpen = try Fd.event() }

        func open(_ node: UInt64, for caller: Caller) throws(Errno) -> (content: [UInt8], owner: UInt64) {
            usleep(node == 3 ? 5000 : 50)
            if node == 9 { _ = try mayOpen.waitReadable(milliseconds: 60_000) }
            return ([1], UInt64(UInt32(bitPattern: caller.pid)))
        }

        func lookup(_ name: [UInt8], in parent: UInt64, for caller: Caller) throws(Errno) -> Entry { throw .noEntry }
        func attributes(of node: UInt64, for caller: Caller) throws(Errno) -> Attributes { throw .noEntry }
        func linkTarget(of node: UInt64, for caller: Caller) throws(Errno) -> [UInt8] { throw .noEntry }
        func isTold(size bytes: Int, of node: UInt64) -> Bool { true }
        func entries(of node: UInt64, for caller: Caller) throws(Errno) -> [DirectoryEntry] { throw .noEntry }
    }

    /// What a thread has set aside for another is found in the area by whoever watches and whoever follows, until it is
    /// answered.
    @Test func whatIsSetAsideIsInHand() throws {
        let pair = try MessagePair()
        let area = try RequestArea(threads: 2)
        var buffer = [UInt8](repeating: 0, count: RequestBuffer.size)
        var requests: [[UInt8]] = []
        var slots: [Int] = []
        for number in UInt64(1)...5 {
            requests.append(message(opcode: 14, unique: number * 2, [UInt8](repeating: 0, count: 8)))
            try pair.far.write(requests[requests.count - 1])
            let size = try area.take(thread: 1, from: pair.near, into: &buffer)
            #expect(Set(area.unanswered) == Set(requests))
            if number < 5 { slots.append(try #require(area.setAside(buffer[..<size], of: 1))) }
            #expect(Set(area.unanswered) == Set(requests))
        }
        #expect(Set(slots).count == 4)
        #expect(area.progress.count { $0 % 2 == 1 } == 5)
        // All are taken.
        #expect(area.setAside(requests[4][...], of: 1) == nil)
        #expect(area.copy(slot: slots[2], into: &buffer) == requests[2].count)
        #expect(Array(buffer.prefix(requests[2].count)) == requests[2])
        area.done(slot: slots[2])
        #expect(!area.unanswered.contains(requests[2]))
        // One that is too long for a smaller slot.
        #expect(area.setAside([UInt8](repeating: 1, count: 1000)[...], of: 1) == nil)
        #expect(area.setAside(requests[4][...], of: 1) == slots[2])
        let successor = try RequestArea(threads: 1)
        var found: Set<[UInt8]> = []
        while let size = successor.takeOver(thread: 0, from: area, into: &buffer) {
            found.insert(Array(buffer.prefix(size)))
            #expect(successor.unanswered == [Array(buffer.prefix(size))])
        }
        #expect(found == Set(requests.indices.filter { $0 != 2 }.map { requests[$0] }))
        #expect(area.unanswered.isEmpty)
    }

    /// Takes each thread that asks to be on another one of two CPUs than the one before.
    private final class TwoCPUs: Sendable {
        private let threads = Mutex<[UInt]>([])

        var current: Int {
            let thread = UInt(bitPattern: Int(pthread_self()))
            return threads.withLock { threads in
                if let index = threads.firstIndex(of: thread) { return index % 2 }
                threads.append(thread)
                return (threads.count - 1) % 2
            }
        }
    }

    enum Traffic: CaseIterable {
        case usual
        /// A request that is not answered while the others are.
        case oneHangs
        /// What another process had taken.
        case resent
    }

    /// Eight readers, half of them on each of two CPUs: whichever thread takes a request and whichever it is left to, each is
    /// answered, and once; one that hangs keeps no other waiting.
    @Test(arguments: [1, 2, 4], Traffic.allCases)
    func severalReadersAreAnsweredOnceEach(threads: Int, traffic: Traffic) throws {
        let oneHangs = traffic == .oneHangs
        if threads == 1, oneHangs { return }
        let resent = traffic == .resent ? RequestHeader.resent : 0
        let cpus = TwoCPUs()
        let total: UInt64 = 10_000
        let pair = try MessagePair()
        let area = try RequestArea(threads: threads)
        let files = try UnevenFileSystem()
        let counters = Counters()
        let session = try Session(
            Connection(
                adopting: try pair.near.duplicate(),
                negotiated: Negotiated(minor: 38, flags: 0, flags2: 0, maxPages: 4)
            ),
            fileSystem: files,
            counters: counters,
            placement: try Placement(isEnabled: true, currentCPU: { cpus.current }) { Int($0 % 2) },
            area: area
        )
        let thread = try Thread(name: "session") { _ = try? session.run(threads: threads) }
        func ask(_ number: UInt64) throws {
            let node: UInt64 = oneHangs && number == 5000 ? 9 : number % 500 == 499 ? 3 : 2
            let body = little(UInt32(0)) + little(UInt32(0))
            try pair.far.write(
                little(UInt32(40 + body.count)) + little(UInt32(14)) + little(number * 2 | resent) + little(node)
                    + little(UInt32(0)) + little(UInt32(0)) + little(UInt32(1000 + number % 8)) + little(UInt32(0))
                    + body
            )
        }
        var answered = Set<UInt64>()
        var buffer = [UInt8](repeating: 0, count: RequestBuffer.size)
        /// Whether an answer came.
        func hear() throws -> Bool {
            guard try pair.far.waitReadable(milliseconds: 20_000) else { return false }
            let size = try pair.far.read(into: &buffer)
            #expect(error(of: Array(buffer.prefix(size))) == 0)
            #expect(answered.insert(number(Array(buffer.prefix(16)), 8)).inserted)
            return true
        }
        for number in 1...8 as ClosedRange<UInt64> { try ask(number) }
        for number in 9...total {
            try #require(try hear(), "after \(answered.count) answers")
            try ask(number)
        }
        while answered.count < Int(total) - (oneHangs ? 1 : 0) { try #require(try hear()) }
        if oneHangs {
            #expect(!answered.contains(10_000))
            files.mayOpen.signal()
            #expect(try hear())
        }
        #expect(answered == Set((1...total).map { $0 * 2 | resent }))
        for _ in 0..<1000 where !area.unanswered.isEmpty { usleep(1000) }
        #expect(area.unanswered.isEmpty)
        #expect((counters.exchangedCount > 0) == (threads > 1 && resent == 0))
        // Each thread takes one.
        for _ in 0..<threads { try pair.far.write(message(opcode: 38, unique: 8)) }
        thread.join()
    }

    /// A pair of sockets that keep messages apart, as the device does.
    private struct MessagePair: ~Copyable {
        let near: Fd
        let far: Fd

        init() throws {
            var ends: [Int32] = [-1, -1]
            let type = Int32(SOCK_SEQPACKET.rawValue | SOCK_CLOEXEC.rawValue)
            // SAFETY: two numbers are written.
            try #require(unsafe socketpair(AF_UNIX, type, 0, &ends) == 0)
            near = Fd(adopting: ends[0])
            far = Fd(adopting: ends[1])
        }
    }
}
