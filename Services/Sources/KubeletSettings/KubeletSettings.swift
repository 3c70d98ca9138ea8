// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

/// What the kubelet of a node was told: what composes a pod's DNS, and where its runtime is.
///
/// nil: nowhere said. The defaults are the kubelet's own (pkg/kubelet/apis/config/v1beta1/defaults.go).
package struct KubeletSettings: Equatable, Sendable {
    /// The node's resolv.conf; an empty string says that there is none.
    package var resolvConf: Setting<String>?
    /// As written; what is no IP address is skipped by the kubelet.
    package var clusterDNS: Setting<[String]>?
    package var clusterDomain: Setting<String>?
    /// `--node-ip`; addresses that the kubelet found for itself do not count.
    package var nodeIPs: Setting<[String]>?
    package var runtimeEndpoint: Setting<String>?
    package var podLogsDirectory: Setting<String>?
    /// The directory of static pods' manifests.
    package var staticPodPath: Setting<String>?
    /// `--root-dir`.
    package var rootDirectory: Setting<String>?
    /// `systemd` or `cgroupfs`.
    package var cgroupDriver: Setting<String>?
    package var featureGates: [String: Bool] = [:]
    /// The running kubelet's process; nil where none was found.
    package var process: Int32?
    /// The kubelet that runs sees other files (it is in a container): paths are its own, none of this node's.
    package var hasOwnFiles = false
    /// Every file that was read, in order.
    package var files: [String] = []
    /// What could not be read, or is not what the kubelet takes, one line each.
    package var problems: [String] = []

    /// Nothing said.
    package init() {}

    /// A value and who said it.
    package struct Setting<Value: Equatable & Sendable>: Equatable, Sendable {
        package var value: Value
        /// A path, or a flag: for people.
        package var source: String

        /// `value`, said by `source`.
        package init(_ value: Value, from source: String) {
            self.value = value
            self.source = source
        }
    }

    /// What the kubelet uses where nothing is said.
    package enum Default {
        package static let resolvConf = "/etc/resolv.conf"
        package static let podLogsDirectory = "/var/log/pods"
        package static let rootDirectory = "/var/lib/kubelet"
        /// The kubelet itself has none; that is kubeadm's.
        package static let staticPodPath = "/etc/kubernetes/manifests"
        package static let cgroupDriver = "cgroupfs"
    }

    /// Takes over what `other` says, which comes later and therefore holds.
    package mutating func override(with other: KubeletSettings) {
        resolvConf = other.resolvConf ?? resolvConf
        clusterDNS = other.clusterDNS ?? clusterDNS
        clusterDomain = other.clusterDomain ?? clusterDomain
        nodeIPs = other.nodeIPs ?? nodeIPs
        runtimeEndpoint = other.runtimeEndpoint ?? runtimeEndpoint
        podLogsDirectory = other.podLogsDirectory ?? podLogsDirectory
        staticPodPath = other.staticPodPath ?? staticPodPath
        rootDirectory = other.rootDirectory ?? rootDirectory
        cgroupDriver = other.cgroupDriver ?? cgroupDriver
        featureGates.merge(other.featureGates) { $1 }
        process = other.process ?? process
        files += other.files
        problems += other.problems
    }
}
