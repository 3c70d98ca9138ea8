// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

internal import Glibc
internal import Synchronization

/// What a program says.
package enum Standard {
    /// Standard output, whole; an error is thrown as one (a full disk, a closed pipe).
    package static func output(_ bytes: [UInt8]) throws(Failure) { try write(bytes, to: 1) }

    /// Standard output, whole.
    package static func output(_ text: String) throws(Failure) { try write(Array(text.utf8), to: 1) }

    /// Standard error, as it is; what cannot be written there is lost.
    package static func error(_ bytes: [UInt8]) { try? write(bytes, to: 2) }

    /// What others have written, such as a container, without what would be orders to a terminal.
    package static func printable(_ text: String) -> String {
        var result = String.UnicodeScalarView()
        for scalar in text.unicodeScalars {
            let isOrder = scalar.properties.generalCategory == .control && scalar != "\n" && scalar != "\t"
            result.append(isOrder ? "?" : scalar)
        }
        return String(result)
    }

    /// One line on standard error, with the command's name before it.
    package static func complain(_ message: String) {
        let line = message.split(whereSeparator: \.isNewline).joined(separator: " ")
        error(Array("umwelt: \(printable(line))\n".utf8))
    }

    /// Whether standard output (1) or standard error (2) is a terminal.
    package static func isTerminal(_ number: Int32) -> Bool { isatty(number) == 1 }

    private static func write(_ bytes: [UInt8], to number: Int32) throws(Failure) {
        var rest = bytes[...]
        while !rest.isEmpty {
            // SAFETY: the slice is valid for its count during the call.
            let count = unsafe rest.withUnsafeBytes { unsafe Glibc.write(number, $0.baseAddress, $0.count) }
            if count < 0, errno == EINTR { continue }
            guard count > 0 else {
                // SAFETY: strerror returns a string of the C library's, copied before another call.
                let reason = unsafe String(cString: strerror(errno))
                throw .failed("cannot write to standard output: \(reason)")
            }
            rest = rest.dropFirst(count)
        }
    }
}
