// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

import CLinux

/// The calling process's own resources.
package enum ProcessLimits {
    /// Gives back the pages of its own program, code and constants; those still needed come back from the page cache, a
    /// minor fault each.
    ///
    /// Of a static executable most were mapped only because they lie next to one that was needed (fault-around), or for
    /// the start.
    package static func dropProgramPages() { _ = clinux_drop_program_pages() }

    /// Bytes of memory that are resident, shared ones included; nil where /proc/self/statm cannot be read.
    package static var residentBytes: UInt64? {
        guard let text = try? Fd.contents(of: "/proc/self/statm", limit: 256) else { return nil }
        let words = text.split(separator: UInt8(ascii: " "))
        guard words.count > 1, let pages = UInt64(String(decoding: words[1], as: UTF8.self)) else { return nil }
        let (bytes, overflow) = pages.multipliedReportingOverflow(by: PageSize.bytes)
        return overflow ? nil : bytes
    }

    /// The number of descriptors it may open; nil where it cannot be read.
    package static var openFiles: Int? {
        let count = clinux_open_files_limit()
        return count < 0 ? nil : Int(count)
    }

    /// Raises the number of descriptors it may open as far as it may; returns that number.
    package static func raiseOpenFiles() throws(Errno) -> Int {
        Int(try Errno.check(clinux_raise_nofile()))
    }
}

/// Gives back the pages of the program where more than `goal` is resident: what rare requests, or the start, needed once.
///
/// `dropProgramPages` at most once a second; one small read otherwise.
package struct ProgramTrim: Sendable {
    /// Bytes.
    private let goal: UInt64
    private var trimmedAt: UInt64

    /// Begins with a trim.
    package init(goal: UInt64) {
        self.goal = goal
        ProcessLimits.dropProgramPages()
        trimmedAt = Clock.monotonic
    }

    /// To be called from time to time; `now` of the monotonic clock, in ns.
    package mutating func look(_ now: UInt64) {
        guard now &- trimmedAt > 1_000_000_000 else { return }
        trimmedAt = now
        if ProcessLimits.residentBytes ?? 0 > goal { ProcessLimits.dropProgramPages() }
    }
}
