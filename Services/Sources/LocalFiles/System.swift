// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

internal import Glibc

/// System calls on files.
enum System {
    static func open(_ path: String, _ flags: Int32, mode: UInt32 = 0) -> Int32 {
        // SAFETY: the string is passed as a NUL-terminated copy that lives for the call.
        unsafe Glibc.open(path, flags | O_CLOEXEC, mode)
    }

    static func open(_ name: String, in directory: Int32, _ flags: Int32) -> Int32 {
        // SAFETY: as above.
        unsafe openat(directory, name, flags | O_CLOEXEC)
    }

    @discardableResult static func unlink(_ path: String) -> Int32 {
        // SAFETY: as above.
        unsafe Glibc.unlink(path)
    }

    static func rename(_ from: String, _ to: String) -> Int32 {
        // SAFETY: as above.
        unsafe Glibc.rename(from, to)
    }

    static func exists(_ path: String) -> Bool {
        // SAFETY: as above.
        unsafe access(path, F_OK) == 0
    }

    /// How many bytes were read into the buffer; 0 at the end.
    static func read(_ number: Int32, into buffer: inout [UInt8], _ path: String) throws(FileError) -> Int {
        while true {
            // SAFETY: the buffer is valid for its count during the call.
            let count = unsafe buffer.withUnsafeMutableBytes { unsafe Glibc.read(number, $0.baseAddress, $0.count) }
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else { throw FileError(operation: "read", path: path, code: errno) }
            return count
        }
    }
}
