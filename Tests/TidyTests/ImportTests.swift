// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

import Testing

/// Which target may use which: the direction of docs/ARCHITECTURE.md, read from the sources themselves.
struct ImportTests {

    /// The modules a target may import.
    ///
    /// A target that is not here may not exist.
    private static let allowed: [String: Set<String>] = [
        "Kernel": ["CLinux", "Glibc"],
        "Samples": [],
        "ProcView": ["Samples"],
        "FuseWire": ["CLinux"],
        "OCISpec": [],
        "Resolver": [],
        "KeyDNS": ["Resolver"],
        "PodDNS": [],
        "Cgroups": ["Kernel", "Samples", "Synchronization"],
        "FuseServer": ["CLinux", "FuseWire", "Glibc", "Kernel", "Synchronization"],
        "ProcFS": ["Cgroups", "FuseServer", "FuseWire", "Kernel", "ProcView", "Samples", "Synchronization"],
        "NodeLink": ["Glibc", "Kernel"],
        "Keeper": ["FuseWire"],
        "Attachment": ["Kernel", "Samples"],
        "Upcall": ["KeyDNS", "Kernel", "Resolver"],
        "umwelt-keydns": ["CArguments", "Glibc", "KeyDNS", "Kernel", "Resolver", "Upcall"],
        "umweltd": [
            "Attachment", "Cgroups", "FuseServer", "FuseWire", "Glibc", "Keeper", "Kernel", "NodeLink", "ProcFS",
            "Samples", "Synchronization",
        ],
        "umwelt": [
            "ArgumentParser", "Attachment", "Cgroups", "FoundationEssentials", "Glibc", "KeyDNS", "Kernel", "NodeLink",
            "OCISpec", "ProcFS", "Resolver", "Samples", "Synchronization", "Upcall",
        ],
    ]

    /// The module of an import declaration; nil where the line is none.
    static func imported(_ code: String) -> String? {
        var words = code.split(separator: " ").map(String.init)[...]
        while let word = words.first, word != "import" {
            guard word.hasPrefix("@") || ["package", "public", "internal", "private", "fileprivate"].contains(word)
            else {
                return nil
            }
            words.removeFirst()
        }
        words.removeFirst(min(1, words.count))
        let kinds = ["struct", "class", "enum", "func", "protocol", "typealias", "let", "var"]
        if let kind = words.first, kinds.contains(kind) { words.removeFirst() }
        return words.first.map { String($0.split(separator: ".").first ?? "") }
    }

    @Test func importsGoInOneDirection() {
        var findings: [Finding] = []
        for file in SourceFile.below("Sources/", suffixes: [".swift"]) {
            guard let allowed = Self.allowed[file.target] else {
                findings.append(
                    Finding(path: file.path, remedy: "name the target \(file.target) in ImportTests.allowed")
                )
                continue
            }
            for (index, code) in file.code.enumerated() {
                guard let module = Self.imported(code), !allowed.contains(module) else { continue }
                let list = allowed.sorted().joined(separator: ", ")
                findings.append(
                    Finding(
                        path: file.path,
                        line: index + 1,
                        remedy:
                            "\(file.target) may not import \(module); it may import: \(list.isEmpty ? "nothing" : list)"
                    )
                )
            }
        }
        expectNone(findings)
    }

    @Test func theRootPackageHasOneDependency() throws {
        let file = try #require(SourceFile(path: "Package.swift"))
        let findings = file.lines.enumerated().compactMap { index, line -> Finding? in
            guard line.contains(".package("), !line.contains("/swift-argument-parser\"") else { return nil }
            return Finding(
                path: file.path,
                line: index + 1,
                remedy: "what needs a dependency goes into a nested package"
            )
        }
        expectNone(findings)
    }

    @Test func readsImportDeclarations() {
        #expect(Self.imported("package import Kernel") == "Kernel")
        #expect(Self.imported("@testable import struct Foundation.URL") == "Foundation")
        #expect(Self.imported("let imported = 1") == nil)
        #expect(Self.imported("") == nil)
    }
}
