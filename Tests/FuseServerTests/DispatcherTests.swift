// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

import FuseServer
import FuseWire
import Glibc
import Kernel
import Testing

/// The dispatcher over plain bytes: every message gets the answer it must have, or the silence.
@Suite struct DispatcherTests {
    private static let silent: Set<UInt32> = [2, 36, 42]
    private static let implemented: Set<UInt32> = [1, 2, 3, 5, 14, 15, 17, 18, 26, 27, 28, 29, 36, 38, 42]
    /// Enough for every request's body.
    private static let body = [UInt8](repeating: 0, count: 64)

    @Test(arguments: Array(UInt32(0)...60) + [4095, 4096, 1 << 31, .max])
    func everyOpcodeIsAnsweredOrSilent(opcode: UInt32) throws {
        let bench = Bench()
        let unique: UInt64 = 1 << 63 | 8
        let answer = bench.answer(opcode: opcode, unique: unique, Self.body)
        guard !Self.silent.contains(opcode) else {
            #expect(answer == nil)
            return
        }
        let bytes = try #require(answer)
        #expect(number(bytes, 8) == unique)
        #expect(number(bytes, 0) & 0xFFFF_FFFF == UInt64(bytes.count))
        if !Self.implemented.contains(opcode) {
            #expect(error(of: bytes) == ENOSYS)
            #expect(bench.counters.unimplementedCount == 1)
        } else {
            #expect(error(of: bytes) != ENOSYS)
        }
    }

    /// Cut anywhere, with a header that agrees or does not: EIO where somebody waits, and a count.
    @Test(arguments: [UInt32(1), 3, 14, 15, 18, 26, 27, 28, 29]) func malformedGetsAnErrorAndACount(opcode: UInt32)
        throws
    {
        let bench = Bench()
        let answer = try #require(bench.answer(opcode: opcode, []))
        #expect(error(of: answer) == EIO)
        let other = try #require(bench.answer(opcode: opcode, length: 9999, Self.body))
        #expect(error(of: other) == EIO)
        #expect(bench.counters.malformedCount == 2)
    }

    @Test(arguments: [UInt32(2), 36, 42]) func malformedThatNobodyWaitsForIsSilent(opcode: UInt32) {
        let bench = Bench()
        #expect(bench.answer(opcode: opcode, []) == nil)
        #expect(bench.counters.malformedCount == 1)
    }

