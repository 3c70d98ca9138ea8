// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

internal import Glibc

/// A file that is read piece by piece, of whatever size.
package struct FilePieces: ~Copyable {
    private let number: Int32
    private let path: String
    private var buffer = [UInt8](repeating: 0, count: 1 << 16)

    /// Opens it, and never waits for a writer.
    package init(_ path: String) throws(FileError) {
        number = System.open(path, O_RDONLY | O_NONBLOCK)
        self.path = path
        guard number >= 0 else { throw FileError(operation: "open", path: path, code: errno) }
    }

    deinit { close(number) }

    /// What comes next; nil at the end.
    package mutating func next() throws(FileError) -> ArraySlice<UInt8>? {
        let count = try System.read(number, into: &buffer, path)
        return count > 0 ? buffer.prefix(count) : nil
    }
}
