// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

/// Where the words of a file that Docker made by itself come from, and what of the node's file is not in it.
///
/// Docker takes each of its three lists as a whole: the container's own, else the node's.
public struct DockerOrigins: Equatable, Sendable {
    /// Who said a word.
    public enum Origin: Hashable, Sendable {
        /// An option of the container's: `--dns`, `--dns-search`, `--dns-opt`.
        case option(String)
        /// A line of the file that Docker read, from 1.
        case nodeFile(line: Int)
        /// Docker itself: no other nameserver was left.
        case fallback
        /// Docker itself, for the resolver that it has on networks that users make.
        case resolver
    }

    /// Why a word of the node's file is not in it.
    public enum Reason: Hashable, Sendable {
        /// The container has an option of its own.
        case option(String)
        /// A container has another loopback interface than the node.
        case loopback
        /// Docker's own resolver asks it.
        case askedByResolver
        /// Docker does not pass it on: no address, or IPv6 on a network without.
        case notPassedOn
        /// A later line of that kind holds.
        case replaced
    }

    /// A word of the file; `origin` is nil where it is none of those: somebody else wrote it, or the daemon's settings say so.
    public struct Entry: Equatable, Sendable {
        /// The word.
        public var word: Word
        /// Who said it.
        public var origin: Origin?
    }

    /// A line of the file; without entries where it is a comment or empty.
    public struct Line: Equatable, Sendable {
        /// Its bytes, without the newline.
        public var text: [UInt8]
        /// Which list, or that it is a line of another kind; nil for comments.
        public var kind: Dropped.Kind?
        /// Its words; of a line of another kind all of it.
        public var entries: [Entry]
    }

    /// A word of the node's file that is not in it.
    public struct Omission: Equatable, Sendable {
        /// Which list it was meant for.
        public var kind: Dropped.Kind
        /// The word.
        public var word: Word
        /// Its line in the file that Docker read, from 1.
        public var line: Int
        /// Why.
        public var reason: Reason
    }

    /// The file that Docker read.
    public var path: String
    /// The lines of the file that was asked about.
    public var lines: [Line] = []
    /// What Docker left out.
    public var omissions: [Omission] = []

    private let options: Rendering.Lists
    private let network: Runtime.Network
    private var node: [NodeWord] = []

    private struct NodeWord: Equatable {
        var kind: Dropped.Kind
        var word: Word
        var line: Int
    }

    /// About `file`, which Docker wrote for a container with these options of its own.
    public init(
        of file: [UInt8],
        _ options: Rendering.Lists,
        _ runtime: Runtime,
        _ host: Rendering.Host,
        _ network: Runtime.Network
    ) {
        (self.options, self.network) = (options, network)
        let source = DockerFile.source(runtime, host, network)
        path = source.path
        for (number, line) in Self.split(source.bytes).enumerated() {
            guard let parsed = Self.parse(line) else { continue }
            node += parsed.words.map { NodeWord(kind: parsed.kind, word: $0, line: number + 1) }
        }
        for line in Self.split(file) {
            guard let parsed = Self.parse(line) else {
                lines.append(Line(text: Array(line), kind: nil, entries: []))
                continue
            }
            let entries = parsed.words.map { Entry(word: $0, origin: origin(parsed.kind, $0)) }
            lines.append(Line(text: Array(line), kind: parsed.kind, entries: entries))
        }
        // A copy leaves nothing out.
        guard network != .host || !options.isEmpty else { return }
        omissions = node.compactMap { item in
            let isThere = lines.contains { line in
                line.kind == item.kind && line.entries.contains { Self.isSame($0.word, item.word) }
            }
            guard !isThere, let reason = reason(item.kind, item.word, item.line) else { return nil }
            return Omission(kind: item.kind, word: item.word, line: item.line, reason: reason)
        }
    }

    private func origin(_ kind: Dropped.Kind, _ word: Word) -> Origin? {
        if kind == .server, network == .user, word == "127.0.0.11" { return .resolver }
        if let (name, words) = option(kind) { return words.contains { Self.isSame($0, word) } ? .option(name) : nil }
        if let item = node.last(where: { $0.kind == kind && Self.isSame($0.word, word) }) {
            return .nodeFile(line: item.line)
        }
        let defaults = DockerFile.defaults + DockerFile.defaultsIPv6
        if kind == .server, defaults.contains(word.description) { return .fallback }
        return kind == .option && network == .user && word == "ndots:0" ? .resolver : nil
    }

    private func reason(_ kind: Dropped.Kind, _ word: Word, _ line: Int) -> Reason? {
        if let (name, _) = option(kind) { return .option(name) }
        switch kind {
        case .server where network == .user: return .askedByResolver
        case .server where IPAddress(sloppy: word.description)?.isLoopback == true: return .loopback
        case .server: return .notPassedOn
        case .search, .option: return node.contains { $0.kind == kind && $0.line > line } ? .replaced : nil
        case .line: return nil
        }
    }

    /// The container's own words for a list; nil where it has none.
    private func option(_ kind: Dropped.Kind) -> (name: String, words: [Word])? {
        let found: (String, [Word]) =
            switch kind {
            case .server: ("--dns", options.servers)
            case .search: ("--dns-search", options.searches)
            case .option: ("--dns-opt", options.options)
            case .line: ("", [])
            }
        return found.1.isEmpty ? nil : found
    }

    private static func split(_ bytes: [UInt8]) -> [ArraySlice<UInt8>] {
        var lines = bytes.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
        if lines.last?.isEmpty == true { lines.removeLast() }
        return lines
    }

    /// nil for a comment, an empty line, and a keyword alone.
    private static func parse(_ line: ArraySlice<UInt8>) -> (kind: Dropped.Kind, words: [Word])? {
        let words = Fields.split(line)
        guard let keyword = words.first, let mark = keyword.bytes.first, mark != UInt8(ascii: "#"),
            mark != UInt8(ascii: ";")
        else { return nil }
        let values = Array(words.dropFirst())
        switch keyword {
        case "nameserver": return values.first.map { (.server, [$0]) }
        case "search", "domain": return values.isEmpty ? nil : (.search, values)
        case "options": return values.isEmpty ? nil : (.option, values)
        default: return (.line, [Word(line)])
        }
    }

    /// Docker writes addresses in its own way.
    private static func isSame(_ one: Word, _ other: Word) -> Bool {
        guard one != other else { return true }
        guard let address = IPAddress(strict: one.description) else { return false }
        return address == IPAddress(strict: other.description)
    }
}
