// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

import FuseServer
import FuseWire
import Kernel
import Synchronization

/// A directory (node 1) of files 2, 3 and so on, whose content is what the test says; owners are `node / 100`, of
/// small nodes the callers.
final class FakeFileSystem: FileSystem {
    struct State: Sendable {
        var content: [UInt64: [UInt8]] = [:]
        var names: [(position: UInt64, name: String)] = []
        var productions = 0
        var callers: [Int32] = []
    }

    let state = Mutex(State())

    func lookup(_ name: [UInt8], in parent: UInt64, for caller: Caller) throws(Errno) -> Entry {
        guard parent == 1, name.elementsEqual("file".utf8) else { throw .noEntry }
        return Entry(attributes: try attributes(of: 2, for: caller), timeoutNs: 5_000_000_000)
    }

    func attributes(of node: UInt64, for caller: Caller) throws(Errno) -> Attributes {
        state.withLock { $0.callers.append(caller.pid) }
        guard node < 1000 else { throw .noEntry }
        let size = UInt64(state.withLock { $0.content[node]?.count } ?? 0)
        var result = Attributes(node: node, mode: node == 1 ? 0o040555 : 0o100444, size: size, links: 1, time: 1)
        result.areSteady = size <= Attributes.nominalSize
        return result
    }

    func linkTarget(of node: UInt64, for caller: Caller) throws(Errno) -> [UInt8] { throw .invalidArgument }

    func open(_ node: UInt64, for caller: Caller) throws(Errno) -> (content: [UInt8], owner: UInt64) {
        guard node != 1 else { throw .isDirectory }
        let content = state.withLock { state in
            state.productions += 1
            return state.content[node]
        }
        guard let content else { throw .noEntry }
        return (content, node >= 100 ? node / 100 : UInt64(caller.pid))
    }

    func isTold(size bytes: Int, of node: UInt64) -> Bool { bytes <= Attributes.nominalSize }

    func entries(of node: UInt64, for caller: Caller) throws(Errno) -> [DirectoryEntry] {
        guard node == 1 else { throw .notDirectory }
        return state.withLock { state in
            state.names.map {
                DirectoryEntry(name: Array($0.name.utf8), node: $0.position + 1, type: 8, position: $0.position)
            }
        }
    }
}

/// The dispatcher with plain bytes on both sides.
struct Bench {
    let files = FakeFileSystem()
    let counters = Counters()
    let dispatcher: Dispatcher<FakeFileSystem>

    init(maxPages: UInt16 = 4, firstSequence: UInt64 = 1, store: SnapshotStore? = nil) {
        dispatcher = Dispatcher(
            fileSystem: files,
            counters: counters,
            maxPages: maxPages,
            firstSequence: firstSequence,
            store: store
        )
    }

    /// The whole answer, header included; nil for silence.
    func answer(_ bytes: [UInt8]) -> [UInt8]? {
        var reply = Reply()
        switch dispatcher.answer(bytes.span.bytes, into: &reply) {
        case .answer, .answerOfOtherSize, .goodbye: return reply.bytes
        case .silence: return nil
        }
    }

    func answer(
        opcode: UInt32,
        unique: UInt64 = 2,
        node: UInt64 = 1,
        pid: UInt32 = 42,
        length: UInt32? = nil,
        _ body: [UInt8] = []
    ) -> [UInt8]? {
        answer(
            little(length ?? UInt32(40 + body.count)) + little(opcode) + little(unique) + little(node)
                + little(UInt32(0)) + little(UInt32(0)) + little(pid) + little(UInt32(0)) + body
        )
    }

    func open(_ node: UInt64, pid: UInt32 = 42, flags: UInt32 = 0) -> (error: Int32, handle: UInt64) {
        guard let answer = answer(opcode: 14, node: node, pid: pid, little(flags) + little(UInt32(0))) else {
            return (0, 0)
        }
        return (error(of: answer), answer.count >= 24 ? number(answer, 16) : 0)
    }

    /// `isDirect`: with FUSE_READ_LOCKOWNER, as a reader's own read(2) comes.
    func read(
        _ node: UInt64,
        handle: UInt64,
        offset: UInt64 = 0,
        size: UInt32 = 65536,
        isDirect: Bool = true
    ) -> (
        error: Int32, bytes: [UInt8]
    ) {
        let body =
            little(handle) + little(offset) + little(size) + little(UInt32(isDirect ? 2 : 0))
            + [UInt8](repeating: 0, count: 16)
        guard let answer = answer(opcode: 15, node: node, body) else { return (0, []) }
        return (error(of: answer), Array(answer.dropFirst(16)))
    }

    func release(_ node: UInt64, handle: UInt64) {
        _ = answer(opcode: 18, node: node, little(handle) + [UInt8](repeating: 0, count: 16))
    }

    /// One page of a directory: names, and the offset behind each.
    func list(offset: UInt64, size: UInt32) -> [(name: String, next: UInt64)] {
        let body = little(UInt64(0)) + little(offset) + little(size) + [UInt8](repeating: 0, count: 20)
        guard let answer = answer(opcode: 28, body) else { return [] }
        var result: [(name: String, next: UInt64)] = []
        var position = 16
        while position + 24 <= answer.count {
            let length = Int(number(answer, position + 16) & 0xFFFF_FFFF)
            let name = String(decoding: answer[(position + 24)..<(position + 24 + length)], as: UTF8.self)
            result.append((name, number(answer, position + 8)))
            position += (24 + length + 7) & ~7
        }
        return result
    }
}

/// The errno in an answer: positive, or 0.
func error(of answer: [UInt8]) -> Int32 {
    -Int32(bitPattern: UInt32(truncatingIfNeeded: number(answer, 0) >> 32))
}

func number(_ bytes: [UInt8], _ offset: Int) -> UInt64 {
    (0..<8).reduce(0) { $0 | UInt64(bytes[offset + $1]) << (8 * UInt64($1)) }
}

func little<Number: FixedWidthInteger>(_ number: Number) -> [UInt8] {
    (0..<(Number.bitWidth / 8)).map { UInt8(truncatingIfNeeded: number >> Number($0 * 8)) }
}
