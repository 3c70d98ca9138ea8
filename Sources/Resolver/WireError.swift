// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

/// Why bytes are not a DNS message.
package struct WireError: Error, Equatable, Sendable {
    package enum Kind: Equatable, Sendable {
        /// The message ends before what it announces.
        case truncated
        /// A label of a reserved form (RFC 1035, 4.1.4: the top bits 01 and 10).
        case badLabel
        /// A compression pointer that does not point before the name it is part of.
        case badPointer
        /// A name of more than 255 bytes.
        case nameTooLong
        /// Record data of a length its type cannot have.
        case badLength
    }

    package var kind: Kind
    /// Where in the message, in bytes.
    package var offset: Int

    package init(_ kind: Kind, at offset: Int) {
        self.kind = kind
        self.offset = offset
    }
}
