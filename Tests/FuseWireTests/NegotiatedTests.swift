// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

import CLinux
import FuseWire
import Testing

/// What is agreed on with kernels old and new.
@Suite struct NegotiatedTests {
    private func offer(
        major: UInt32 = 7,
        minor: UInt32 = 45,
        flags: UInt32 = .max,
        flags2: UInt32 = .max
    ) -> InitRequest { InitRequest(major: major, minor: minor, maxReadahead: 131072, flags: flags, flags2: flags2) }

    @Test(arguments: [(UInt32(27), false), (28, true), (31, true), (36, true), (45, true), (.max, true)])
    func kernelsFromLinux420OnAreServed(minor: UInt32, isServed: Bool) {
        #expect((Negotiated(accepting: offer(minor: minor), maxPages: 4) != nil) == isServed)
    }

    @Test(arguments: [UInt32(0), 6, 8, .max]) func anotherMajorVersionIsNotServed(major: UInt32) {
        #expect(Negotiated(accepting: offer(major: major), maxPages: 4) == nil)
    }

    /// No more than the two sides both know.
    @Test func minorIsTheLesser() {
        #expect(Negotiated(accepting: offer(minor: 31), maxPages: 4)?.minor == 31)
        #expect((Negotiated(accepting: offer(minor: 99), maxPages: 4)?.minor ?? 99) <= 45)
    }

    /// Nothing that was not offered, and of what is offered nothing that would change who caches, writes or locks.
    @Test func onlyWhatIsUsedIsAccepted() throws {
        let all = try #require(Negotiated(accepting: offer(), maxPages: 4))
        let never =
            FUSE_WRITEBACK_CACHE | FUSE_ATOMIC_O_TRUNC | FUSE_POSIX_LOCKS | FUSE_FLOCK_LOCKS | FUSE_AUTO_INVAL_DATA
            | FUSE_NO_OPEN_SUPPORT | FUSE_DONT_MASK | FUSE_HANDLE_KILLPRIV | FUSE_POSIX_ACL | FUSE_EXPORT_SUPPORT
        #expect(all.flags & UInt32(truncatingIfNeeded: never) == 0)
        #expect(all.flags & UInt32(truncatingIfNeeded: FUSE_MAX_PAGES) != 0)
        #expect(all.hasResend)
        let none = try #require(Negotiated(accepting: offer(flags: 0, flags2: .max), maxPages: 4))
        #expect(none.flags == 0)
        #expect(none.flags2 == 0)
        #expect(!none.hasResend)
    }

    /// Without FUSE_INIT_EXT what stands in the place of flags2 means nothing.
    @Test func secondFlagsNeedTheExtension() throws {
        let old = try #require(
            Negotiated(accepting: offer(flags: .max & ~UInt32(truncatingIfNeeded: FUSE_INIT_EXT)), maxPages: 4)
        )
        #expect(old.flags2 == 0)
    }

    @Test(arguments: [(UInt16(0), UInt16(1)), (1, 1), (4, 4), (256, 256), (257, 256), (.max, 256)])
    func pagesAreBounded(wanted: UInt16, given: UInt16) {
        #expect(Negotiated(accepting: offer(), maxPages: wanted)?.maxPages == given)
    }
}
