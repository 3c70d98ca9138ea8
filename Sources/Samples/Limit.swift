// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

/// The one number of a limit file such as memory.max, memory.limit_in_bytes or pids.max.
package struct Limit: Equatable, Sendable {
    /// nil: no limit.
    package var value: UInt64?

    package init(_ value: UInt64?) { self.value = value }

    /// nil where `bytes` are neither a number nor `max`.
    ///
    /// v1 says "no limit" with PAGE_COUNTER_MAX pages in bytes (9223372036854771712 with 4 KiB pages, less with greater
    /// ones); what is at or above 2^63 less 1 MiB is taken for that, -1 too.
    package init?(parsing bytes: Span<UInt8>) {
        var reader = Reader(bytes)
        reader.skipBlanks()
        if reader.starts(with: "max") || reader.starts(with: "-1") {
            value = nil
            return
        }
        guard let number = reader.number() else { return nil }
        value = number >= Self.unlimited ? nil : number
    }

    private static let unlimited: UInt64 = 1 << 63 - 1 << 20
}
