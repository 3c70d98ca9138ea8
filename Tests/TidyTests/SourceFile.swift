// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

import Foundation

/// A text file of the checkout, line by line.
struct SourceFile {
    /// Relative to the checkout's root.
    let path: String
    let lines: [String]

    /// The checkout these tests were compiled in.
    static let root = URL(fileURLWithPath: #filePath)
        .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()

    /// What is not of this project, or made from it.
    private static let skippedDirectories: Set = [".build", ".git", ".swiftpm"]

    /// Every file of the checkout with its size, in the order of the names.
    static let everything: [(path: String, size: Int)] = {
        var result: [(path: String, size: Int)] = []
        let keys: [URLResourceKey] = [.isDirectoryKey, .isRegularFileKey, .fileSizeKey]
        let walk = FileManager.default.enumerator(at: root, includingPropertiesForKeys: keys)
        while let url = walk?.nextObject() as? URL {
            guard let values = try? url.resourceValues(forKeys: Set(keys)) else { continue }
            if values.isDirectory == true {
                if skippedDirectories.contains(url.lastPathComponent) { walk?.skipDescendants() }
            } else if values.isRegularFile == true, url.lastPathComponent != ".git" {
                result.append((String(url.path.dropFirst(root.path.count + 1)), values.fileSize ?? 0))
            }
        }
        return result.sorted { $0.path < $1.path }
    }()

    /// The text files below `directory` (or all) whose name ends so.
    static func below(_ directory: String = "", suffixes: [String] = [""]) -> [SourceFile] {
        everything.filter { file in
            file.path.hasPrefix(directory) && suffixes.contains { file.path.hasSuffix($0) }
        }.compactMap { SourceFile(path: $0.path) }
    }

    /// nil where it is not UTF-8.
    init?(path: String) {
        guard let data = try? Data(contentsOf: Self.root.appendingPathComponent(path)),
            let text = String(data: data, encoding: .utf8)
        else { return nil }
        self.init(path: path, text: text)
    }

    init(path: String, text: String) {
        self.path = path
        lines = text.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
    }

    /// The second component: `Kernel` of `Sources/Kernel/Fd.swift`.
    var target: String { path.split(separator: "/").dropFirst().first.map(String.init) ?? "" }

    /// The lines of Swift without comments and without what is in string literals, so that words in them do not count.
    var code: [String] {
        var inLongString = false
        return lines.map { line in
            var result = ""
            var inString = false
            var rest = Substring(line)
            while let character = rest.first {
                if rest.hasPrefix("\"\"\"") {
                    inLongString.toggle()
                    rest.removeFirst(3)
                } else if inLongString {
                    rest.removeFirst()
                } else if inString, character == "\\" {
                    rest.removeFirst(min(2, rest.count))
                } else if character == "\"" {
                    inString.toggle()
                    rest.removeFirst()
                } else if inString {
                    rest.removeFirst()
                } else if rest.hasPrefix("//") {
                    break
                } else {
                    result.append(character)
                    rest.removeFirst()
                }
            }
            return result
        }
    }
}
