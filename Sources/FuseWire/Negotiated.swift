// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

import CLinux

/// What the two sides agreed on at the start.
///
/// A later process that takes over the connection needs it again.
package struct Negotiated: Equatable, Sendable {
    /// The protocol's minor version in force.
    package var minor: UInt32
    package var flags: UInt32
    package var flags2: UInt32
    /// The greatest request, in pages of 4096 bytes.
    package var maxPages: UInt16

    package init(minor: UInt32, flags: UInt32, flags2: UInt32, maxPages: UInt16) {
        self.minor = minor
        self.flags = flags
        self.flags2 = flags2
        self.maxPages = maxPages
    }

    /// The least protocol this code speaks: 7.28 (FUSE_MAX_PAGES, Linux 4.20).
    package static let leastMinor: UInt32 = 28

    /// Accepts of the kernel's offer what the server makes use of; nil where the kernel is too old.
    ///
    /// For another major version than 7 the protocol has the kernel ask again, which `major` tells the caller.
    ///
    /// - FUSE_ASYNC_READ, FUSE_PARALLEL_DIROPS: requests on one file or directory need not wait for each other.
    /// - FUSE_MAX_PAGES: a small request pins few pages of the reader.
    /// - FUSE_HAS_RESEND (7.40): requests in flight survive the process that read them.
    /// - FUSE_ALLOW_IDMAP (7.41): the kubelet may mount us id-mapped.
    /// - FUSE_ABORT_ERROR: an aborted connection is told from a broken device.
    package init?(accepting offer: InitRequest, maxPages: UInt16) {
        guard offer.major == UInt32(FUSE_KERNEL_VERSION), offer.minor >= Self.leastMinor else { return nil }
        let wanted =
            UInt32(FUSE_ASYNC_READ) | UInt32(FUSE_PARALLEL_DIROPS) | UInt32(FUSE_MAX_PAGES)
            | UInt32(FUSE_ABORT_ERROR) | UInt32(FUSE_CACHE_SYMLINKS) | UInt32(FUSE_INIT_EXT)
        let wanted2 = CLINUX_FUSE_HAS_RESEND_FLAGS2 | CLINUX_FUSE_ALLOW_IDMAP_FLAGS2
        flags = offer.flags & wanted
        flags2 = flags & UInt32(FUSE_INIT_EXT) == 0 ? 0 : offer.flags2 & wanted2
        minor = min(offer.minor, Self.spokenMinor)
        self.maxPages = max(1, min(maxPages, 256))
    }

    /// The newest protocol whose meaning this code knows.
    private static let spokenMinor: UInt32 = 41

    /// Whether FUSE_NOTIFY_RESEND may be sent.
    package var hasResend: Bool { flags2 & CLINUX_FUSE_HAS_RESEND_FLAGS2 != 0 }
}
