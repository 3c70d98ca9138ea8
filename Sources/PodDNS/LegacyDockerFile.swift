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

    // MARK: Its expressions (libnetwork/resolvconf), byte by byte

    /// Go's `\s`.
    private static func isBlank(_ byte: UInt8) -> Bool { byte == 0x20 || (0x09...0x0d).contains(byte) && byte != 0x0b }

    /// Loopback servers go, those of IPv6 where there is none; where none is left, Google's are added after a newline.
    private static func filter(_ bytes: [UInt8], hasIPv6: Bool) -> [UInt8] {
        var result = cut(bytes, loopback)
        if !hasIPv6 { result = cut(result, colons) }
        if servers(result).isEmpty {
            let words = DockerFile.defaults + (hasIPv6 ? DockerFile.defaultsIPv6 : [])
            result += Array(("\n" + words.map { "nameserver \($0)" }.joined(separator: "\n")).utf8)
        }
        return result
    }

    /// Without what `(?m)^nameserver\s+ADDRESS\s*\n*` matches: the blanks after the address go too, on empty lines and at the
    /// next one's beginning, and what else stands on its own line stays.
    private static func cut(_ bytes: [UInt8], _ address: (ArraySlice<UInt8>) -> Int?) -> [UInt8] {
        let keyword = Array("nameserver".utf8)
        var result: [UInt8] = []
        var rest = bytes[...]
        var isLineStart = true
        while let byte = rest.first {
            if isLineStart, rest.starts(with: keyword) {
                let value = rest.dropFirst(keyword.count).drop(while: isBlank)
                if value.startIndex > rest.startIndex + keyword.count, let count = address(value) {
                    rest = value.dropFirst(count).drop(while: isBlank)
                    // What comes after it begins a line where a newline ended it.
                    isLineStart = bytes[..<rest.startIndex].last == UInt8(ascii: "\n")
                    continue
                }
            }
            result.append(byte)
            isLineStart = byte == UInt8(ascii: "\n")
            rest.removeFirst()
        }
        return result
    }

    private static func isDigit(_ byte: UInt8) -> Bool { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) }

    /// How long `(127\.([0-9]{1,3}\.){2}[0-9]{1,3})|(::1)$` is at the beginning; nil where it is not there.
    private static func loopback(_ bytes: ArraySlice<UInt8>) -> Int? {
        if bytes.starts(with: Array("::1".utf8)) {
            let next = bytes.dropFirst(3).first
            return next == nil || next == UInt8(ascii: "\n") ? 3 : nil
        }
        guard bytes.starts(with: Array("127.".utf8)) else { return nil }
        var rest = bytes.dropFirst(4)
        for part in 0..<3 {
            let digits = rest.prefix(3).prefix(while: isDigit)
            rest = rest.dropFirst(digits.count)
            guard !digits.isEmpty, part == 2 || rest.popFirst() == UInt8(ascii: ".") else { return nil }
        }
        return rest.startIndex - bytes.startIndex
    }

    /// How long `([0-9A-Fa-f]{0,4}:){2,7}([0-9A-Fa-f]{0,4})(%\w+)?` is at the beginning; nil where it is not there.
    private static func colons(_ bytes: ArraySlice<UInt8>) -> Int? {
        func isHex(_ byte: UInt8) -> Bool { isDigit(byte) || (0x61...0x66).contains(byte | 0x20) }
        var rest = bytes
        var groups = 0
        while groups < 7 {
            let next = rest.dropFirst(rest.prefix(4).prefix(while: isHex).count)
            guard next.first == UInt8(ascii: ":") else { break }
            rest = next.dropFirst()
            groups += 1
        }
        guard groups >= 2 else { return nil }
        rest = rest.dropFirst(rest.prefix(4).prefix(while: isHex).count)
        if rest.first == UInt8(ascii: "%") {
            let zone = rest.dropFirst().prefix {
                isDigit($0) || (0x61...0x7a).contains($0 | 0x20) || $0 == UInt8(ascii: "_")
            }
            if !zone.isEmpty { rest = rest[zone.endIndex...] }
        }
        return rest.startIndex - bytes.startIndex
    }

    /// What follows the keyword on each line that begins with it, its comment cut off; no blank need be between them.
    private static func values(_ bytes: [UInt8], _ keyword: String) -> [ArraySlice<UInt8>] {
        bytes.split(separator: UInt8(ascii: "\n")).compactMap { line in
            let text = line.prefix { $0 != UInt8(ascii: "#") }.drop(while: isBlank)
            return text.starts(with: Array(keyword.utf8))
                ? text.dropFirst(keyword.utf8.count).drop(while: isBlank) : nil
        }
    }

    /// `GetNameservers`: what has anything but blanks after its address is none.
    static func servers(_ bytes: [UInt8]) -> [Word] {
        values(bytes, "nameserver").compactMap { value in
            let text = value.prefix { !isBlank($0) }
            guard value.dropFirst(text.count).allSatisfy(isBlank) else { return nil }
            return isIPv4(text) || colons(text) == text.count ? Word(text) : nil
        }
    }

    private static func isIPv4(_ text: ArraySlice<UInt8>) -> Bool {
        let parts = text.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
        return parts.count == 4
            && parts.allSatisfy { part in
                (1...3).contains(part.count) && part.allSatisfy(isDigit)
                    && part.reduce(0) { $0 * 10 + Int($1 - UInt8(ascii: "0")) } <= 255
            }
    }

    /// The last line holds, were it empty.
    private static func searches(_ bytes: [UInt8]) -> [Word] { values(bytes, "search").last.map(Fields.split) ?? [] }
    private static func options(_ bytes: [UInt8]) -> [Word] { values(bytes, "options").last.map(Fields.split) ?? [] }
}
