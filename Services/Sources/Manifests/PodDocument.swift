// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

package import Documents

/// A pod as a manifest has it, by itself or as a workload's template.
package struct PodDocument: Equatable, Sendable {
    /// `Pod`, `Deployment`...: what the manifest has.
    package var kind: String
    /// The pod's name, or the workload's: its pods' names are made up later.
    package var name: String
    /// What the manifest says, even where that is nothing; nil: it says none.
    package var namespace: String?
    /// Whether `name` is only the beginning of one (metadata.generateName), to which the API server adds something random.
    package var generatesName = false
    package var metadata: Value
    package var spec: Value

    package init(kind: String, name: String, namespace: String?, metadata: Value, spec: Value) {
        self.kind = kind
        self.name = name
        self.namespace = namespace
        self.metadata = metadata
        self.spec = spec
    }

    /// `KIND NAME`, for messages.
    package var title: String { "\(kind) \(name)" }
}
