// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

import ArgumentParser
import LocalFiles

/// Where container engines listen.
struct SocketOptions: ParsableArguments {
    @Option(help: ArgumentHelp("The container engine's socket. Default: the usual places.", valueName: "path"))
    var socket: String?
    @Option(help: "cri or docker, where the socket's name does not tell.")
    var engine: Engine?

    enum Engine: String, ExpressibleByArgument, CaseIterable {
        case cri, docker
    }

    private static let cri = [
        "/run/containerd/containerd.sock", "/var/run/crio/crio.sock", "/run/k3s/containerd/containerd.sock",
        "/var/snap/microk8s/common/run/containerd.sock",
    ]
    private static let docker = ["/var/run/docker.sock"]

    /// Those that are there, CRI first.
    func engines() -> [(isDocker: Bool, socket: String)] {
        if var socket {
            if socket.hasPrefix("unix://") { socket = String(socket.dropFirst("unix://".count)) }
            let isDocker = (socket.split(separator: "/").last ?? "").hasPrefix("docker")
            return [(engine.map { $0 == .docker } ?? isDocker, socket)]
        }
        let all = Self.cri.map { (isDocker: false, socket: $0) } + Self.docker.map { (isDocker: true, socket: $0) }
        return all.filter { LocalFile.exists($0.socket) && (engine == nil || (engine == .docker) == $0.isDocker) }
    }
}
