// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

/// /proc/PID/timens_offsets (kernel kernel/time/namespace.c, proc_timens_show_offsets): what the time namespace of the
/// process's children adds to the clocks, in nanoseconds.
package struct TimeOffsets: Equatable, Sendable {
    package var monotonicNs: Int64 = 0
    package var boottimeNs: Int64 = 0

    package init() {}

    package init(parsing bytes: Span<UInt8>) {
        var reader = Reader(bytes)
        while var line = reader.line() {
            let key = line.key()
            line.skipBlanks()
            guard let seconds = line.signedNumber() else { continue }
            line.skipBlanks()
            guard let nanoseconds = line.signedNumber() else { continue }
            let offset = Self.nanoseconds(seconds).adding(clamping: nanoseconds)
            if key == Self.monotonic { monotonicNs = offset }
            if key == Self.boottime { boottimeNs = offset }
        }
    }

    private static let monotonic = Key("monotonic")
    private static let boottime = Key("boottime")

    private static func nanoseconds(_ seconds: Int64) -> Int64 {
        let (value, overflow) = seconds.multipliedReportingOverflow(by: 1_000_000_000)
        guard overflow else { return value }
        return seconds < 0 ? .min : .max
    }
}

extension Int64 {
    fileprivate func adding(clamping other: Int64) -> Int64 {
        let (value, overflow) = addingReportingOverflow(other)
        guard overflow else { return value }
        return other < 0 ? .min : .max
    }
}
