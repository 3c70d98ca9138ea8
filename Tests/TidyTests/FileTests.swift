// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

import Testing

/// What holds for files as such.
struct FileTests {

    /// No comment can be written in these, or every byte of them counts.
    private static let withoutHeader = [
        "LICENSE", "Package.resolved", ".md", ".gitignore", ".swift-format", ".json", "/seeds/", "/Fixtures/", ".in",
        ".profraw",
        "/runs/",
    ]
    private static let sizeLimit = 1 << 20

    @Test func everyFileNamesItsLicense() {
        var findings: [Finding] = []
        for (path, _) in SourceFile.everything where !Self.withoutHeader.contains(where: { path.contains($0) }) {
            guard let file = SourceFile(path: path) else { continue }
            let head = file.lines.prefix(5).joined(separator: "\n")
            if head.contains("SPDX-License-Identifier: Apache-2.0"), head.contains("Copyright the Umwelt authors") {
                continue
            }
            let remedy =
                "begin with 'SPDX-License-Identifier: Apache-2.0' and 'Copyright the Umwelt authors', each in a comment"
            findings.append(Finding(path: path, line: 1, remedy: remedy))
        }
        expectNone(findings)
    }

    @Test func noFileIsLarge() {
        expectNone(
            SourceFile.everything.filter { $0.size > Self.sizeLimit }.map {
                Finding(
                    path: $0.path,
                    remedy: "\($0.size) bytes; what is larger than 1 MiB is made or fetched, not kept"
                )
            }
        )
    }

    /// Where somebody's checkout or home is says nothing to anybody else.
    @Test func noMachinesPaths() {
        let patterns: [Regex<Substring>] = [
            #//wor[k]/(?:main|shared)/#, #//home/(?!data/|kubernetes/)[a-z]+//#, #//Users/#, #//tmp/wt-/#,
        ]
        var findings: [Finding] = []
        for file in SourceFile.below() where !file.path.hasPrefix("Tests/TidyTests/") {
            for (index, line) in file.lines.enumerated() where patterns.contains(where: { line.contains($0) }) {
                let remedy = "a path of one machine: name it relative to the checkout, or by a variable"
                findings.append(Finding(path: file.path, line: index + 1, remedy: remedy))
            }
        }
        expectNone(findings)
    }

    @Test func sourcesAreASCII() {
        var findings: [Finding] = []
        for file in SourceFile.below("Sources/") {
            for (index, line) in file.lines.enumerated() where !line.utf8.allSatisfy({ $0 < 0x80 }) {
                findings.append(Finding(path: file.path, line: index + 1, remedy: "write it in ASCII, or as \\u{...}"))
            }
        }
        expectNone(findings)
    }

    @Test func noLineEndsInBlanks() {
        var findings: [Finding] = []
        let suffixes = [".swift", ".c", ".h", ".md", "Makefile", ".service"]
        for file in SourceFile.below(suffixes: suffixes) where !file.path.contains("/Fixtures/") {
            for (index, line) in file.lines.enumerated() where line.hasSuffix(" ") || line.hasSuffix("\t") {
                findings.append(Finding(path: file.path, line: index + 1, remedy: "remove the blanks at its end"))
            }
        }
        expectNone(findings)
    }

    /// A link to a file of the checkout leads to one.
    @Test func linksOfDocumentsLeadSomewhere() {
        var findings: [Finding] = []
        for file in SourceFile.below(suffixes: [".md"]) {
            let directory = file.path.split(separator: "/").dropLast()
            for (index, line) in file.lines.enumerated() {
                for match in line.matches(of: /\]\(([^)#:\s]+)\)/) {
                    var parts = directory
                    for part in match.output.1.split(separator: "/") {
                        if part == ".." { parts = parts.dropLast() } else if part != "." { parts.append(part) }
                    }
                    let target = parts.joined(separator: "/")
                    if SourceFile.everything.contains(where: { $0.path == target || $0.path.hasPrefix(target + "/") }) {
                        continue
                    }
                    findings.append(Finding(path: file.path, line: index + 1, remedy: "there is no \(target)"))
                }
            }
        }
        expectNone(findings)
    }
}
