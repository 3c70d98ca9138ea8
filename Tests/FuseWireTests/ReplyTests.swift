// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

import CLinux
import FuseWire
import Testing

/// Replies to bytes, in annotated hex.
@Suite struct ReplyTests {
    @Test func errorIsNegativeAndAlone() {
        var reply = Reply()
        reply.begin(0x0102_0304_0506_0708, error: 2)
        reply.finish()
        // len 16, error -2, unique
        #expect(reply.bytes == hex("10000000 feffffff 0807060504030201"))
    }

    /// Bit 63 of `unique` marks a request that was sent again (FUSE_UNIQUE_RESEND); the answer carries it.
    @Test func resendBitIsEchoed() throws {
        let request = message(opcode: 17, unique: 1 << 63 | 6)
        let header = try RequestHeader(decoding: request.span.bytes)
        var reply = Reply()
        reply.begin(header.unique)
        reply.finish()
        #expect(reply.bytes == hex("10000000 00000000 0600000000000080"))
    }

    @Test func lengthCountsWhatFollows() {
        var reply = Reply()
        reply.begin(1)
        let content = [UInt8](repeating: 9, count: 0x1_0002)
        reply.put(content: content[1...0x1_0000])
        reply.finish()
        #expect(reply.bytes.prefix(4).elementsEqual(little(UInt32(16 + 0x1_0000))))
        #expect(reply.bytes.dropFirst(16).elementsEqual(content[1...0x1_0000]))
    }

    @Test func reusedReplyForgetsWhatItHeld() {
        var reply = Reply()
        reply.begin(1)
        reply.put(name: [UInt8](repeating: 7, count: 100))
        reply.finish()
        reply.begin(2)
        reply.finish()
        #expect(reply.bytes == hex("10000000 00000000 0200000000000000"))
    }

    private let attributes = Attributes(
        node: 0x1122_3344_5566_7788,
        mode: 0o100444,
        size: 0x99,
        links: 1,
        time: 0x6553_F100
    )
    private let attributesHex = """
        8877665544332211 9900000000000000 0100000000000000
        00f1536500000000 00f1536500000000 00f1536500000000 00000000 00000000 00000000
        24810000 01000000 00000000 00000000 00000000 00100000 00000000
        """

    /// struct fuse_attr_out: valid (s, ns), dummy; ino, size, blocks, times and their ns, mode, nlink, uid, gid, rdev,
    /// blksize, flags.
    @Test func attributesInHex() {
        var reply = Reply()
        reply.begin(1)
        reply.put(attributes: attributes, timeoutNs: 3_600_000_000_123)
        #expect(reply.bytes.dropFirst(16).elementsEqual(hex("100e000000000000 7b000000 00000000" + attributesHex)))
    }

    /// struct fuse_entry_out: nodeid, generation, entry_valid, attr_valid, their ns, attributes.
    @Test func entryInHex() {
        var reply = Reply()
        reply.begin(1)
        reply.put(entry: attributes, entryTimeoutNs: 2_000_000_005, attributesTimeoutNs: 1_000_000_003)
        #expect(
            reply.bytes.dropFirst(16).elementsEqual(
                hex(
                    "8877665544332211 0000000000000000 0200000000000000 0100000000000000 05000000 03000000"
                        + attributesHex
                )
            )
        )
    }

    @Test func timeoutsAtTheirGreatest() {
        var reply = Reply()
        reply.begin(1)
        reply.put(entry: attributes, entryTimeoutNs: .max, attributesTimeoutNs: .max)
        reply.put(attributes: attributes, timeoutNs: .max)
        #expect(reply.bytes.count == 16 + 128 + 104)
    }

    /// struct fuse_open_out: fh, FOPEN_DIRECT_IO | FOPEN_NOFLUSH, padding.
    @Test func openInHex() {
        var reply = Reply()
        reply.begin(1)
        reply.put(handle: .max, flags: .snapshot)
        #expect(reply.bytes.dropFirst(16).elementsEqual(hex("ffffffffffffffff 21000000 00000000")))
    }

    /// struct fuse_statfs_out: nothing but block size, name length and fragment size.
    @Test func statfsInHex() {
        var reply = Reply()
        reply.begin(1)
        reply.putStatfs()
        let zeros = [UInt8](repeating: 0, count: 40)
        #expect(
            reply.bytes.dropFirst(16).elementsEqual(
                zeros + hex("00100000 ff000000 00100000 00000000") + [UInt8](repeating: 0, count: 24)
            )
        )
    }

    /// struct fuse_init_out of 64 bytes.
    @Test func initInHex() {
        var reply = Reply()
        reply.begin(1)
        reply.put(Negotiated(minor: 41, flags: 0x4040_0001, flags2: 0x180, maxPages: 4))
        #expect(
            reply.bytes.dropFirst(16).elementsEqual(
                // major, minor, max_readahead, flags, max_background 64 and congestion_threshold 48, max_write 4096,
                // time_gran 1, max_pages, map_alignment, flags2
                hex("07000000 29000000 00000000 01004040 4000 3000 00100000 01000000 0400 0000 80010000")
                    + [UInt8](repeating: 0, count: 28)
            )
        )
    }

    private func put(_ reply: inout Reply, _ name: [UInt8], node: UInt64, offset: UInt64, limit: Int) -> Bool {
        reply.put(directoryEntry: name, node: node, type: 8, nextOffset: offset, limit: limit)
    }

    /// struct fuse_dirent: ino, off, namelen, type, the name, padded to 8.
    @Test func directoryEntryInHex() {
        var reply = Reply()
        reply.begin(1)
        #expect(put(&reply, Array("stat".utf8), node: 5, offset: 3, limit: 32))
        #expect(
            reply.bytes.dropFirst(16).elementsEqual(
                hex("0500000000000000 0300000000000000 04000000 08000000 73746174 00000000")
            )
        )
        #expect(!put(&reply, [1], node: 5, offset: 4, limit: 63))
        #expect(reply.bytes.count == 48)
        #expect(put(&reply, [1], node: 5, offset: 4, limit: 64))
    }

    @Test(arguments: 0...17) func directoryEntriesAreAligned(length: Int) {
        var reply = Reply()
        reply.begin(1)
        let name = [UInt8](repeating: 65, count: length)
        #expect(put(&reply, name, node: 1, offset: 1, limit: 4096))
        #expect((reply.bytes.count - 16) % 8 == 0)
        #expect(reply.bytes.count - 16 >= 24 + length)
        #expect(reply.bytes.count - 16 < 24 + length + 8)
    }
}
