// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

/// A container as an OCI runtime takes it: `config.json` of a bundle (runtime-spec 1.0), the parts that we write.
///
/// Names are the specification's. What is nil is left out, and the runtime's default holds.
package struct Config: Codable, Equatable, Sendable {
    package var ociVersion = "1.0.2"
    package var root: Root
    package var process: Process
    package var hostname: String?
    package var mounts: [Mount] = []
    package var hooks: Hooks?
    package var linux: Linux
    package var annotations: [String: String]?

    package init(root: Root, process: Process, linux: Linux) {
        self.root = root
        self.process = process
        self.linux = linux
    }

    /// The container's file system.
    package struct Root: Codable, Equatable, Sendable {
        /// Absolute, or as seen from the bundle.
        package var path: String
        package var readonly: Bool

        package init(path: String, readonly: Bool) {
            self.path = path
            self.readonly = readonly
        }
    }

    /// One mount, made in the order of the list.
    package struct Mount: Codable, Equatable, Sendable {
        package var destination: String
        package var type: String?
        package var source: String?
        package var options: [String]?

        package init(destination: String, type: String? = nil, source: String? = nil, options: [String]? = nil) {
            self.destination = destination
            self.type = type
            self.source = source
            self.options = options
        }
    }

    /// Programs that the runtime starts at certain moments, with the container's `State` on standard input.
    package struct Hooks: Codable, Equatable, Sendable {
        /// In the runtime's namespaces, when the container's exist.
        package var createRuntime: [Hook]?
        /// In the container's namespaces, when its mounts are made and its root is not yet entered.
        package var createContainer: [Hook]?

        package init(createRuntime: [Hook]? = nil, createContainer: [Hook]? = nil) {
            self.createRuntime = createRuntime
            self.createContainer = createContainer
        }
    }

    /// One program of `Hooks`.
    package struct Hook: Codable, Equatable, Sendable {
        package var path: String
        /// The program's name first.
        package var args: [String]?
        package var env: [String]?
        /// Seconds until the runtime gives it up.
        package var timeout: Int?

        package init(path: String, args: [String]? = nil, env: [String]? = nil, timeout: Int? = nil) {
            self.path = path
            self.args = args
            self.env = env
            self.timeout = timeout
        }
    }
}
