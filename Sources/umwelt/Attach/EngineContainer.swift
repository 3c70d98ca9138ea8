// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

/// A container that runs, as the engine that made it has it.
struct EngineContainer: Equatable {
    var id: String
    /// What people call it; empty where the engine gives it no name.
    var name = ""
    /// `docker`, `podman`, `containerd`, `cri`, `cri-o`, `runc`, `crun` or `umwelt`.
    var engine: String
    /// Its first process, on the host.
    var pid: Int32
    /// The process that holds a pod's namespaces, and nothing else.
    var isSandbox = false
    /// In whose directory the runtime's state is; 0 root's.
    var user: UInt32 = 0
    /// Where its engine may tell of it.
    var ownDirectories: [String] = []

    /// Whether the engine made its id: 64 hexadecimal digits.
    var hasEngineID: Bool { id.utf8.count == 64 && id.allSatisfy(\.isHexDigit) }

    /// As the daemon registers it: 1 to 128 of A-Z a-z 0-9 `_` `.` `-`, beginning with a letter or digit.
    var registeredID: String {
        let clean = id.unicodeScalars.map { scalar in
            let isPlain = scalar.isASCII && (scalar.properties.isAlphabetic || scalar.properties.numericType != nil)
            return isPlain || scalar == "_" || scalar == "." || scalar == "-" ? Character(scalar) : "_"
        }
        let text = String(clean.prefix(120))
        return text.first.map { $0.isLetter || $0.isNumber } == true ? text : "c" + text
    }
}

extension [EngineContainer] {
    /// What of these a person means by `target`.
    enum Match: Equatable {
        case one(EngineContainer)
        case none
        /// Several, by their ids.
        case several([String])
    }

    /// What root runs comes before what users do: a name that one of these gives is not to stand for another container.
    func match(_ target: String) -> Match {
        let match = filter { $0.user == 0 }.matchAll(target)
        return match == .none ? matchAll(target) : match
    }

    /// By id, then by name (POD/CONTAINER, then either of the two), then by the beginning of an engine's own id (three digits
    /// at least; an id that people chose is a name, of which the beginning can be another's).
    ///
    /// Who names a pod means what runs in it before the process that holds its namespaces.
    private func matchAll(_ target: String) -> Match {
        let inhabited = filter { !$0.isSandbox }
        for candidates in [
            filter { $0.id == target }, inhabited.filter { !$0.name.isEmpty && $0.name == target },
            inhabited.filter { $0.name.split(separator: "/").contains { $0 == target } },
            filter { !$0.name.isEmpty && $0.name == target },
            target.count >= 3 ? filter { $0.hasEngineID && $0.id.hasPrefix(target) } : [],
        ] {
            if candidates.count == 1, let one = candidates.first { return .one(one) }
            if candidates.count > 1 { return .several(candidates.map { "\($0.engine) \($0.id)" }) }
        }
        return .none
    }
}
