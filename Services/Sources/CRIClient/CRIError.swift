// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

package import GRPCCore

/// A call of the Container Runtime Interface that failed, in words for people.
package struct CRIError: Error, CustomStringConvertible, Sendable {
    /// The call: "RunPodSandbox".
    package var call: String
    /// The runtime's own words.
    package var message: String
    /// nil where the connection itself failed.
    package var code: RPCError.Code?

    package init(call: String, message: String, code: RPCError.Code?) {
        self.call = call
        self.message = message
        self.code = code
    }

    package var description: String { "\(call): \(message)" }
    /// Whether the runtime says that there is no such thing.
    package var isMissing: Bool { code == .notFound }
    /// Whether the runtime gave no answer, or (containerd, in its first moments) none yet.
    package var isSilence: Bool {
        switch code {
        case nil, .unavailable, .deadlineExceeded: true
        case .unknown: message == "server is not initialized yet"
        default: false
        }
    }
}
