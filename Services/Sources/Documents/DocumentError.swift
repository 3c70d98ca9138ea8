// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

/// Why a text is no document, or a document not what was expected.
package struct DocumentError: Error, Equatable, CustomStringConvertible, Sendable {
    /// One line: what is wrong, and where.
    package var description: String

    /// An error that says this.
    package init(_ description: String) { self.description = description }
}
