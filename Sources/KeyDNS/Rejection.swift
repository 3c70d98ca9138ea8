// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

package import Resolver

/// How a failed lookup is told to the kernel: an errno, for one second.
///
/// Kernel clients ask again at once after any errno but ENOKEY (search_cred_keyrings_rcu() prefers EAGAIN to it), so
/// nothing here is kept against them when a pod comes back; ENOKEY, which the kernel itself sets for 60 s, is never
/// used.
package struct Rejection: Equatable, Sendable {
    /// The kernel's number.
    package var errno: Int32
    package var reason: String

    package static let seconds: UInt32 = 1

    package init(_ errno: Int32, _ reason: String) {
        self.errno = errno
        self.reason = reason
    }

    package init(_ failure: LookupFailure) {
        switch failure {
        case .noSuchName, .noData: errno = Self.ENODATA
        case .aliasLoop: errno = Self.ELOOP
        case .exchange(.timeout): errno = Self.EAGAIN
        case .exchange(.code(.refused)): errno = Self.ECONNREFUSED
        case .exchange(.code): errno = Self.EAGAIN
        case .exchange(.unreachable), .exchange(.noServer): errno = Self.EHOSTUNREACH
        case .exchange(.malformed): errno = Self.EBADMSG
        }
        reason = failure.description
    }

    // linux/errno.h, asm-generic/errno.h: the same on x86-64 and arm64.
    package static let ENOENT: Int32 = 2
    package static let EAGAIN: Int32 = 11
    package static let ENOMEM: Int32 = 12
    package static let EINVAL: Int32 = 22
    package static let ELOOP: Int32 = 40
    package static let ENODATA: Int32 = 61
    package static let EBADMSG: Int32 = 74
    package static let ETIMEDOUT: Int32 = 110
    package static let ECONNREFUSED: Int32 = 111
    package static let EHOSTUNREACH: Int32 = 113
}
