// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

/// The rules of /sbin/request-key (request-key.conf(5)), and which of them wins for a key.
struct RequestKeyRules {
    struct Rule: Equatable {
        /// The file it stands in, and the line.
        var file: String
        var line: Int
        /// The patterns for operation, type, description and callout info.
        var patterns: [String]
        /// The program and its arguments.
        var command: String
    }

    private(set) var rules: [Rule] = []
    /// What makes request-key fail for a key that it is to make for a name.
    private(set) var problems: [String] = []

    mutating func add(problem: String) { problems.append(problem) }

    /// Adds a file's lines.
    ///
    /// In the order in which request-key reads them: files of the directory as readdir gives them, then
    /// request-key.conf.
    mutating func add(_ bytes: [UInt8], file: String) {
        let lines = bytes.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
        for (index, line) in lines.enumerated() {
            // As scan_conf_file() (request-key.c) does: a remark may be too long, too, and a blank makes one.
            guard line.count < Self.lengthLimit else {
                problems.append("\(file):\(index + 1): the line is too long: request-key fails for every key")
                continue
            }
            guard let first = line.first, first != UInt8(ascii: "#"), !Self.isBlank(first) else { continue }
            let words = line.split(whereSeparator: Self.isBlank).map { String(decoding: $0, as: UTF8.self) }
            // It looks at a column only where those before it match.
            let isRead = zip(words.dropLast(), ["create", "dns_resolver"]).allSatisfy {
                Self.wildness(of: $0, matching: $1) != nil
            }
            if isRead, index == lines.count - 1 {
                problems.append("\(file): no newline at its end: request-key drops the last character")
            }
            guard words.count >= 5 else {
                if isRead {
                    problems.append(
                        "\(file):\(index + 1): a rule has five columns: request-key fails for keys like ours"
                    )
                }
                continue
            }
            rules.append(
                Rule(
                    file: file,
                    line: index + 1,
                    patterns: Array(words.prefix(4)),
                    command: words.dropFirst(4).joined(separator: " ")
                )
            )
        }
    }

    /// sizeof(buf) - 2, the newline among it.
    private static let lengthLimit = 4095

    /// isspace(3).
    private static func isBlank(_ byte: UInt8) -> Bool { byte == 0x20 || (9...13).contains(byte) }

    /// The rule whose asterisks stand for the least, column by column; of equals the first.
    func winner(
        operation: String = "create",
        type: String = "dns_resolver",
        _ description: String,
        callout: String = ""
    )
        -> Rule?
    {
        let subject = [operation, type, description, callout]
        var best: (rule: Rule, wildness: [Int])?
        for rule in rules {
            var wildness: [Int] = []
            for (pattern, text) in zip(rule.patterns, subject) {
                guard let wild = Self.wildness(of: pattern, matching: text) else { break }
                wildness.append(wild)
            }
            guard wildness.count == subject.count else { continue }
            if let best, !wildness.lexicographicallyPrecedes(best.wildness) { continue }
            best = (rule, wildness)
        }
        return best?.rule
    }

    /// How many characters the asterisk stands for; nil where the pattern does not match.
    ///
    /// Case counts.
    static func wildness(of pattern: String, matching text: String) -> Int? {
        let pattern = Array(pattern.utf8)
        let text = Array(text.utf8)
        guard let star = pattern.firstIndex(of: UInt8(ascii: "*")) else { return pattern == text ? 0 : nil }
        let tail = pattern[(star + 1)...]
        guard text.count >= pattern.count - 1, text.starts(with: pattern[..<star]), text.suffix(tail.count) == tail
        else { return nil }
        return text.count - (pattern.count - 1)
    }
}
