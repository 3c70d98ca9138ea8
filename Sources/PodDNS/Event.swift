// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

/// An event that the kubelet records, in its own words.
public struct Event: Equatable, Sendable {
    /// What the event is about.
    public enum Object: String, Sendable {
        /// The pod.
        case pod = "Pod"
        /// The node.
        case node = "Node"
    }

    /// What the event is about.
    public var object: Object
    /// Always `Warning` here.
    public var type = "Warning"
    /// `DNSConfigForming`, `MissingClusterDNS` or `CheckLimitsForResolvConf`.
    public var reason: String
    /// The kubelet's exact words.
    public var message: Word

    /// A warning.
    public init(_ object: Object, _ reason: String, _ message: Word) {
        self.object = object
        self.reason = reason
        self.message = message
    }
}
