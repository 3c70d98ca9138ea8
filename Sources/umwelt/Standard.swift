// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

import Kernel

/// What the program says.
enum Standard {
    /// Standard output, whole; an error is thrown as one (a full disk, a closed pipe).
    static func output(_ bytes: [UInt8]) throws(Failure) {
        do throws(Errno) { try write(bytes, to: 1) } catch {
            throw .failed("cannot write to standard output: \(error)")
        }
    }

    /// One line on standard error, with the program's name before it.
    static func complain(_ message: String) {
        let line = message.split(whereSeparator: \.isNewline).joined(separator: " ")
        try? write(Array("umwelt: \(line)\n".utf8), to: 2)
    }

    private static func write(_ bytes: [UInt8], to number: Int32) throws(Errno) {
        try Fd.standard(number).write(bytes)
    }
}
