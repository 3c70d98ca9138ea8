// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

internal import Glibc

/// A system call on a file that failed: what, on which path, and errno.
package struct FileError: Error, Equatable, CustomStringConvertible, Sendable {
    /// The call: "open", "read".
    package var operation: String
    package var path: String
    /// errno; 0 where the file was larger than the limit.
    package var code: Int32

    /// A failure of `operation` on `path`.
    package init(operation: String, path: String, code: Int32) {
        self.operation = operation
        self.path = path
        self.code = code
    }

    /// Whether there is no such file, or no such directory above it.
    package var isMissing: Bool { code == ENOENT || code == ENOTDIR }

    /// As Go prints an *os.PathError: `open /etc/resolv.conf: no such file or directory`.
    package var description: String { "\(operation) \(path): \(reason)" }

    /// errno in words, as the C library and Go have them, in lower case.
    package var reason: String {
        guard code != 0 else { return "the file is too large" }
        // SAFETY: strerror returns a string of the C library's, copied before another call.
        let text = unsafe String(cString: strerror(code))
        // Go's table is the kernel's words in lower case, but for abbreviations such as "I/O".
        return text.hasPrefix("I/O") || text.hasPrefix("RFS") ? text : text.prefix(1).lowercased() + text.dropFirst()
    }
}
