// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

/// A path as the kernel knows it: any bytes but NUL.
///
/// Cgroups can be named with every one of them.
package struct Path: Hashable, Sendable, ExpressibleByStringLiteral, CustomStringConvertible {
    package private(set) var bytes: [UInt8]

    package init(_ bytes: some Sequence<UInt8>) { self.bytes = bytes.filter { $0 != 0 } }

    /// As above, without a type for the runtime to put together.
    package init(_ bytes: [UInt8]) { self.bytes = bytes.contains(0) ? bytes.filter { $0 != 0 } : bytes }

    package init(_ string: String) { self.init(Array(string.utf8)) }

    package init(stringLiteral value: String) { self.init(Array(value.utf8)) }

    /// For people: bytes that are not UTF-8 come out as U+FFFD.
    package var description: String { String(decoding: bytes, as: UTF8.self) }

    /// This path, a slash, and `component`; a leading slash of `component` is not doubled.
    package func appending(_ component: Path) -> Path {
        var result = self
        if result.bytes.last != UInt8(ascii: "/") { result.bytes.append(UInt8(ascii: "/")) }
        result.bytes.append(contentsOf: component.bytes.drop { $0 == UInt8(ascii: "/") })
        return result
    }

    /// Calls `body` with the NUL-terminated form.
    func withCString<Result, Failure: Error>(
        _ body: (UnsafePointer<CChar>) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        var terminated = [CChar]()
        terminated.reserveCapacity(bytes.count + 1)
        for byte in bytes { terminated.append(CChar(bitPattern: byte)) }
        terminated.append(0)
        // SAFETY: the array ends in a NUL and outlives the call; `body` does not keep the pointer.
        return try unsafe terminated.withUnsafeBufferPointer { (buffer) throws(Failure) in
            try unsafe body(unsafe buffer.baseAddress.unsafelyUnwrapped)
        }
    }
}
