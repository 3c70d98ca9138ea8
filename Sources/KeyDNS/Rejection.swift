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
    package var counter: KeyCounter

    package static let seconds: UInt32 = 1

    package init(_ errno: Int32, _ reason: String, counter: KeyCounter = .otherFailures) {
        self.errno = errno
        self.reason = reason
        self.counter = counter
    }

    package init(_ failure: LookupFailure) {
        switch failure {
        case .noSuchName: (errno, counter) = (Self.ENODATA, .noName)
        case .noData: (errno, counter) = (Self.ENODATA, .noData)
        case .aliasLoop: (errno, counter) = (Self.ELOOP, .otherFailures)
        case .exchange(.timeout): (errno, counter) = (Self.EAGAIN, .timeouts)
        case .exchange(.code(.refused)): (errno, counter) = (Self.ECONNREFUSED, .serverFailures)
        case .exchange(.code): (errno, counter) = (Self.EAGAIN, .serverFailures)
        case .exchange(.unreachable): (errno, counter) = (Self.EHOSTUNREACH, .serverFailures)
        case .exchange(.noServer): (errno, counter) = (Self.EHOSTUNREACH, .otherFailures)
        case .exchange(.malformed): (errno, counter) = (Self.EBADMSG, .serverFailures)
        }
        reason = failure.description
    }

    // linux/errno.h, asm-generic/errno.h: the same on x86-64 and arm64.
    package static let ENOENT: Int32 = 2
    package static let EINTR: Int32 = 4
    package static let EAGAIN: Int32 = 11
    package static let ENOMEM: Int32 = 12
    package static let EINVAL: Int32 = 22
    package static let ELOOP: Int32 = 40
    package static let ENODATA: Int32 = 61
    package static let EBADMSG: Int32 = 74
    package static let ETIMEDOUT: Int32 = 110
    package static let ECONNREFUSED: Int32 = 111
    package static let EHOSTUNREACH: Int32 = 113
    package static let ENOKEY: Int32 = 126
}
