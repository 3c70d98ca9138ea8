// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

/// /proc/uptime of the host (kernel fs/proc/uptime.c), in hundredths of a second.
package struct HostUptime: Equatable, Sendable {
    package var uptime: UInt64
    package var idle: UInt64

    package init?(parsing bytes: Span<UInt8>) {
        var reader = Reader(bytes)
        guard let uptime = reader.hundredths(), let idle = reader.hundredths() else { return nil }
        self.uptime = uptime
        self.idle = idle
    }
}

/// /proc/loadavg of the host (kernel fs/proc/loadavg.c); loads in hundredths.
package struct HostLoad: Equatable, Sendable {
    package var load1: UInt64
    package var load5: UInt64
    package var load15: UInt64
    package var running: UInt64
    package var threads: UInt64
    package var lastPID: UInt64

    package init?(parsing bytes: Span<UInt8>) {
        var reader = Reader(bytes)
        guard let load1 = reader.hundredths(), let load5 = reader.hundredths(), let load15 = reader.hundredths(),
            let running = reader.blankNumber(), reader.take(UInt8(ascii: "/")), let threads = reader.number(),
            let lastPID = reader.blankNumber()
        else { return nil }
        self.load1 = load1
        self.load5 = load5
        self.load15 = load15
        self.running = running
        self.threads = threads
        self.lastPID = lastPID
    }
}

extension Reader {
    /// A number with up to two decimals after blanks, in hundredths; more decimals are dropped.
    fileprivate mutating func hundredths() -> UInt64? {
        guard let whole = blankNumber() else { return nil }
        var value = whole.multiplied(orMax: 100)
        guard take(UInt8(ascii: ".")) else { return value }
        var unit: UInt64 = 10
        while let byte = peek, byte >= UInt8(ascii: "0"), byte <= UInt8(ascii: "9") {
            value = value.adding(orMax: UInt64(byte - UInt8(ascii: "0")) * unit)
            unit /= 10
            skip(1)
        }
        return value
    }
}
