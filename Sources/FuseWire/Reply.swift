// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

import CLinux

/// Encodes answers: struct fuse_out_header and what follows it.
///
/// One value is reused for many; its memory stays.
package struct Reply: Sendable {
    package private(set) var bytes: [UInt8] = []

    /// `capacity`: bytes of the longest answer to be expected; the memory stays however short the answers are.
    package init(capacity: Int = 512) { bytes.reserveCapacity(capacity) }

    package static let headerSize = 16

    /// Begins the answer to `unique`.
    ///
    /// `error` is an errno (positive) or 0.
    package mutating func begin(_ unique: UInt64, error: Int32 = 0) {
        bytes.removeAll(keepingCapacity: true)
        put(fuse_out_header(len: UInt32(Self.headerSize), error: 0 &- error, unique: unique))
    }

    /// Sets the length in the header to what was put.
    package mutating func finish() {
        let length = UInt32(truncatingIfNeeded: bytes.count)
        for index in 0..<min(4, bytes.count) { bytes[index] = UInt8(truncatingIfNeeded: length >> (8 * UInt32(index))) }
    }

    /// Appends a C struct of integers as it lies in memory.
    mutating func put<T: BitwiseCopyable>(_ value: T) {
        // SAFETY: a C struct of integers without uninitialised padding (each is zero-initialised by its import).
        unsafe withUnsafeBytes(of: value) { unsafe bytes.append(contentsOf: $0) }
    }

    /// The message by which the kernel is asked to send all that was read and not answered once more
    /// (FUSE_NOTIFY_RESEND, 7.40).
    package static var resend: [UInt8] {
        var message = Reply()
        message.put(fuse_out_header(len: UInt32(headerSize), error: Int32(CLINUX_FUSE_NOTIFY_RESEND), unique: 0))
        return message.bytes
    }

    /// The message by which the kernel is told to ask for a node's attributes again (FUSE_NOTIFY_INVAL_INODE, 7.12).
    package static func forgetAttributes(of node: UInt64) -> [UInt8] {
        var message = Reply()
        message.put(fuse_out_header(len: 0, error: Int32(bitPattern: FUSE_NOTIFY_INVAL_INODE.rawValue), unique: 0))
        // A negative offset: the attributes alone.
        message.put(fuse_notify_inval_inode_out(ino: node, off: -1, len: 0))
        message.finish()
        return message.bytes
    }

    package mutating func put(name: [UInt8]) { bytes.append(contentsOf: name) }

    /// A part of a file, the last thing in the answer to a READ.
    package mutating func put(content: ArraySlice<UInt8>) { bytes.append(contentsOf: content) }

    /// struct fuse_entry_out.
    package mutating func put(entry attributes: Attributes, entryTimeoutNs: UInt64, attributesTimeoutNs: UInt64) {
        put(
            fuse_entry_out(
                nodeid: attributes.node,
                generation: 0,
                entry_valid: entryTimeoutNs / 1_000_000_000,
                attr_valid: attributesTimeoutNs / 1_000_000_000,
                entry_valid_nsec: UInt32(entryTimeoutNs % 1_000_000_000),
                attr_valid_nsec: UInt32(attributesTimeoutNs % 1_000_000_000),
                attr: attributes.wire
            )
        )
    }

    /// struct fuse_attr_out.
    package mutating func put(attributes: Attributes, timeoutNs: UInt64) {
        put(
            fuse_attr_out(
                attr_valid: timeoutNs / 1_000_000_000,
                attr_valid_nsec: UInt32(timeoutNs % 1_000_000_000),
                dummy: 0,
                attr: attributes.wire
            )
        )
    }

    /// struct fuse_open_out.
    package mutating func put(handle: UInt64, flags: OpenReplyFlags) {
        put(fuse_open_out(fh: handle, open_flags: flags.rawValue, padding: 0))
    }

    /// struct fuse_statfs_out of a file system that has nothing to count.
    package mutating func putStatfs() {
        var status = fuse_kstatfs()
        status.bsize = 4096
        status.frsize = 4096
        status.namelen = 255
        put(status)
    }

    /// struct fuse_init_out.
    package mutating func put(_ negotiated: Negotiated) {
        var out = fuse_init_out()
        out.major = UInt32(FUSE_KERNEL_VERSION)
        out.minor = negotiated.minor
        out.max_readahead = 0
        out.flags = negotiated.flags
        out.flags2 = negotiated.flags2
        out.max_background = 64
        out.congestion_threshold = 48
        out.max_write = 4096
        out.time_gran = 1
        out.max_pages = negotiated.maxPages
        put(out)
    }

    /// Appends a struct fuse_dirent, padded to 8 bytes; false where it would exceed `limit` bytes of entries.
    package mutating func put(
        directoryEntry name: [UInt8],
        node: UInt64,
        type: UInt32,
        nextOffset: UInt64,
        limit: Int
    ) -> Bool {
        let size = 24 + name.count
        let padded = (size + 7) & ~7
        guard bytes.count - Self.headerSize + padded <= limit else { return false }
        // struct fuse_dirent ends in a flexible array, which Swift does not import: its four members, one by one.
        put(node)
        put(nextOffset)
        put(UInt32(truncatingIfNeeded: name.count))
        put(type)
        bytes.append(contentsOf: name)
        for _ in size..<padded { bytes.append(0) }
        return true
    }
}

/// FOPEN_ flags of an answer to OPEN or OPENDIR.
package enum OpenReplyFlags: UInt32, Sendable {
    case none = 0
    /// FOPEN_DIRECT_IO: reads go to the server, not through the page cache; FOPEN_NOFLUSH (7.36): the kernel need not send
    /// FLUSH at close.
    case snapshot = 0x21
}

/// What stat(2) shows of a node.
package struct Attributes: Equatable, Sendable {
    package var node: UInt64
    /// Type and permissions, as st_mode.
    package var mode: UInt32
    package var size: UInt64
    package var links: UInt32
    /// Seconds since the epoch, the same for the three times.
    package var time: UInt64
    /// Whether the kernel may keep them until it is told otherwise: not where they differ from caller to caller.
    package var areSteady = true

    package init(node: UInt64, mode: UInt32, size: UInt64, links: UInt32, time: UInt64) {
        self.node = node
        self.mode = mode
        self.size = size
        self.links = links
        self.time = time
    }

    /// What files show as their size that are not larger, as sysfs's do.
    package static var nominalSize: UInt64 { 4096 }

    var wire: fuse_attr {
        var out = fuse_attr()
        out.ino = node
        out.size = size
        // A file with less than its size in blocks has holes, and cp copies no further than the last one.
        out.blocks = size / 512 + (size % 512 == 0 ? 0 : 1)
        out.atime = time
        out.mtime = time
        out.ctime = time
        out.mode = mode
        out.nlink = links
        out.blksize = 4096
        return out
    }
}
