// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

import Glibc
import Kernel
import NodeLink
import Synchronization
import Testing

/// Client and server over a real socket.
@Suite(.serialized) struct LinkTests {
    /// A server on a thread of its own, and where to reach it.
    private final class Served: Sendable {
        let directory: Path
        private let isOver = Atomic<Bool>(false)
        private let thread = Mutex<Thread?>(nil)
        private let status = Mutex<LinkServer.Status?>(nil)

        var socket: Path { directory.appending("s") }

        init(answer: @escaping @Sendable (Message) -> Message) throws {
            directory = Path("/tmp/uml\(getpid())-\(UInt32.random(in: 0...UInt32.max))")
            try Directories.make(directory)
            let listener = try UnixSocket.listen(at: directory.appending("s"))
            let raw = listener.release()
            let started = try Thread(name: "server") { [self] in
                do {
                    var server = LinkServer(Fd(adopting: raw), poller: try Poller()) { answer($0) }
                    try server.start()
                    while !isOver.load(ordering: .relaxed) {
                        _ = try server.serve(milliseconds: 10)
                        let now = server.status
                        status.withLock { $0 = now }
                    }
                } catch { Issue.record(error) }
            }
            thread.withLock { $0 = started }
        }

        func end() {
            isOver.store(true, ordering: .relaxed)
            thread.withLock { $0 }?.join()
            try? FileTree.removeAll(directory)
        }

        func waitFor(_ condition: (LinkServer.Status) -> Bool) -> Bool {
            for _ in 0..<300 {
                if let status = status.withLock({ $0 }), condition(status) { return true }
                usleep(10_000)
            }
            return false
        }
    }

    private static let echo: @Sendable (Message) -> Message = { Message(.done, $0.fields) }

    @Test func requestsAreAnsweredInTurn() throws {
        let served = try Served(answer: Self.echo)
        defer { served.end() }
        var link = try Link(connectingTo: served.socket)
        for index in 0..<100 {
            let fields = [Array("\(index)".utf8), [UInt8](repeating: UInt8(index), count: index * 700)]
            #expect(try link.request(Message(.hello, fields)) == fields)
        }
    }

    @Test func refusalIsThrownInTheDaemonsWords() throws {
        let served = try Served { _ in Message(.failure, [Array("2".utf8), Array("no such thing".utf8)]) }
        defer { served.end() }
        var link = try Link(connectingTo: served.socket)
        #expect(throws: LinkError.refused("no such thing")) { try link.request(Message(.hello)) }
        // The connection is as good as before.
        #expect(throws: LinkError.refused("no such thing")) { try link.request(Message(.hello)) }
    }

    @Test func answersOfNoKindAreRefused() throws {
        let served = try Served { _ in Message(Message.Kind(rawValue: 200)) }
        defer { served.end() }
        var link = try Link(connectingTo: served.socket)
        #expect(throws: LinkError.unexpected(200)) { try link.request(Message(.hello)) }
    }

    /// Byte by byte, two at once, and what is no message at all.
    @Test func piecesMakeMessages() throws {
        let served = try Served(answer: Self.echo)
        defer { served.end() }
        let fd = try UnixSocket.connect(to: served.socket)
        let bytes = try #require(Message(.hello, [Array("abc".utf8)]).encoded())
        for byte in bytes {
            try fd.write([byte])
            usleep(1000)
        }
        try fd.write(bytes + bytes)
        var link = Link(try fd.duplicate())
        for _ in 0..<3 { #expect(try link.receive() == Message(.done, [Array("abc".utf8)])) }
        try fd.write(Array("nonsense".utf8))
        let refusal = try link.receive()
        #expect(refusal?.kind == .failure)
        #expect(try link.receive() == nil)
    }

    @Test func otherVersionIsToldAndCutOff() throws {
        let served = try Served(answer: Self.echo)
        defer { served.end() }
        let fd = try UnixSocket.connect(to: served.socket)
        try fd.write(Array("UMW".utf8) + [9, 1, 0])
        var link = Link(fd)
        let text = String(decoding: try link.receive()?.fields.last ?? [], as: UTF8.self)
        #expect(text.contains("version(9)"))
        #expect(try link.receive() == nil)
    }

    @Test func clientThatGoesInTheMiddleIsForgotten() throws {
        let served = try Served(answer: Self.echo)
        defer { served.end() }
        do {
            let fd = try UnixSocket.connect(to: served.socket)
            try fd.write(Array("UMW".utf8) + [1, 1])
            #expect(served.waitFor { $0.connections == 1 })
        }
        #expect(served.waitFor { $0.connections == 0 })
        var link = try Link(connectingTo: served.socket)
        #expect(try link.request(Message(.hello)) == [])
    }

    @Test func holdersAreCounted() throws {
        let served = try Served(answer: Self.echo)
        defer { served.end() }
        do {
            var first = try Link(connectingTo: served.socket)
            var second = try Link(connectingTo: served.socket)
            _ = try first.request(Message(.hold))
            _ = try second.request(Message(.hold))
            _ = try second.request(Message(.hold))
            #expect(served.waitFor { $0.holders == 2 && $0.hadHolder })
        }
        #expect(served.waitFor { $0.holders == 0 && $0.hadHolder && $0.connections == 0 })
    }

    /// One that asks and never reads the answers holds the others up for its timeout at most (1 s), once.
    @Test func slowClientIsCutOff() throws {
        let served = try Served { _ in Message(.done, [[UInt8](repeating: 1, count: 1 << 20)]) }
        defer { served.end() }
        let slow = try UnixSocket.connect(to: served.socket)
        var request = try #require(Message(.hello).encoded())
        for _ in 0..<4 { request += request }
        try slow.write(request)
        usleep(50_000)
        let start = Clock.monotonic
        var link = try Link(connectingTo: served.socket)
        _ = try link.request(Message(.hello))
        #expect(Clock.monotonic - start < 3_000_000_000)
        #expect(served.waitFor { $0.connections == 1 })
        let again = Clock.monotonic
        _ = try link.request(Message(.hello))
        #expect(Clock.monotonic - again < 500_000_000)
    }

    /// A server that never answers: the client's own timeout.
    @Test func silentServerIsGivenUpOn() throws {
        let directory = Path("/tmp/uml\(getpid())-silent")
        try Directories.make(directory)
        defer { try? FileTree.removeAll(directory) }
        let listener = try UnixSocket.listen(at: directory.appending("s"))
        var link = try Link(connectingTo: directory.appending("s"), timeoutMilliseconds: 200)
        let start = Clock.monotonic
        #expect(throws: LinkError.system(.again)) { try link.request(Message(.hello)) }
        #expect((150_000_000..<5_000_000_000).contains(Clock.monotonic - start))
        _ = consume listener
    }

    @Test func nobodyListens() {
        #expect(throws: Errno.noEntry) { _ = try Link(connectingTo: "/tmp/none/none") }
    }
}
