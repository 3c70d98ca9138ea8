// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

package import CRI
package import GRPCCore
package import GRPCNIOTransportHTTP2Posix
internal import LocalFiles

/// A connection to a CRI runtime's unix socket.
package struct CRIConnection: Sendable {
    package typealias Transport = HTTP2ClientTransport.Posix

    package let runtime: Runtime_V1_RuntimeService.Client<Transport>
    package let images: Runtime_V1_ImageService.Client<Transport>
    private let socket: String

    /// Where runtimes listen, the most common first.
    package static let usualSockets = [
        "/run/containerd/containerd.sock", "/var/run/crio/crio.sock", "/run/k3s/containerd/containerd.sock",
        "/var/snap/microk8s/common/run/containerd.sock", "/var/run/cri-dockerd.sock",
    ]
    /// As the kubelet's: 2 minutes.
    package static let timeout = Duration.seconds(120)

    /// Connects, hands the connection to `body`, and closes it.
    ///
    /// Throws `CRIError` where nobody listens or who listens does not speak CRI v1.
    package static func with<Result: Sendable>(
        socket: String,
        _ body: @Sendable @escaping (CRIConnection) async throws -> Result
    ) async throws -> Result {
        if let reason = LocalSocket.refusal(socket) {
            throw CRIError(call: "connect to \(socket)", message: reason, code: nil)
        }
        var config = Transport.Config.defaults
        // Go's server refuses the path that would stand there (grpc-swift-nio-transport#176).
        config.http2.authority = "localhost"
        let transport = try Transport(
            target: .unixDomainSocket(path: socket),
            transportSecurity: .plaintext,
            config: config
        )
        return try await withGRPCClient(transport: transport) { client in
            let connection = CRIConnection(
                runtime: Runtime_V1_RuntimeService.Client(wrapping: client),
                images: Runtime_V1_ImageService.Client(wrapping: client),
                socket: socket
            )
            return try await body(connection)
        }
    }

    /// As `with`, and cancellation waits until `body` has ended.
    ///
    /// For what makes something: a runtime that is left in the middle of it clears up by itself, later, and not what a
    /// list of its pods shows until then.
    package static func unbroken<Result: Sendable>(
        socket: String,
        _ body: @Sendable @escaping (CRIConnection) async throws -> Result
    ) async throws -> Result {
        let result = try await Task.detached { try await with(socket: socket, body) }.value
        try Task.checkCancellation()
        return result
    }

    /// Makes one call; errors become `CRIError`, cancellation stays what it is.
    ///
    /// `timeout` nil: it may take as long as it takes, as pulling an image may.
    package func call<Result: Sendable>(
        _ name: String,
        timeout: Duration? = CRIConnection.timeout,
        _ body: (CallOptions) async throws -> Result
    ) async throws -> Result {
        var options = CallOptions.defaults
        options.timeout = timeout
        // As the kubelet's client takes; grpc-swift-nio-transport goes by the limit of requests for answers (Connection.swift).
        options.maxResponseMessageBytes = 16 << 20
        options.maxRequestMessageBytes = 16 << 20
        do { return try await body(options) } catch let error as RPCError {
            try Task.checkCancellation()
            throw CRIError(call: name, message: error.message, code: error.code)
        }
    }

    /// The runtime's name and version; throws where this is no CRI v1.
    package func version() async throws -> Runtime_V1_VersionResponse {
        do {
            return try await call("Version", timeout: .seconds(60)) { options in
                var request = Runtime_V1_VersionRequest()
                request.version = "v1"
                return try await runtime.version(request, options: options)
            }
        } catch let error as CRIError where error.code == .unimplemented {
            throw CRIError(
                call: "Version",
                message: "this socket speaks gRPC, but no CRI v1: is the runtime's CRI plugin on? (\(error.message))",
                code: error.code
            )
        } catch let error as CRIError where error.code == .unavailable {
            throw CRIError(
                call: "Version",
                message:
                    "\(socket) does not answer as a CRI runtime: if it is Docker's, --engine docker (\(error.message))",
                code: error.code
            )
        }
    }
}
