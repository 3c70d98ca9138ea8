// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

import ArgumentParser
import CRIClient
import LocalFiles
import Terminal

/// Which engine, and where.
struct EngineOptions: ParsableArguments {
    enum Engine: String, ExpressibleByArgument, CaseIterable {
        case cri, docker
    }

    @Option(help: "cri or docker. Default: what listens, cri first.")
    var engine: Engine?
    @Option(help: ArgumentHelp("The engine's socket. Default: the usual places.", valueName: "path"))
    var socket: String?

    private static let dockerSockets = ["/var/run/docker.sock", "/run/docker.sock"]

    /// The engine and its socket; throws where none listens.
    func choose() throws(Failure) -> (engine: Engine, socket: String) {
        if var socket {
            if socket.hasPrefix("unix://") { socket = String(socket.dropFirst("unix://".count)) }
            guard socket.hasPrefix("/") else {
                throw .usage("--socket: \(socket) is no absolute path of a unix socket")
            }
            let name = socket.split(separator: "/").last ?? ""
            let isDocker = name.hasPrefix("docker")
            return (engine ?? (isDocker ? .docker : .cri), socket)
        }
        let cri = engine == .docker ? [] : CRIConnection.usualSockets
        let docker = engine == .cri ? [] : Self.dockerSockets
        let all = cri.map { (engine: Engine.cri, socket: $0) } + docker.map { (engine: .docker, socket: $0) }
        let there = all.filter { LocalFile.exists($0.socket) }
        // A file alone is no engine that listens; where none does, its error says so.
        if let one = there.first(where: { LocalSocket.refusal($0.socket) == nil }) ?? there.first { return one }
        throw .failed(
            "no \(engine?.rawValue ?? "container") engine listens in the usual places "
                + "(\(all.map(\.socket).joined(separator: ", "))): start one, or name its socket with --socket"
        )
    }
}
