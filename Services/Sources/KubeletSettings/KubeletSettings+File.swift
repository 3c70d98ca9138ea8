// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

package import Documents

extension KubeletSettings {
    /// What a KubeletConfiguration (YAML or JSON) says; throws where it is none, or a field has the wrong type.
    ///
    /// A drop-in may say as little as one field. `path` is what messages call it.
    package init(configuration bytes: [UInt8], path: String) throws(DocumentError) {
        self.init()
        let documents: [Value]
        do throws(DocumentError) { documents = try Value.documents(bytes) } catch {
            throw DocumentError("\(path): \(error)")
        }
        guard documents.count < 2 else { throw DocumentError("\(path): \(documents.count) documents, one is expected") }
        files = [path]
        guard let document = documents.first else { return }
        guard case .object = document else {
            throw DocumentError("\(path): \(document.kind), a KubeletConfiguration is expected")
        }
        if let kind = document["kind"], kind != .string("KubeletConfiguration") {
            let name = kind.string ?? kind.kind
            throw DocumentError("\(path): this is a \(name), a KubeletConfiguration is expected")
        }
        resolvConf = try Self.string(document, "resolvConf", path)
        clusterDomain = try Self.string(document, "clusterDomain", path)
        runtimeEndpoint = try Self.string(document, "containerRuntimeEndpoint", path).flatMap {
            $0.value == "" ? nil : $0
        }
        podLogsDirectory = try Self.string(document, "podLogsDir", path).flatMap { $0.value == "" ? nil : $0 }
        staticPodPath = try Self.string(document, "staticPodPath", path).flatMap { $0.value == "" ? nil : $0 }
        cgroupDriver = try Self.string(document, "cgroupDriver", path).flatMap { $0.value == "" ? nil : $0 }
        if let value = document["clusterDNS"], value != .null {
            guard let elements = value.array else {
                throw DocumentError("\(path): clusterDNS is \(value.kind), a list of strings is expected")
            }
            var addresses: [String] = []
            for element in elements {
                guard let address = element.string else {
                    throw DocumentError("\(path): clusterDNS has \(element.kind) in it, strings are expected")
                }
                addresses.append(address)
            }
            clusterDNS = Setting(addresses, from: "clusterDNS of \(path)")
        }
        if let value = document["featureGates"], value != .null {
            guard let members = value.members else {
                throw DocumentError("\(path): featureGates is \(value.kind), an object is expected")
            }
            for member in members {
                guard let isOn = member.value.bool else {
                    throw DocumentError(
                        "\(path): featureGates.\(member.key) is \(member.value.kind), not true or false"
                    )
                }
                featureGates[member.key] = isOn
            }
        }
    }

    private static func string(_ document: Value, _ key: String, _ path: String) throws(DocumentError) -> Setting<
        String
    >? {
        guard let value = document[key], value != .null else { return nil }
        guard let text = value.string else {
            throw DocumentError("\(path): \(key) is \(value.kind), a string is expected")
        }
        return Setting(text, from: "\(key) of \(path)")
    }
}
