// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

import Kernel

/// Here and not in Kernel, so that it is specialized for what each caller parses.
extension Fd {
    /// Calls `body` with the file's content from its start, at most `limit` bytes of it, without allocating where the
    /// content is shorter than a page.
    ///
    /// `body` must not keep the span.
    ///
    /// For files of one record only, which one read shows whole where it fits: those of cgroups other than the lists of
    /// processes and threads, and /proc/PID/stat and the like. `contents` reads any.
    ///
    /// Never a part of one moment and a part of another, whoever reads by the same descriptor: what does not fit is read
    /// again from its start.
    ///
    /// On a kept cgroup file: ENODEV once the cgroup is gone, or its controller was disabled.
    borrowing func withContents<Result>(
        limit: Int,
        _ body: (Span<UInt8>) -> Result
    ) throws(Errno) -> Result {
        let page = min(4096, limit)
        var failure: Errno?
        // SAFETY: the buffer lives for the closure; only the bytes that the kernel said it wrote are looked at.
        let short: Result? = unsafe withUnsafeTemporaryAllocation(of: UInt8.self, capacity: page) { buffer in
            do throws(Errno) {
                let got = min(try unsafe read(at: 0, into: UnsafeMutableRawBufferPointer(buffer)), page)
                // One record that fits is complete after one short read.
                guard got < page || got == limit else { return nil }
                return body(unsafe UnsafeBufferPointer(rebasing: buffer[..<got]).span)
            } catch {
                failure = error
                return nil
            }
        }
        if let failure { throw failure }
        if let short { return short }
        var capacity = page
        while true {
            capacity = min(4 * capacity, limit)
            let long = try readOnce(atMost: capacity)
            if long.count < capacity || capacity == limit { return body(long.span) }
        }
    }
}
