// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

import FuseWire
import Glibc
import Kernel
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
        #expect(try predecessor.take(slot: 2, from: before.near, into: &buffer) == open.count)
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
            #expect(area.progress == [1])
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
}
