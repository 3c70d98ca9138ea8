// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

import CLinux

/// Descriptors 0, 1 and 2.
package enum StandardDescriptors {
    /// Opens /dev/null in the place of those that are closed (`command <&-`).
    ///
    /// A program's first act: what it opens next would take their numbers, and be written to, or be read by a child, as what
    /// it is not. What is written to standard output fails with EBADF, as where it is closed.
    package static func fill() throws(Errno) { _ = try Errno.check(clinux_fill_standard_descriptors()) }
}
