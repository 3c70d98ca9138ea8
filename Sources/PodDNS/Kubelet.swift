// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

/// What of the kubelet's settings matters to a pod's DNS.
public struct Kubelet: Equatable, Sendable {
    /// `resolvConf`: the node's file; empty says that there is none.
    public var resolvConf: Word
    /// `clusterDNS` as it is written; what is no IP address is skipped.
    public var clusterDNS: [Word]
    /// `clusterDomain`, used as it is written.
    public var clusterDomain: Word
    /// `--node-ip`; addresses that the kubelet finds for itself do not count.
    public var nodeIPs: [Word]
    /// How the release behaves.
    public var behaviour: Behaviour

    /// A kubelet's settings.
    public init(
        resolvConf: Word = "/etc/resolv.conf",
        clusterDNS: [Word] = [],
        clusterDomain: Word = "",
        nodeIPs: [Word] = [],
        behaviour: Behaviour = Behaviour()
    ) {
        self.resolvConf = resolvConf
        self.clusterDNS = clusterDNS
        self.clusterDomain = clusterDomain
        self.nodeIPs = nodeIPs
        self.behaviour = behaviour
    }

    /// The node's resolv.conf as the kubelet finds it.
    public enum NodeFile: Equatable, Sendable {
        /// Its bytes; `Limits.fileSize` or more of them are an error, as to the kubelet.
        case contents([UInt8])
        /// It cannot be opened: errno in Go's words, "no such file or directory".
        case cannotOpen(String)
        /// It cannot be read: errno in Go's words, "is a directory".
        case cannotRead(String)
    }
}
