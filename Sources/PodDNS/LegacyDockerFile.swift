// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

/// The resolv.conf that Docker made before Engine 26 (libnetwork/resolvconf, sandbox_dns_unix.go).
enum LegacyDockerFile {
    static func bytes(
        _ source: [UInt8],
        _ overrides: Rendering.Lists,
        _ network: Runtime.Network,
        hasIPv6: Bool
    ) -> [UInt8] {
        var file: [UInt8]
        if overrides.isEmpty {
            // First as if there were IPv6, when the sandbox is made; again when it is connected.
            file = filter(filter(source, hasIPv6: true), hasIPv6: hasIPv6)
        } else {
            file = build(
                servers: overrides.servers.isEmpty ? servers(source) : overrides.servers,
                searches: overrides.searches.isEmpty ? searches(source) : overrides.searches,
                options: overrides.options.isEmpty ? options(source) : overrides.options
            )
        }
        guard network == .user else { return file }
        var words = options(file)
        if !words.contains(where: { $0.optionName == "ndots" }) { words.append("ndots:0") }
        let remaining = servers(file).filter { $0.bytes.contains(UInt8(ascii: ":")) }
        file = build(servers: ["127.0.0.11"] + remaining, searches: searches(file), options: words)
        return file
    }

    private static func build(servers: [Word], searches: [Word], options: [Word]) -> [UInt8] {
        let isRoot = searches == ["."]
        return Rendering.searchFirst(.init(servers: servers, searches: isRoot ? [] : searches, options: options))
    }

    /// Lines of loopback servers go, those of IPv6 where there is none; what follows them on empty lines goes too.
    ///
    /// The expressions are `(?m)^nameserver\s+ADDRESS\s*\n*`; where no server is left, Google's are added after a newline.
    private static func filter(_ bytes: [UInt8], hasIPv6: Bool) -> [UInt8] {
        var result: [UInt8] = []
        var rest = bytes[...]
        while !rest.isEmpty {
            let end = rest.firstIndex(of: UInt8(ascii: "\n")).map { $0 + 1 } ?? rest.endIndex
            let line = rest[..<end]
            rest = rest[end...]
            guard isFiltered(line, hasIPv6: hasIPv6) else {
                result += line
                continue
            }
            // `\s*` takes blank lines with it, and the blanks that begin the next one.
            rest = rest.drop { $0 == 0x20 || (0x09...0x0d).contains($0) }
        }
        if servers(result).isEmpty {
            let words = DockerFile.defaults + (hasIPv6 ? DockerFile.defaultsIPv6 : [])
            result += Array(("\n" + words.map { "nameserver \($0)" }.joined(separator: "\n")).utf8)
        }
        return result
    }

    private static func isFiltered(_ line: ArraySlice<UInt8>, hasIPv6: Bool) -> Bool {
        guard line.starts(with: Array("nameserver".utf8)) else { return false }
        let words = Fields.split(line)
        guard words.count == 2, words[0] == "nameserver" else { return false }
        let text = words[1].description
        guard let address = IPAddress(sloppy: String(text.prefix { $0 != "%" })) else { return false }
        if address.isLoopback { return true }
        return !hasIPv6 && text.contains(":")
    }

    private static func values(_ bytes: [UInt8], _ keyword: Word) -> [[Word]] {
        bytes.split(separator: UInt8(ascii: "\n")).map { line in
            Fields.split(line.prefix { $0 != UInt8(ascii: "#") })
        }.filter { $0.first == keyword && $0.count > 1 }.map { Array($0.dropFirst()) }
    }

    private static func servers(_ bytes: [UInt8]) -> [Word] { values(bytes, "nameserver").compactMap(\.first) }
    private static func searches(_ bytes: [UInt8]) -> [Word] { values(bytes, "search").last ?? [] }
    private static func options(_ bytes: [UInt8]) -> [Word] { values(bytes, "options").last ?? [] }
}
