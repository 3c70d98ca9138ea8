// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

import CLinux

/// What a request asks for (enum fuse_opcode).
///
/// Numbers this code has no name for are kept.
package struct Opcode: RawRepresentable, Hashable, Sendable {
    package let rawValue: UInt32

    package init(rawValue: UInt32) { self.rawValue = rawValue }

    package static let lookup = Opcode(rawValue: 1)
    package static let forget = Opcode(rawValue: 2)
    package static let getattr = Opcode(rawValue: 3)
    package static let readlink = Opcode(rawValue: 5)
    package static let open = Opcode(rawValue: 14)
    package static let read = Opcode(rawValue: 15)
    package static let statfs = Opcode(rawValue: 17)
    package static let release = Opcode(rawValue: 18)
    package static let flush = Opcode(rawValue: 25)
    package static let initialize = Opcode(rawValue: 26)
    package static let opendir = Opcode(rawValue: 27)
    package static let readdir = Opcode(rawValue: 28)
    package static let releasedir = Opcode(rawValue: 29)
    package static let interrupt = Opcode(rawValue: 36)
    package static let destroy = Opcode(rawValue: 38)
    package static let batchForget = Opcode(rawValue: 42)

    /// Whether the kernel waits for an answer; to the others there must be none.
    package var isAnswered: Bool {
        self != .forget && self != .batchForget && self != .interrupt
    }
}
