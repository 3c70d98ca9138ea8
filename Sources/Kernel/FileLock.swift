// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

import CLinux
import Glibc

extension Fd {
    /// Shares the file's lock (flock) with others that share it; waits for one who has it alone.
    package borrowing func lockShared() throws(Errno) { _ = try Errno.check(clinux_flock(raw, LOCK_SH)) }

    /// Gives the lock back before the descriptor is closed.
    package borrowing func unlock() throws(Errno) { _ = try Errno.check(clinux_flock(raw, LOCK_UN)) }
}
