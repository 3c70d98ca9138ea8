// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

import Testing

/// What can end the process, or go round the compiler's checks.
struct SafetyTests {

    /// How many lines above an unsafe expression its SAFETY line may be.
    private static let reach = 10

    private static var unsafeMark: Regex<Substring> { /\bunsafe\b|nonisolated\(unsafe\)|@unchecked\b/ }
    private static var declaration: Regex<Substring> {
        /^\s*(?:(?:package|public|private|fileprivate|static|mutating|override|consuming|borrowing) )*(?:func|init|deinit|subscript)\b/
    }

    /// A group of unsafe lines shares one `// SAFETY:` line: within `reach` lines above its first, in the same function.
    static func lacksReason(_ file: SourceFile) -> [Finding] {
        var findings: [Finding] = []
        let code = file.code
        var lastCovered = Int.min
        for (index, line) in code.enumerated() where line.contains(unsafeMark) {
            var isCovered =
                lastCovered >= index - reach && !code[max(lastCovered + 1, 0)...index].contains(where: isStart)
            var above = index
            while !isCovered, above >= 0, above >= index - reach {
                isCovered = file.lines[above].contains("// SAFETY:")
                // One above the declaration's own comment speaks for the whole of a short function.
                if above < index, isStart(code[above]), !isCommented(above - 1, file) { break }
                above -= 1
            }
            if isCovered {
                lastCovered = index
            } else {
                let remedy = "say why this is sound in a line '// SAFETY: ...' above it, in the same function"
                findings.append(Finding(path: file.path, line: index + 1, remedy: remedy))
            }
        }
        return findings
    }

    private static func isStart(_ code: String) -> Bool { code.contains(declaration) }

    private static func isCommented(_ index: Int, _ file: SourceFile) -> Bool {
        index >= 0 && file.lines[index].drop { $0 == " " }.hasPrefix("//")
    }

    @Test func everyUnsafeGroupHasItsReason() {
        expectNone(SourceFile.below("Sources/", suffixes: [".swift"]).flatMap(Self.lacksReason))
    }

    @Test func nothingIsForced() {
        let rules: [(pattern: Regex<Substring>, remedy: String)] = [
            (/\btry!/, "catch the error, or hand it on"),
            (/\bas!/, "use as? and say what happens otherwise"),
            (/[A-Za-z0-9_\)\]\}`]!(?=[^=]|$)/, "unwrap with guard or if: one trap breaks every container's /proc"),
            (/\bfatalError\s*\(/, "return an error; precondition is for bugs of our own"),
            (/\bunsafeBitCast\s*\(/, "decode bytes with WireReader or a shim in CLinux"),
        ]
        var findings: [Finding] = []
        for file in SourceFile.below("Sources/", suffixes: [".swift"]) {
            for (index, line) in file.code.enumerated() {
                for rule in rules where line.contains(rule.pattern) {
                    findings.append(Finding(path: file.path, line: index + 1, remedy: rule.remedy))
                }
            }
        }
        expectNone(findings)
    }

    @Test func theRulesFindWhatTheyAreFor() {
        let text = """
            func f() {
                // SAFETY: within bounds.
                let a = unsafe p.load()
                let b = unsafe q.load()
            }

            func g() {
                let c = unsafe p.load() // unsafe
            }

            // SAFETY: a lock guards it.
            final class Box: @unchecked Sendable {}
            let words = "unsafe"
            """
        #expect(Self.lacksReason(SourceFile(path: "a.swift", text: text)).map(\.line) == [8])
    }
}
