// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

internal import Documents
package import KubeletSettings
internal import LocalFiles
package import PodDNS
package import Terminal

/// The node as the kubelet and the runtime see it: settings, and the files they read.
package struct Node {
    package var kubelet: Kubelet
    /// Whose rules are the kubelet's.
    package var release: Version
    package var settings: KubeletSettings
    /// What is at resolvConf, or was given in its place.
    package var file: Kubelet.NodeFile
    /// Where `file` was read from; nil where no file is looked at.
    package var filePath: String?
    package var host: Rendering.Host
    package var runtime: Runtime
    /// Who said so, for people.
    package var runtimeSource: String
    package var network: Runtime.Network?
    /// What is odd about all that.
    package var remarks: [String] = []

    private static let systemdPath = "/run/systemd/resolve/resolv.conf"

    /// Looks at the node, and at what the options put in its place.
    package init(_ options: NodeOptions) throws(Failure) {
        try self.init(options.kubelet, hostResolvConf: options.hostResolvConf, options.runtime, options.network)
    }

    /// Looks at the node, and at what the arguments put in its place.
    package init(
        _ options: KubeletOptions,
        hostResolvConf: String? = nil,
        _ givenRuntime: Runtime? = nil,
        _ network: Runtime.Network? = nil
    ) throws(Failure) {
        if let path = options.kubeletConfig {
            do throws(DocumentError) { settings = try KubeletFinder.read(file: path) } catch {
                throw .failed("--kubelet-config: \(error)")
            }
        } else {
            settings = KubeletFinder().find()
            if settings == KubeletSettings() {
                remarks.append("no kubelet's settings were found on this node: give --kubelet-config")
            }
        }
        if !options.nodeIp.isEmpty {
            // The kubelet takes blanks around a comma.
            let addresses = options.nodeIp.flatMap { $0.split(separator: ",").map { String($0.filter { $0 != " " }) } }
            for address in addresses where IPAddress(sloppy: address) == nil {
                throw .usage("--node-ip: \(address) is no IP address")
            }
            settings.nodeIPs = .init(addresses, from: "--node-ip")
        }
        remarks += settings.problems
        let path = settings.resolvConf?.value ?? KubeletSettings.Default.resolvConf
        release = options.kubernetesVersion ?? Behaviour.newest
        if settings.process != nil, options.kubernetesVersion == nil {
            remarks.append(
                "by the rules of Kubernetes \(release): the running kubelet's release is not looked at, and those before 1.28 "
                    + "have other limits; give --kubernetes-version"
            )
        }
        kubelet = Kubelet(
            resolvConf: Word(path),
            clusterDNS: (settings.clusterDNS?.value ?? []).map { Word($0) },
            clusterDomain: Word(settings.clusterDomain?.value ?? ""),
            nodeIPs: (settings.nodeIPs?.value ?? []).map { Word($0) },
            behaviour: Behaviour(release, featureGates: settings.featureGates)
        )
        // Its files as it sees them: in kind or k3d the kubelet is in a container, and its runtime with it.
        let place = settings.hasOwnFiles ? settings.process.map { "/proc/\($0)/root" } ?? "" : ""
        (file, filePath) = Self.nodeFile(path, below: place, options)
        if let given = options.resolvConf, case .cannotOpen(let reason) = file {
            remarks.append("--resolv-conf: \(given): \(reason); composed as for a node without its file")
        }
        let hostPath = hostResolvConf ?? options.resolvConf ?? place + "/etc/resolv.conf"
        host = Rendering.Host(
            resolvConf: try? LocalFile.contents(of: hostPath, limit: Limits.fileSize),
            systemdResolvConf: try? LocalFile.contents(of: place + Self.systemdPath, limit: Limits.fileSize)
        )
        self.network = network
        if let givenRuntime {
            (runtime, runtimeSource) = (givenRuntime, "--runtime")
        } else if let endpoint = settings.runtimeEndpoint, let kind = Self.kind(of: endpoint.value) {
            (runtime, runtimeSource) = (Runtime(kind), endpoint.source)
        } else {
            (runtime, runtimeSource) = (Runtime(.containerd), "the most common one")
        }
    }

    private static func nodeFile(
        _ path: String,
        below place: String,
        _ options: KubeletOptions
    ) -> (Kubelet.NodeFile, String?) {
        guard path != "" else { return (.contents([]), nil) }
        let real = options.resolvConf ?? place + path
        do throws(FileError) {
            let waits = options.resolvConf != nil
            return (.contents(try LocalFile.contents(of: real, limit: Limits.fileSize + 1, waits: waits)), real)
        } catch {
            // Too large: as many bytes as the kubelet stops at.
            if error.code == 0 { return (.contents([UInt8](repeating: 0x20, count: Limits.fileSize)), real) }
            return (error.operation == "open" ? .cannotOpen(error.reason) : .cannotRead(error.reason), real)
        }
    }

    /// The runtime behind a CRI socket, by its usual name.
    package static func kind(of endpoint: String) -> Runtime.Kind? {
        let name = endpoint.split(separator: "/").last.map(String.init) ?? ""
        if name.contains("dockerd") || name.contains("dockershim") { return .criDockerd }
        if name.contains("crio") { return .crio }
        return name.contains("containerd") ? .containerd : nil
    }
}
