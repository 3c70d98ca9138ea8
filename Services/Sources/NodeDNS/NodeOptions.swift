// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

package import ArgumentParser
package import PodDNS

/// What says how the node's kubelet is, where that is not to be found on it.
package struct KubeletOptions: ParsableArguments {
    @Option(help: ArgumentHelp("A KubeletConfiguration, in place of the running kubelet's.", valueName: "file"))
    package var kubeletConfig: String?
    @Option(
        help: ArgumentHelp("The kubelet's --node-ip. Can be repeated, or a list with commas.", valueName: "address")
    )
    package var nodeIp: [String] = []
    @Option(
        help: ArgumentHelp("The kubelet's release, from 1.10 to 1.36. Default: 1.36.", valueName: "version"),
        transform: KubeletOptions.kubernetesVersion
    )
    package var kubernetesVersion: Version?
    @Option(help: ArgumentHelp("In place of the node's resolv.conf, whatever resolvConf names.", valueName: "file"))
    package var resolvConf: String?
    private static func kubernetesVersion(_ text: String) throws -> Version {
        guard let version = Version(text) else { throw ValidationError("\(text) is no version, as 1.36 is") }
        guard version >= Behaviour.oldest, version.major == 1,
            version.minor <= Behaviour.newest.minor || version.minor == .max
        else {
            throw ValidationError("Kubernetes \(text) is not known: it goes from 1.10 to 1.36")
        }
        return version.minor == .max ? Behaviour.newest : version
    }

    package init() {}
}

/// What says how the node is, where that is not to be found on it.
package struct NodeOptions: ParsableArguments {
    @OptionGroup package var kubelet: KubeletOptions
    @Option(
        help: ArgumentHelp(
            "In place of the /etc/resolv.conf that a runtime copies. Default: that of --resolv-conf, else the node's.",
            valueName: "file"
        )
    )
    package var hostResolvConf: String?
    @Option(
        help: ArgumentHelp(
            """
            What writes the file: containerd, cri-o, cri-dockerd or docker, with :VERSION or without. Default: what the \
            kubelet uses, else containerd.
            """,
            valueName: "runtime"
        ),
        transform: NodeOptions.runtime
    )
    package var runtime: Runtime?
    @Option(
        help: ArgumentHelp("Docker's network, for --runtime docker: bridge, none, host or user.", valueName: "network"),
        transform: NodeOptions.network
    )
    package var network: Runtime.Network?

    private static func runtime(_ text: String) throws -> Runtime {
        guard let runtime = Runtime(text) else {
            let names = Runtime.Kind.allCases.map(\.rawValue).joined(separator: ", ")
            throw ValidationError("\(text) is no runtime: NAME or NAME:VERSION, and NAME one of \(names)")
        }
        return runtime
    }

    private static func network(_ text: String) throws -> Runtime.Network {
        guard let network = Runtime.Network(rawValue: text) else {
            throw ValidationError("\(text) is no network of Docker's: bridge, none, host or user")
        }
        return network
    }

    package init() {}
}
