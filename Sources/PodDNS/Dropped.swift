// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

/// Something that was said, and is not in the result.
public struct Dropped: Hashable, Sendable {
    /// Which list it was meant for.
    public enum Kind: String, Hashable, Sendable {
        /// A nameserver.
        case server
        /// A search path.
        case search
        /// An option.
        case option
        /// A line of the node's file that the kubelet does not know.
        case line
    }

    /// Why it was left out.
    public enum Reason: Hashable, Sendable {
        /// It is there already, earlier in the list.
        case duplicate
        /// There may be only so many.
        case count(limit: Int)
        /// One search path may be only so long, in bytes.
        case pathLength(limit: Int)
        /// The list may be only so long, in bytes.
        case listLength(limit: Int)
        /// The same option came again, with this text.
        case overridden(by: Word)
        /// A later `search` or `options` line replaced it.
        case replaced(byLine: Int)
        /// The pod's policy does not take it over.
        case policy
        /// A lone dot in the node's search line.
        case loneDot
        /// The kubelet skips what is no IP address.
        case notAnAddress
        /// The kubelet does not know this keyword.
        case unknownKeyword
        /// More words on a line than count.
        case surplus
    }

    /// Which list.
    public var kind: Kind
    /// What, and by whom.
    public var entry: Entry
    /// Why not.
    public var reason: Reason

    /// An entry that was left out.
    public init(_ kind: Kind, _ entry: Entry, _ reason: Reason) {
        self.kind = kind
        self.entry = entry
        self.reason = reason
    }
}
