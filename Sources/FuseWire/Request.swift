// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

import CLinux

/// Who asks for what: struct fuse_in_header.
package struct RequestHeader: Equatable, Sendable {
    package var length: UInt32
    package var opcode: Opcode
    /// Echoed by the answer, bit 63 (FUSE_UNIQUE_RESEND) included.
    package var unique: UInt64
    package var node: UInt64
    package var uid: UInt32
    package var gid: UInt32
    /// The asking thread, in the pid namespace of the process that mounted; 0 where it is not visible there.
    package var pid: UInt32

    package static let size = 40
    /// FUSE_UNIQUE_RESEND: the bit of `unique` that the kernel sets in what it sends once more.
    package static var resent: UInt64 { CLINUX_FUSE_UNIQUE_RESEND }

    package init(decoding bytes: RawSpan) throws(WireError) {
        var reader = WireReader(bytes)
        let header = try reader.take(fuse_in_header.self)
        length = header.len
        opcode = Opcode(rawValue: header.opcode)
        unique = header.unique
        node = header.nodeid
        uid = header.uid
        gid = header.gid
        pid = header.pid
    }
}

/// One request of the kernel, decoded.
///
/// What a read-only file system does not implement is `unimplemented`.
package enum Request: Equatable, Sendable {
    case initialize(InitRequest)
    case lookup(name: [UInt8])
    case forget
    /// `handle`: of the file by which it was asked (lseek(2) from the end; fstat(2) tells of none).
    case getattr(handle: UInt64?)
    case readlink
    case open(flags: UInt32)
    /// `isDirect`: for a reader's own read(2), and not for the page cache.
    ///
    /// The kernel names the lock owner in the former alone (FUSE_READ_LOCKOWNER; fs/fuse/file.c, fuse_direct_io(),
    /// fuse_do_readfolio()).
    case read(handle: UInt64, offset: UInt64, size: UInt32, isDirect: Bool)
    case release(handle: UInt64)
    case statfs
    case opendir
    case readdir(handle: UInt64, offset: UInt64, size: UInt32)
    case releasedir(handle: UInt64)
    case interrupt(unique: UInt64)
    case destroy
    case unimplemented

    /// The longest name a request may carry (FUSE_NAME_MAX: 1024, and PATH_MAX - 1 since 6.13).
    package static let nameLimit = 4095

    /// Decodes what follows the header.
    ///
    /// `bytes` is the whole message as read from the device.
    package init(decoding bytes: RawSpan, header: RequestHeader) throws(WireError) {
        guard UInt64(header.length) == UInt64(bytes.byteCount) else {
            throw WireError(kind: .length, offset: 0)
        }
        var reader = WireReader(bytes)
        _ = try reader.take(fuse_in_header.self)
        switch header.opcode {
        case .initialize: self = .initialize(try InitRequest(&reader))
        case .lookup: self = .lookup(name: try reader.takeName(limit: Self.nameLimit))
        case .forget:
            _ = try reader.take(fuse_forget_in.self)
            self = .forget
        case .batchForget:
            let batch = try reader.take(fuse_batch_forget_in.self)
            let (size, overflow) = Int(batch.count).multipliedReportingOverflow(by: MemoryLayout<fuse_forget_one>.size)
            guard !overflow, size <= reader.remaining else { throw WireError(kind: .bounds, offset: reader.offset) }
            self = .forget
        case .getattr:
            let getattr = try reader.take(fuse_getattr_in.self)
            self = .getattr(handle: getattr.getattr_flags & UInt32(FUSE_GETATTR_FH) != 0 ? getattr.fh : nil)
        case .readlink: self = .readlink
        case .open, .opendir:
            let open = try reader.take(fuse_open_in.self)
            self = header.opcode == .open ? .open(flags: open.flags) : .opendir
        case .read, .readdir:
            let read = try reader.take(fuse_read_in.self)
            self =
                header.opcode == .read
                ? .read(
                    handle: read.fh,
                    offset: read.offset,
                    size: read.size,
                    isDirect: read.read_flags & UInt32(FUSE_READ_LOCKOWNER) != 0
                )
                : .readdir(handle: read.fh, offset: read.offset, size: read.size)
        case .release, .releasedir:
            let release = try reader.take(fuse_release_in.self)
            self = header.opcode == .release ? .release(handle: release.fh) : .releasedir(handle: release.fh)
        case .statfs: self = .statfs
        case .interrupt: self = .interrupt(unique: try reader.take(fuse_interrupt_in.self).unique)
        case .destroy: self = .destroy
        default: self = .unimplemented
        }
    }
}

/// What the kernel offers at the start: struct fuse_init_in.
package struct InitRequest: Equatable, Sendable {
    package var major: UInt32
    package var minor: UInt32
    package var maxReadahead: UInt32
    package var flags: UInt32
    /// 0 before protocol 7.36.
    package var flags2: UInt32

    /// Kernels before 7.36 send the first 16 bytes only.
    init(_ reader: inout WireReader) throws(WireError) {
        let old = try reader.take(OldInit.self)
        major = old.major
        minor = old.minor
        maxReadahead = old.maxReadahead
        flags = old.flags
        flags2 = reader.remaining >= 4 ? try reader.take(UInt32.self) : 0
    }

    package init(major: UInt32, minor: UInt32, maxReadahead: UInt32, flags: UInt32, flags2: UInt32) {
        self.major = major
        self.minor = minor
        self.maxReadahead = maxReadahead
        self.flags = flags
        self.flags2 = flags2
    }

    private struct OldInit: BitwiseCopyable {
        var major: UInt32
        var minor: UInt32
        var maxReadahead: UInt32
        var flags: UInt32
    }
}
