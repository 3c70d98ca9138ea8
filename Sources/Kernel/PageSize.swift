// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

import Glibc

/// The size of a page of memory.
package enum PageSize {
    /// In bytes; fixed at boot.
    package static let bytes = UInt64(clamping: max(sysconf(Int32(_SC_PAGESIZE)), 4096))
}
