// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

import Kernel

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
    ///
    /// Part of a message may be anybody's who asks the kernel for a key: what is not printable is not passed on.
    package static func log(_ level: Level, _ message: String) {
        // The facility of system daemons (RFC 5424).
        let line = "<\(3 << 3 | Int(level.rawValue))>umwelt-keydns[\(ProcessID.own)]: \(message)"
        var bytes: [UInt8] = []
        for byte in line.utf8 where bytes.count < limit {
            bytes.append((0x20...0x7e).contains(byte) ? byte : UInt8(ascii: "?"))
        }
        try? InetSocket.datagram(bytes, to: "/dev/log")
    }
}
