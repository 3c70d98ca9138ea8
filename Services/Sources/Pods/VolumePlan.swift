// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

/// A volume of a pod.
package struct VolumePlan: Equatable, Sendable {
    package enum Source: Equatable, Sendable {
        /// A directory that goes with the pod; in memory where `isMemory`, of so many bytes at most.
        case emptyDir(isMemory: Bool, sizeLimit: Int?)
        /// A file or directory of the node, and what it has to be ("" for anything).
        case hostPath(String, type: String)
        /// Files made from a ConfigMap or Secret; `isSecret` keeps them in memory.
        case files([File], isSecret: Bool)
    }

    /// One file of a volume.
    package struct File: Equatable, Sendable {
        /// Relative to the volume.
        package var path: String
        package var bytes: [UInt8]
        package var mode: Int

        package init(path: String, bytes: [UInt8], mode: Int) {
            self.path = path
            self.bytes = bytes
            self.mode = mode
        }
    }

    package var name: String
    package var source: Source

    package init(name: String, source: Source) {
        self.name = name
        self.source = source
    }
}
