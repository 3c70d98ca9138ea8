// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

/// Where an entry of the result comes from.
public enum Origin: Hashable, Sendable {
    /// A line of the node's file, from 1.
    case nodeFile(line: Int)
    /// The kubelet's clusterDNS, by index.
    case clusterDNS(index: Int)
    /// The kubelet's clusterDomain; `part` says what was put before it.
    case clusterDomain(part: DomainPart)
    /// The kubelet's `--node-ip`, by index: its family says which loopback address.
    case nodeIP(index: Int)
    /// The pod's `spec.dnsConfig.nameservers`, by index.
    case podNameserver(index: Int)
    /// The pod's `spec.dnsConfig.searches`, by index.
    case podSearch(index: Int)
    /// The pod's `spec.dnsConfig.options`, by index.
    case podOption(index: Int)
    /// A rule of the kubelet's own.
    case rule(Rule)

    /// What a search path made from clusterDomain begins with.
    public enum DomainPart: String, Hashable, Sendable {
        /// `NAMESPACE.svc.DOMAIN`
        case namespace
        /// `svc.DOMAIN`
        case service
        /// `DOMAIN`
        case domain
    }

    /// A rule of the kubelet's.
    public enum Rule: String, Hashable, Sendable {
        /// ClusterFirst pods have `ndots:5`.
        case clusterFirstOptions
        /// resolvConf is "", and no `--node-ip` is given: 127.0.0.1.
        case noResolverFile
        /// resolvConf is "": the search path is ".".
        case noSearch
    }
}
