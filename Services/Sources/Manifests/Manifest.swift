// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

package import Documents

/// The documents of a manifest: pods, and what they take volumes from.
package struct Manifest: Equatable, Sendable {
    package var pods: [PodDocument] = []
    package var configMaps: [Value] = []
    package var secrets: [Value] = []
    /// Kinds of which nothing is used.
    package var others: [String] = []

    private static let depthLimit = 4

    /// The paths to the pod template, by kind.
    private static let templates: [String: [String]] = [
        "Deployment": ["spec", "template"], "ReplicaSet": ["spec", "template"], "StatefulSet": ["spec", "template"],
        "DaemonSet": ["spec", "template"], "Job": ["spec", "template"], "ReplicationController": ["spec", "template"],
        "CronJob": ["spec", "jobTemplate", "spec", "template"], "PodTemplate": ["template"],
    ]

    /// The version of each kind that is read: the one that the API server has.
    private static let versions: [String: String] = [
        "Pod": "v1", "ConfigMap": "v1", "Secret": "v1", "PodTemplate": "v1", "ReplicationController": "v1",
        "List": "v1",
        "Deployment": "apps/v1", "ReplicaSet": "apps/v1", "StatefulSet": "apps/v1", "DaemonSet": "apps/v1",
        "Job": "batch/v1", "CronJob": "batch/v1",
    ]

    /// Whether a kind of that version is somebody else's, who may call it as he likes: his group is a domain with a dot.
    private static func isForeign(_ version: String) -> Bool {
        version.contains("/") && version.prefix { $0 != "/" }.contains(".")
    }

    /// Reads YAML or JSON.
    ///
    /// `path` is what messages call it. A document that is no object of Kubernetes' is an error, an unknown kind is not.
    package init(_ bytes: [UInt8], path: String) throws(DocumentError) {
        let documents: [Value]
        do throws(DocumentError) { documents = try Value.documents(bytes) } catch {
            throw DocumentError("\(path): \(error)")
        }
        for document in documents { try add(document, path, depth: 0) }
    }

    /// What is in either, in this order.
    package static func + (one: Manifest, other: Manifest) -> Manifest {
        var all = one
        all.pods += other.pods
        all.configMaps += other.configMaps
        all.secrets += other.secrets
        all.others += other.others
        return all
    }

    private mutating func add(_ document: Value, _ path: String, depth: Int) throws(DocumentError) {
        guard case .object = document else {
            throw DocumentError("\(path): \(document.kind), a manifest with a kind is expected")
        }
        guard let kind = document["kind"]?.string else {
            throw DocumentError("\(path): there is no kind in it: this is no manifest of Kubernetes'")
        }
        // Without a version there is only one that can be meant.
        let version = document["apiVersion"] ?? .null
        if let text = version.string, Self.isForeign(text) {
            others.append("\(kind) of \(text)")
            return
        }
        if let taken = Self.versions[kind], version != .null, version != .string(taken) {
            let said = version.string.map { "\"\($0)\"" } ?? version.kind
            throw DocumentError("\(path): \(kind) \(Self.name(document)): apiVersion is \(said), not \(taken)")
        }
        if kind.hasSuffix("List"), document["items"]?.array != nil, depth < Self.depthLimit {
            for item in document["items"]?.array ?? [] {
                // The items of the API's own lists (PodList, DeploymentList) do not say what they are.
                let itemKind = String(kind.dropLast("List".count))
                if !itemKind.isEmpty, case .object(let members) = item, item["kind"] == nil {
                    let said: [Value.Member] = [.init("kind", .string(itemKind)), .init("apiVersion", version)]
                    try add(.object(said + members), path, depth: depth + 1)
                } else {
                    try add(item, path, depth: depth + 1)
                }
            }
            return
        }
        switch kind {
        case "ConfigMap": configMaps.append(document)
        case "Secret": secrets.append(document)
        case "Pod": try addPod(kind, document, document, path)
        default:
            guard let steps = Self.templates[kind] else {
                others.append(kind)
                return
            }
            var template = document
            for (index, step) in steps.enumerated() {
                guard let next = template[step] else {
                    let name = steps.prefix(index + 1).joined(separator: ".")
                    throw DocumentError("\(path): \(kind) \(Self.name(document)): \(name) is missing")
                }
                template = next
            }
            try addPod(kind, template, document, path)
        }
    }

    private mutating func addPod(_ kind: String, _ pod: Value, _ owner: Value, _ path: String) throws(DocumentError) {
        let title = "\(kind) \(Self.name(owner))"
        guard let spec = pod["spec"] else { throw DocumentError("\(path): \(title): spec is missing") }
        guard case .object = spec else { throw DocumentError("\(path): \(title): spec is \(spec.kind), not an object") }
        let metadata = pod["metadata"] ?? .object([])
        guard metadata == .null || metadata.members != nil else {
            throw DocumentError("\(path): \(title): metadata is \(metadata.kind), not an object")
        }
        for object in [metadata, owner["metadata"] ?? .null] {
            for key in ["name", "namespace"] {
                guard let value = object[key], value != .null, value.string == nil else { continue }
                throw DocumentError(
                    "\(path): \(title): metadata.\(key) is \(value.kind), not a string: write it in quotes"
                )
            }
        }
        // A workload's pods are where it is, whatever its template says (GetPodFromTemplate, pkg/controller). An empty
        // namespace is one that is said.
        var document = PodDocument(
            kind: kind,
            name: Self.name(owner),
            namespace: owner["metadata"]?["namespace"]?.string,
            metadata: metadata,
            spec: spec
        )
        document.generatesName = (owner["metadata"]?["name"]?.string ?? "").isEmpty && !document.name.isEmpty
        pods.append(document)
    }

    private static func name(_ document: Value) -> String {
        let names = ["name", "generateName"].lazy.compactMap { document["metadata"]?[$0]?.string }
        return names.first { !$0.isEmpty } ?? ""
    }

    /// The one pod in it, or the one of that name; of several, the one that is in that namespace.
    package func pod(named name: String?, in namespace: String? = nil, path: String) throws(DocumentError)
        -> PodDocument
    {
        func list(_ pods: [PodDocument]) -> String {
            pods.map { "\($0.kind) \($0.namespace.map { $0 + "/" } ?? "")\($0.name)" }.joined(separator: ", ")
        }
        guard !pods.isEmpty else {
            let kinds = (others + configMaps.map { _ in "ConfigMap" } + secrets.map { _ in "Secret" })
            let have = kinds.isEmpty ? "nothing" : kinds.joined(separator: ", ")
            throw DocumentError("\(path): there is no pod and no workload in it, but \(have)")
        }
        // As kubectl writes it, in lower case too.
        let wanted = name?.lowercased()
        let called = pods.filter { name == nil || $0.name == name || "\($0.kind)/\($0.name)".lowercased() == wanted }
        guard let first = called.first else {
            throw DocumentError("\(path): there is no pod \(name ?? "") in it, but \(list(pods))")
        }
        if called.count == 1 { return first }
        let there = called.filter { $0.namespace == namespace ?? "" }
        if namespace != nil, there.count == 1 { return there[0] }
        let how = Set(called.map(\.name)).count == called.count ? "--pod NAME" : "--pod KIND/NAME and --namespace NAME"
        throw DocumentError("\(path): there are several in it: \(list(called)); choose one with \(how)")
    }
}
