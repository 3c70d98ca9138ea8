// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

package import Kernel

/// One line to syslog, and with it to the journal.
package enum Journal {
    /// Bytes of a line, at most.
    private static let limit = 1024

    package enum Level: UInt8, Sendable {
        case error = 3
        case warning = 4
        case info = 6
    }

    /// At once or not at all: nobody waits for a logger.
    package static func log(_ level: Level, _ message: String, to path: Path = "/dev/log") {
        // The facility of system daemons (RFC 5424).
        let line = "<\(3 << 3 | level.rawValue)>umwelt-keydns[\(ProcessID.own)]: \(message)"
        try? InetSocket.datagram(Array(line.utf8.prefix(limit)), to: path)
    }
}
