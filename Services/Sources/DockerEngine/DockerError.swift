// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

/// A request to the Docker Engine that failed, in words for people.
package struct DockerError: Error, CustomStringConvertible, Sendable {
    /// What was asked for: "create the container".
    package var call: String
    /// The engine's own words, or why there are none.
    package var message: String
    /// The HTTP status; 0 where there was no answer.
    package var status: Int

    /// Whether there was no answer in the time that there was for it.
    package var isSilence = false

    package init(call: String, message: String, status: Int) {
        self.call = call
        self.message = message
        self.status = status
    }

    package var description: String { "\(call): \(message)" }
    /// Whether the engine says that there is no such thing.
    package var isMissing: Bool { status == 404 }
}
