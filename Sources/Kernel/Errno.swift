// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

import CLinux
import Glibc

/// An error number of the kernel.
///
/// The number is kept, whatever it is.
package struct Errno: Error, RawRepresentable, Hashable, Sendable, CustomStringConvertible {
    package let rawValue: Int32

    package init(rawValue: Int32) { self.rawValue = rawValue }

    package static var again: Errno { Errno(rawValue: EAGAIN) }
    package static var badFileDescriptor: Errno { Errno(rawValue: EBADF) }
    package static var busy: Errno { Errno(rawValue: EBUSY) }
    package static var connectionAborted: Errno { Errno(rawValue: ECONNABORTED) }
    package static var brokenPipe: Errno { Errno(rawValue: EPIPE) }
    package static var connectionRefused: Errno { Errno(rawValue: ECONNREFUSED) }
    package static var connectionReset: Errno { Errno(rawValue: ECONNRESET) }
    package static var exists: Errno { Errno(rawValue: EEXIST) }
    package static var invalidArgument: Errno { Errno(rawValue: EINVAL) }
    package static var io: Errno { Errno(rawValue: EIO) }
    package static var isDirectory: Errno { Errno(rawValue: EISDIR) }
    package static var nameTooLong: Errno { Errno(rawValue: ENAMETOOLONG) }
    package static var noChildProcess: Errno { Errno(rawValue: ECHILD) }
    package static var noDevice: Errno { Errno(rawValue: ENODEV) }
    package static var noEntry: Errno { Errno(rawValue: ENOENT) }
    package static var noProcess: Errno { Errno(rawValue: ESRCH) }
    package static var noSpace: Errno { Errno(rawValue: ENOSPC) }
    package static var notConnected: Errno { Errno(rawValue: ENOTCONN) }
    package static var notDirectory: Errno { Errno(rawValue: ENOTDIR) }
    package static var notImplemented: Errno { Errno(rawValue: ENOSYS) }
    package static var notSupported: Errno { Errno(rawValue: EOPNOTSUPP) }
    package static var notPermitted: Errno { Errno(rawValue: EPERM) }
    package static var permissionDenied: Errno { Errno(rawValue: EACCES) }
    package static var quotaExceeded: Errno { Errno(rawValue: EDQUOT) }
    package static var readOnly: Errno { Errno(rawValue: EROFS) }
    package static var tooManyFiles: Errno { Errno(rawValue: EMFILE) }

    /// The C library's words for it ("No such file or directory").
    package var description: String {
        // SAFETY: the C side returns a NUL-terminated constant, never NULL.
        unsafe String(cString: clinux_error_text(rawValue))
    }

    /// The value of a CLinux call, or its error.
    @inline(__always)
    static func check<Value: SignedInteger & FixedWidthInteger>(_ result: Value) throws(Errno) -> Value {
        guard result >= 0 else { throw Errno(rawValue: Int32(truncatingIfNeeded: 0 &- result)) }
        return result
    }
}
