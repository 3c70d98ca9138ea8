// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

package import Documents
package import PodDNS

extension PodDocument {
    /// What of the pod matters to its DNS.
    ///
    /// `namespace` holds over the manifest's; without either it is `default`, as kubectl has it. Throws where a field has
    /// a type that the API server does not take.
    package func dnsPod(namespace override: String? = nil) throws(DocumentError) -> Pod {
        var pod = Pod(name: Word(name), namespace: Word(override ?? namespace ?? "default"))
        pod.uid = Word(try string(metadata, "uid", "metadata") ?? "")
        pod.policy = Word(try string(spec, "dnsPolicy", "spec") ?? "ClusterFirst")
        if pod.policy == "" { pod.policy = "ClusterFirst" }
        switch spec["hostNetwork"] {
        case nil, .null: break
        case .bool(let value): pod.isOnHostNetwork = value
        case let other?: throw wrong("spec.hostNetwork", other, "true or false")
        }
        guard let config = spec["dnsConfig"], config != .null else { return pod }
        guard case .object = config else { throw wrong("spec.dnsConfig", config, "an object") }
        var dns = Pod.DNSConfig()
        dns.nameservers = try strings(config, "nameservers")
        dns.searches = try strings(config, "searches")
        if let options = config["options"], options != .null {
            guard let elements = options.array else { throw wrong("spec.dnsConfig.options", options, "a list") }
            for (index, element) in elements.enumerated() {
                let path = "spec.dnsConfig.options[\(index)]"
                guard case .object = element else { throw wrong(path, element, "an object with name and value") }
                let name = try string(element, "name", path) ?? ""
                dns.options.append(.init(Word(name), try string(element, "value", path).map { Word($0) }))
            }
        }
        pod.dnsConfig = dns
        return pod
    }

    private func wrong(_ path: String, _ value: Value, _ expected: String) -> DocumentError {
        let quote = expected == "a string" && value.kind != "a list" && value.kind != "an object"
        return DocumentError(
            "\(title): \(path) is \(value.kind), not \(expected)\(quote ? ": write it in quotes" : "")"
        )
    }

    private func string(_ object: Value, _ key: String, _ path: String) throws(DocumentError) -> String? {
        guard let value = object[key], value != .null else { return nil }
        guard let text = value.string else { throw wrong("\(path).\(key)", value, "a string") }
        return text
    }

    private func strings(_ config: Value, _ key: String) throws(DocumentError) -> [Word] {
        guard let value = config[key], value != .null else { return [] }
        let path = "spec.dnsConfig.\(key)"
        guard let elements = value.array else { throw wrong(path, value, "a list of strings") }
        var words: [Word] = []
        for (index, element) in elements.enumerated() {
            guard let text = element.string else { throw wrong("\(path)[\(index)]", element, "a string") }
            words.append(Word(text))
        }
        return words
    }
}
