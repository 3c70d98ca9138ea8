// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

/// The kubelet's command line, those flags that matter here (cmd/kubelet/app/options/options.go).
package struct KubeletArguments: Equatable, Sendable {
    /// `--config`.
    package var configFile: String?
    /// `--config-dir`: drop-ins, from Kubernetes 1.28 on.
    package var configDirectory: String?
    /// What the flags say; they hold over the files.
    package var settings = KubeletSettings()

    /// Reads a command line, the program's name not among it; flags that are not known here are stepped over.
    ///
    /// `source` says where it was found, for people: "process 812".
    package init(_ arguments: [String], source: String) {
        var rest = arguments[...]
        while let argument = rest.popFirst() {
            guard argument.hasPrefix("--") else { continue }
            let body = argument.dropFirst(2)
            // The kubelet takes cluster_dns for cluster-dns.
            let name = String(body.prefix { $0 != "=" }.map { $0 == "_" ? "-" : $0 })
            guard Self.names.contains(name) else { continue }
            let value: String
            if name.utf8.count < body.utf8.count {
                value = String(body.dropFirst(name.count + 1))
            } else if let next = rest.popFirst() {
                value = next
            } else {
                continue
            }
            take(name, value, "--\(name) of \(source)")
        }
    }

    private static let names: Set = [
        "config", "config-dir", "resolv-conf", "cluster-dns", "cluster-domain", "node-ip", "container-runtime-endpoint",
        "pod-logs-dir", "pod-manifest-path", "root-dir", "cgroup-driver", "feature-gates",
    ]

    private mutating func take(_ name: String, _ value: String, _ source: String) {
        switch name {
        case "config": configFile = value
        case "config-dir": configDirectory = value
        case "resolv-conf": settings.resolvConf = .init(value, from: source)
        // A list flag replaces what a file says, and adds to what the same flag said before.
        case "cluster-dns": add(value, source, to: \.clusterDNS)
        case "node-ip": settings.nodeIPs = .init(Self.list(value), from: source)
        case "cluster-domain": settings.clusterDomain = .init(value, from: source)
        case "container-runtime-endpoint": settings.runtimeEndpoint = .init(value, from: source)
        case "pod-logs-dir": settings.podLogsDirectory = .init(value, from: source)
        case "pod-manifest-path": settings.staticPodPath = .init(value, from: source)
        case "root-dir": settings.rootDirectory = .init(value, from: source)
        case "cgroup-driver": settings.cgroupDriver = .init(value, from: source)
        case "feature-gates":
            for gate in Self.list(value) {
                let parts = gate.split(separator: "=", maxSplits: 1).map(String.init)
                guard parts.count == 2, let isOn = Bool(parts[1].lowercased()) else { continue }
                settings.featureGates[parts[0]] = isOn
            }
        default: break
        }
    }

    private mutating func add(
        _ value: String,
        _ source: String,
        to path: WritableKeyPath<KubeletSettings, KubeletSettings.Setting<[String]>?>
    ) {
        let before = settings[keyPath: path]?.value ?? []
        settings[keyPath: path] = .init(before + Self.list(value), from: source)
    }

    private static func list(_ value: String) -> [String] {
        value.split(separator: ",").map { $0.trimmingBlanks }.filter { !$0.isEmpty }
    }
}

extension Substring {
    /// Without spaces and tabs at both ends.
    fileprivate var trimmingBlanks: String {
        var text = self
        while let first = text.first, first == " " || first == "\t" { text.removeFirst() }
        while let last = text.last, last == " " || last == "\t" { text.removeLast() }
        return String(text)
    }
}
