// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

package import Documents

/// The ConfigMaps and Secrets that came with a manifest.
package struct Store: Sendable {
    /// The namespace that they are looked for in; one that says none is in every one.
    package var namespace = "default"
    private var maps: [Place: Entries] = [:]
    /// The `data` alone.
    private var texts: [Place: Entries] = [:]
    private var secrets: [Place: Entries] = [:]
    private static let limit = 1 << 20

    package typealias Entries = [(key: String, bytes: [UInt8])]

    /// Where one is: nil for the namespace of whoever looks.
    private struct Place: Hashable {
        var namespace: String?
        var name: String
    }

    /// Throws where one is not as the API server would take it.
    package init(configMaps: [Value], secrets: [Value]) throws(DocumentError) {
        for map in configMaps {
            let place = try Self.place(map, "ConfigMap")
            let entries = try Self.entries(map, "ConfigMap \(place.name)", plain: "data", encoded: "binaryData")
            guard maps.updateValue(entries, forKey: place) == nil else {
                throw DocumentError("there are two ConfigMaps \(place.name)")
            }
            texts[place] = entries.filter { map["data"]?[$0.key] != nil }
        }
        for secret in secrets {
            let place = try Self.place(secret, "Secret")
            let entries = try Self.entries(secret, "Secret \(place.name)", plain: "stringData", encoded: "data")
            guard self.secrets.updateValue(entries, forKey: place) == nil else {
                throw DocumentError("there are two Secrets \(place.name)")
            }
        }
    }

    package func configMap(_ name: String) -> Entries? {
        maps[Place(namespace: namespace, name: name)] ?? maps[Place(name: name)]
    }

    /// What environment variables are made of (`makeEnvironmentVariables`, pkg/kubelet): no binaryData.
    package func configMapText(_ name: String) -> Entries? {
        texts[Place(namespace: namespace, name: name)] ?? texts[Place(name: name)]
    }

    package func secret(_ name: String) -> Entries? {
        secrets[Place(namespace: namespace, name: name)] ?? secrets[Place(name: name)]
    }

    private static func place(_ object: Value, _ kind: String) throws(DocumentError) -> Place {
        guard let name = object["metadata"]?["name"]?.string, !name.isEmpty else {
            throw DocumentError("a \(kind) without metadata.name")
        }
        let namespace = object["metadata"]?["namespace"] ?? .null
        guard namespace == .null || namespace.string != nil else {
            throw DocumentError(
                "\(kind) \(name): metadata.namespace is \(namespace.kind), not a string: write it in quotes"
            )
        }
        return Place(namespace: namespace.string, name: name)
    }

    private static func entries(
        _ object: Value,
        _ title: String,
        plain: String,
        encoded: String
    ) throws(DocumentError) -> Entries {
        var result: Entries = []
        var total = 0
        for (field, isEncoded) in [(encoded, true), (plain, false)] {
            for member in object[field]?.members ?? [] {
                guard let text = member.value.string else {
                    throw DocumentError("\(title): \(field).\(member.key) is \(member.value.kind), not a string")
                }
                guard isKey(member.key) else {
                    throw DocumentError(
                        "\(title): \(field): \"\(member.key)\" is no key (up to 253 letters, digits, '-', '_' and '.', of which "
                            + "'..' does not come first)"
                    )
                }
                let bytes = isEncoded ? Base64.decode(text) : Array(text.utf8)
                guard let bytes else { throw DocumentError("\(title): \(field).\(member.key) is not base64") }
                total += bytes.count
                guard total <= limit else { throw DocumentError("\(title): it has more than 1 MiB") }
                result.removeAll { $0.key == member.key }
                result.append((member.key, bytes))
            }
        }
        return result
    }

    /// As the API server has it (`IsConfigMapKey`): a file of that name is made, and those beginning with `..` are for whoever
    /// makes it.
    private static func isKey(_ key: String) -> Bool {
        let isKnown = key.utf8.allSatisfy { byte in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"):
                true
            default: "-._".utf8.contains(byte)
            }
        }
        return isKnown && !key.isEmpty && key.utf8.count <= 253 && key != "." && !key.hasPrefix("..")
    }
}
