// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

import CLinux

/// Takes C structs off the front of a message, checking its length first.
struct WireReader: ~Escapable {
    private let bytes: RawSpan
    private(set) var offset = 0

    @_lifetime(copy bytes)
    init(_ bytes: RawSpan) { self.bytes = bytes }

    var remaining: Int { bytes.byteCount - offset }

    /// The next `MemoryLayout<T>.size` bytes as `T`, a struct of integers only.
    mutating func take<T: BitwiseCopyable>(_ type: T.Type) throws(WireError) -> T {
        let size = MemoryLayout<T>.size
        guard remaining >= size else { throw WireError(kind: .truncated, offset: bytes.byteCount) }
        // SAFETY: the bounds were checked; every bit pattern is a value of a C struct of integers.
        let value = unsafe bytes.unsafeLoadUnaligned(fromByteOffset: offset, as: type)
        offset += size
        return value
    }

    /// The bytes up to the next NUL, which must be there; the NUL is taken too.
    mutating func takeName(limit: Int) throws(WireError) -> [UInt8] {
        var name: [UInt8] = []
        while offset < bytes.byteCount {
            // SAFETY: within bounds by the condition above.
            let byte = unsafe bytes.unsafeLoad(fromByteOffset: offset, as: UInt8.self)
            offset += 1
            if byte == 0 { return name }
            guard name.count < limit else { throw WireError(kind: .nameTooLong, offset: offset) }
            name.append(byte)
        }
        throw WireError(kind: .unterminatedName, offset: offset)
    }
}

/// Why bytes are not a request, and where.
package struct WireError: Error, Equatable {
    package enum Kind: Equatable, Sendable {
        case truncated
        /// The header's length is not the message's.
        case length
        case unterminatedName
        case nameTooLong
        /// A request for more, or of more entries, than a message can hold.
        case bounds
    }

    package let kind: Kind
    /// In bytes from the start of the message.
    package let offset: Int

    package init(kind: Kind, offset: Int) {
        self.kind = kind
        self.offset = offset
    }
}