    @Test func lessThanAHeaderIsSilent() {
        let bench = Bench()
        for count in 0..<40 { #expect(bench.answer([UInt8](repeating: 0xFF, count: count)) == nil) }
        #expect(bench.counters.malformedCount == 40)
    }

    /// After any number of those the next request is served.
    @Test func nothingEndsTheLoop() throws {
        let bench = Bench()
        for opcode in UInt32(0)...100 {
            for count in stride(from: 0, to: 64, by: 7) {
                _ = bench.answer(opcode: opcode, node: .max, pid: .max, [UInt8](repeating: 0xFF, count: count))
            }
        }
        bench.files.state.withLock { $0.content[2] = [1, 2, 3] }
        let file = bench.open(2)
        #expect(file.error == 0)
        #expect(bench.read(2, handle: file.handle).bytes == [1, 2, 3])
    }

    @Test func destroyIsAnsweredAndEnds() throws {
        let bench = Bench()
        var reply = Reply()
        let message = little(UInt32(40)) + little(UInt32(38)) + little(UInt64(5)) + [UInt8](repeating: 0, count: 24)
        #expect(bench.dispatcher.answer(message.span.bytes, into: &reply) == .goodbye)
        #expect(reply.bytes.count == 16)
    }

    /// A second INIT is no request of a connection that is up.
    @Test func secondInitIsAnError() throws {
        let bench = Bench()
        #expect(error(of: try #require(bench.answer(opcode: 26, Self.body))) == EIO)
    }

    @Test(arguments: [UInt32(1), 2, 3, 0x8001, 0o1002, .max]) func openForWritingIsRefused(flags: UInt32) {
        let bench = Bench()
        bench.files.state.withLock { $0.content[2] = [1] }
        #expect(bench.open(2, flags: flags).error == EROFS)
        #expect(bench.open(2, flags: flags & ~3).error == 0)
    }

    @Test func errorsOfTheFileSystemAreAnswered() throws {
        let bench = Bench()
        #expect(bench.open(1).error == EISDIR)
        #expect(bench.open(7).error == ENOENT)
        #expect(error(of: try #require(bench.answer(opcode: 1, Array("none\0".utf8)))) == ENOENT)
        #expect(error(of: try #require(bench.answer(opcode: 5))) == EINVAL)
        #expect(error(of: try #require(bench.answer(opcode: 28, node: 2, Self.body))) == ENOTDIR)
    }

    @Test(arguments: [
        (255, ENOENT), (256, ENAMETOOLONG), (1024, ENAMETOOLONG), (1025, ENAMETOOLONG), (4095, ENAMETOOLONG),
    ])
    func longNamesAreNoMalformedRequests(length: Int, expected: Int32) throws {
        let bench = Bench()
        let answer = try #require(bench.answer(opcode: 1, [UInt8](repeating: 97, count: length) + [0]))
        #expect(error(of: answer) == expected)
        #expect(bench.counters.malformedCount == 0)
    }

    @Test func callerIsTheThreadThatAsks() {
        let bench = Bench()
        for pid in [UInt32(1), 0, 4_194_303, .max] { _ = bench.answer(opcode: 3, pid: pid, Self.body) }
        #expect(bench.files.state.withLock { $0.callers } == [1, 0, 4_194_303, -1])
    }

    // MARK: Reading

    @Test func contentIsWhatItWasAtOpen() {
        let bench = Bench()
        bench.files.state.withLock { $0.content[2] = Array("first".utf8) }
        let file = bench.open(2)
        bench.files.state.withLock { $0.content[2] = Array("second".utf8) }
        #expect(bench.read(2, handle: file.handle).bytes == Array("first".utf8))
        #expect(bench.read(2, handle: bench.open(2).handle).bytes == Array("second".utf8))
        #expect(bench.files.state.withLock { $0.productions } == 2)
    }

    @Test func everyOffsetAndSize() {
        let bench = Bench()
        let content = (0..<300).map { UInt8(truncatingIfNeeded: $0) }
        bench.files.state.withLock { $0.content[2] = content }
        let handle = bench.open(2).handle
        for offset in 0..<310 {
            for size in [0, 1, 7, 299, 300, 301] {
                let expected = Array(content.dropFirst(offset).prefix(size))
                #expect(bench.read(2, handle: handle, offset: UInt64(offset), size: UInt32(size)).bytes == expected)
            }
        }
    }

    @Test(arguments: [UInt64(300), 301, 1 << 31, 1 << 32, 1 << 62, 1 << 63, .max])
    func beyondTheEndIsNothing(offset: UInt64) {
        let bench = Bench()
        bench.files.state.withLock { $0.content[2] = [UInt8](repeating: 1, count: 300) }
        let handle = bench.open(2).handle
        for size in [UInt32(0), 1, .max] {
            let result = bench.read(2, handle: handle, offset: offset, size: size)
            #expect(result.error == 0)
            #expect(result.bytes.isEmpty)
        }
    }

    /// sendfile(2) and splice(2) come so: who is refused reads instead.
    @Test func readsForThePageCacheAreRefused() {
        let bench = Bench()
        bench.files.state.withLock { $0.content[2] = Array("first".utf8) }
        let handle = bench.open(2).handle
        #expect(bench.read(2, handle: handle, isDirect: false).error == EINVAL)
        #expect(bench.read(2, handle: handle).bytes == Array("first".utf8))
    }

    /// No answer is larger than what was agreed on, which the kernel would refuse with EINVAL.
    @Test func hugeReadsAreCut() {
        let bench = Bench(maxPages: 64)
        bench.files.state.withLock { $0.content[2] = [UInt8](repeating: 1, count: 1 << 20) }
        let handle = bench.open(2).handle
        #expect(bench.read(2, handle: handle, size: .max).bytes.count == 64 * 4096)
    }

    /// The size of a larger file is of the moment and of the caller, and the kernel is to ask for it after each open.
    @Test(arguments: [0, 4095, 4096, 4097, 70_000]) func sizesBeyondTheNominalAreNotKept(size: Int) throws {
        let bench = Bench()
        bench.files.state.withLock { $0.content[2] = [UInt8](repeating: 1, count: size) }
        let isLarge = size > 4096
        let attributes = try #require(bench.answer(opcode: 3, node: 2, [UInt8](repeating: 0, count: 16)))
        #expect((number(attributes, 16) == 0) == isLarge)
        #expect(number(attributes, 40) == UInt64(size))
        #expect(number(attributes, 48) == UInt64((size + 511) / 512))
        let found = try #require(bench.answer(opcode: 1, node: 1, Array("file\0".utf8)))
        #expect((number(found, 40) == 0) == isLarge)
        var reply = Reply()
        let header = little(UInt32(48)) + little(UInt32(14)) + little(UInt64(2)) + little(UInt64(2))
        let request = header + [UInt8](repeating: 0, count: 16) + little(UInt64(0))
        let outcome = bench.dispatcher.answer(request.span.bytes, into: &reply)
        #expect(outcome == (isLarge ? .answerOfOtherSize(node: 2) : .answer))
        #expect(error(of: reply.bytes) == 0 && number(reply.bytes, 0) & 0xFFFF_FFFF == UInt64(reply.bytes.count))
    }

    /// Who seeks from the end of what it has open means that end, whatever others have opened since.
    @Test func sizeByHandleIsThatOfItsContent() throws {
        let bench = Bench()
        var handles: [(UInt64, size: Int)] = []
        for size in [100, 5000, 6000] {
            bench.files.state.withLock { $0.content[2] = [UInt8](repeating: 1, count: size) }
            handles.append((bench.open(2).handle, size))
        }
        for (handle, size) in handles + [(0, 6000), (.max, 6000)] {
            let answer = try #require(bench.answer(opcode: 3, node: 2, little(UInt64(1)) + little(handle)))
            #expect(number(answer, 16) == 0)
            #expect(number(answer, 40) == UInt64(max(size, 4096)))
        }
    }

    /// A handle of an earlier process, or of no process at all.
    @Test(arguments: [UInt64(0), 1, 0xFFFF, 0x1234_5678_0000_0000, .max, 1 << 63])
    func unknownHandleIsServed(handle: UInt64) {
        let bench = Bench()
        bench.files.state.withLock { $0.content[2] = Array("again".utf8) }
        #expect(bench.read(2, handle: handle, offset: 1).bytes == Array("gain".utf8))
        #expect(bench.counters.all.contains { $0.name == "fuse_rerendered_total" && $0.value == 1 })
        bench.release(2, handle: handle)
        #expect(bench.read(7, handle: handle).error == ENOENT)
        #expect(bench.read(1, handle: handle).error == EISDIR)
    }

    // MARK: Directories

    @Test(arguments: [UInt32(24), 31, 32, 40, 64, 100, 4096]) func pagesOfAnySizeMakeTheWhole(size: UInt32) {
        let bench = Bench()
        let names = (1...50).map { "f\($0)" }
        bench.files.state.withLock { $0.names = names.enumerated().map { (UInt64($0.offset) + 1, $0.element) } }
        var seen: [String] = []
        var offset: UInt64 = 0
        for _ in 0..<100 {
            let page = bench.list(offset: offset, size: size)
            guard let last = page.last else { break }
            seen += page.map(\.name)
            offset = last.next
        }
        // 31 bytes hold no entry: the listing ends, it does not turn in circles.
        #expect(seen == (size < 32 ? [] : [".", ".."] + names))
    }

    @Test(arguments: [UInt64(52), 53, 1 << 40, .max]) func behindTheLastIsNothing(offset: UInt64) {
        let bench = Bench()
        bench.files.state.withLock { $0.names = (1...50).map { (UInt64($0), "f\($0)") } }
        #expect(bench.list(offset: offset, size: 4096).isEmpty)
    }

    /// An entry that goes while a reader is in the middle takes none of the others with it.
    @Test func entriesThatStayAreListedOnce() {
        let bench = Bench()
        bench.files.state.withLock { $0.names = (1...40).map { (UInt64($0), "f\($0)") } }
        var seen: [String] = []
        var offset: UInt64 = 0
        for step in 1...100 {
            let page = bench.list(offset: offset, size: 64)
            guard let last = page.last else { break }
            seen += page.map(\.name)
            offset = last.next
            // Odd ones go from the front, new ones come at the end.
            bench.files.state.withLock { state in
                if let index = state.names.firstIndex(where: { $0.position % 2 == 1 }) { state.names.remove(at: index) }
                if step < 10 { state.names.append((UInt64(100 + 2 * step), "new\(step)")) }
            }
        }
        for position in stride(from: 2, through: 40, by: 2) {
            #expect(seen.count { $0 == "f\(position)" } == 1, "f\(position)")
        }
        #expect(Set(seen).count == seen.count)
    }
}
