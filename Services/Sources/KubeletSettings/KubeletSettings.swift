// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

/// What the kubelet of a node was told: what composes a pod's DNS, and where its runtime is.
///
/// nil: nowhere said. The defaults are the kubelet's own (pkg/kubelet/apis/config/v1beta1/defaults.go).
public struct KubeletSettings: Equatable, Sendable {
    /// The node's resolv.conf; an empty string says that there is none.
    public var resolvConf: Setting<String>?
    /// As written; what is no IP address is skipped by the kubelet.
    public var clusterDNS: Setting<[String]>?
    public var clusterDomain: Setting<String>?
    /// `--node-ip`; addresses that the kubelet found for itself do not count.
    public var nodeIPs: Setting<[String]>?
    public var runtimeEndpoint: Setting<String>?
    public var podLogsDirectory: Setting<String>?
    /// `--root-dir`.
    public var rootDirectory: Setting<String>?
    /// `systemd` or `cgroupfs`.
    public var cgroupDriver: Setting<String>?
    public var featureGates: [String: Bool] = [:]
    /// The running kubelet's process; nil where none was found.
    public var process: Int32?
    /// Every file that was read, in order.
    public var files: [String] = []
    /// What could not be read, or is not what the kubelet takes, one line each.
    public var problems: [String] = []

    /// Nothing said.
    public init() {}

    /// A value and who said it.
    public struct Setting<Value: Equatable & Sendable>: Equatable, Sendable {
        public var value: Value
        /// A path, or a flag: for people.
        public var source: String

        /// `value`, said by `source`.
        public init(_ value: Value, from source: String) {
            self.value = value
            self.source = source
        }
    }

    /// What the kubelet uses where nothing is said.
    public enum Default {
        public static let resolvConf = "/etc/resolv.conf"
        public static let podLogsDirectory = "/var/log/pods"
        public static let rootDirectory = "/var/lib/kubelet"
        public static let cgroupDriver = "cgroupfs"
    }

    /// Takes over what `other` says, which comes later and therefore holds.
    public mutating func override(with other: KubeletSettings) {
        resolvConf = other.resolvConf ?? resolvConf
        clusterDNS = other.clusterDNS ?? clusterDNS
        clusterDomain = other.clusterDomain ?? clusterDomain
        nodeIPs = other.nodeIPs ?? nodeIPs
        runtimeEndpoint = other.runtimeEndpoint ?? runtimeEndpoint
        podLogsDirectory = other.podLogsDirectory ?? podLogsDirectory
        rootDirectory = other.rootDirectory ?? rootDirectory
        cgroupDriver = other.cgroupDriver ?? cgroupDriver
        featureGates.merge(other.featureGates) { $1 }
        process = other.process ?? process
        files += other.files
        problems += other.problems
    }
}
