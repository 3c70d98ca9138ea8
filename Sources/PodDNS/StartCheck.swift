// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

/// What the kubelet says of the node's file when it starts (`CheckLimitsForResolvConf`).
public enum StartCheck {
    /// The one event it records, nil where it finds nothing; it stops at the first.
    public static func event(_ kubelet: Kubelet, _ file: Kubelet.NodeFile) -> Event? {
        guard kubelet.resolvConf != "" else { return nil }
        let path = kubelet.resolvConf.bytes
        func event(_ parts: [UInt8]...) -> Event {
            Event(.node, "CheckLimitsForResolvConf", Word(parts.flatMap(\.self)))
        }
        func text(_ string: String) -> [UInt8] { Array(string.utf8) }
        let bytes: [UInt8]
        switch file {
        case .cannotOpen(let reason): return event(text("open "), path, text(": \(reason)"))
        case .cannotRead(let reason): return event(text("read "), path, text(": \(reason)"))
        case .contents(let contents): bytes = contents
        }
        let resolver = NodeResolver(bytes, kubelet.behaviour)
        if let error = resolver.error { return event(error.bytes) }
        let behaviour = kubelet.behaviour
        // Three places are the cluster's own.
        let limit = behaviour.searchPathLimit - (kubelet.clusterDomain == "" ? 0 : 3)
        let file = text("Resolv.conf file '") + path
        if resolver.searches.count > limit {
            return event(file, text("' contains search line consisting of more than \(limit) domains!"))
        }
        if behaviour.dropsLongPaths, resolver.searches.contains(where: { $0.word.count > Limits.searchPath }) {
            let words = "contains a search path which length is more than allowed \(Limits.searchPath) chars!"
            return event(text("Resolv.conf file "), Quoting.go(path), text(" " + words))
        }
        if resolver.searches.lazy.map(\.word).joinedCount > behaviour.searchListLimit {
            let words = "contains search line which length is more than allowed \(behaviour.searchListLimit) chars!"
            return event(file, text("' " + words))
        }
        return nil
    }
}

/// Quoting as Go's `%q` does it, for paths.
enum Quoting {
    static func go(_ bytes: [UInt8]) -> [UInt8] {
        var result: [UInt8] = [UInt8(ascii: "\"")]
        for byte in bytes {
            switch byte {
            case UInt8(ascii: "\""), UInt8(ascii: "\\"): result += [UInt8(ascii: "\\"), byte]
            case UInt8(ascii: "\n"): result += Array("\\n".utf8)
            case UInt8(ascii: "\t"): result += Array("\\t".utf8)
            case UInt8(ascii: "\r"): result += Array("\\r".utf8)
            case 0x07: result += Array("\\a".utf8)
            case 0x08: result += Array("\\b".utf8)
            case 0x0b: result += Array("\\v".utf8)
            case 0x0c: result += Array("\\f".utf8)
            case 0..<0x20, 0x7f: result += Array("\\x\(byte < 16 ? "0" : "")\(String(byte, radix: 16))".utf8)
            default: result.append(byte)
            }
        }
        return result + [UInt8(ascii: "\"")]
    }
}
