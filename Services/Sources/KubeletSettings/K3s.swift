// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

internal import Documents

/// k3s, which has the kubelet in its own process, and rke2: what they are told of it, in their own terms.
enum K3s {
    /// Flags of theirs that say what the kubelet's say; `--kubelet-arg=NAME=VALUE` is handed on as it is.
    private static let flags = ["--kubelet-arg", "--cluster-dns", "--cluster-domain", "--resolv-conf", "--node-ip"]

    /// The configuration file, and the directory of those that are read after it.
    static let configFile = "/etc/rancher/k3s/config.yaml"
    static let configDirectory = "/etc/rancher/k3s/config.yaml.d"

    /// The words of a command line.
    ///
    /// One that runs shows its program and its verb as one word, and hides what follows (pkg/cli/server/server.go, which
    /// sets the title of its process).
    static func words(_ shown: [String]) -> [String] {
        guard let title = shown.first, let blank = title.firstIndex(of: " "), isK3s(title[..<blank]) else {
            return shown
        }
        return [String(title[..<blank]), String(title[title.index(after: blank)...])]
    }

    private static func isK3s(_ path: Substring) -> Bool {
        guard let name = path.split(separator: "/").last else { return false }
        return name == "k3s" || name == "rke2"
    }

    /// Whether they are those of a k3s that runs a kubelet.
    static func isRunning(_ words: [String]) -> Bool {
        guard let program = words.first?.split(separator: "/").last, program.hasPrefix("k3s") else { return false }
        return kubeletArguments(words) != nil
    }

    /// The kubelet's arguments in a command line of `words`; nil where it starts none: `k3s kubectl`.
    static func kubeletArguments(_ words: [String]) -> [String]? {
        guard let program = words.first?.split(separator: "/").last else { return nil }
        let verb = words.dropFirst().first { !$0.hasPrefix("-") }
        guard program.hasPrefix("k3s-") || verb == "server" || verb == "agent" else { return nil }
        return words.indices.dropFirst().flatMap { index -> [String] in
            let word = words[index]
            let next = index + 1 < words.count ? words[index + 1] : ""
            for flag in flags {
                if word == flag { return [handedOn(flag, next)] }
                if word.hasPrefix(flag + "=") { return [handedOn(flag, String(word.dropFirst(flag.count + 1)))] }
            }
            return []
        }
    }

    private static func handedOn(_ flag: String, _ value: String) -> String {
        flag == "--kubelet-arg" ? "--" + value : "\(flag)=\(value)"
    }

    /// The kubelet's arguments in configuration files, in the order in which they are read: a later one's key replaces an
    /// earlier one's, and adds to it with a `+` behind (pkg/configfilearg).
    static func kubeletArguments(configurations: [Value]) -> [String] {
        var values: [String: [String]] = [:]
        for member in configurations.flatMap({ $0.members ?? [] }) {
            let adds = member.key.hasSuffix("+")
            let flag = "--" + (adds ? String(member.key.dropLast()) : member.key)
            guard flags.contains(flag) else { continue }
            let said = (member.value.array ?? [member.value]).compactMap(\.string)
            values[flag] = adds ? (values[flag] ?? []) + said : said
        }
        return flags.flatMap { flag in (values[flag] ?? []).map { handedOn(flag, $0) } }
    }
}
