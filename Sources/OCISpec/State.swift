// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

/// What a runtime tells of a container, as a hook gets it on standard input.
package struct State: Codable, Equatable, Sendable {
    package var ociVersion: String
    package var id: String
    /// `creating`, `created`, `running` or `stopped`; runtimes differ in what they say to hooks.
    package var status: String?
    /// The container's first process, in the hook's pid namespace; 0 or nil where the runtime does not tell.
    package var pid: Int32?
    package var bundle: String
}
