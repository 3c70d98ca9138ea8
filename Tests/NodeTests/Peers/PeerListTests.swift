// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

import Kernel
import Testing

/// The list of differences from LXCFS is the one in docs/FILES.md.
struct PeerListTests {
    /// nil where the checkout is not here (in the virtual machine).
    private static let reference: String? = {
        let root = #filePath.split(separator: "/").dropLast(4).joined(separator: "/")
        return (try? Fd.contents(of: Path("/\(root)/docs/FILES.md"), limit: 1 << 20))
            .map { String(decoding: $0, as: UTF8.self) }
    }()

    @Test(.enabled(if: reference != nil, "no checkout here"))
    func theListIsTheOneInTheReference() throws {
        // Rows of the table: | `name` | `file field`, `file` | layouts | reason |
        var told: Set<String> = []
        for line in (Self.reference ?? "").split(separator: "\n") where line.hasPrefix("| `") {
            let cells = line.split(separator: "|").map { $0.drop { $0 == " " } }
            guard cells.count == 4, let name = cells[0].split(separator: "`").first else { continue }
            let pieces = cells[1].split(separator: "`", omittingEmptySubsequences: false).enumerated()
            told.formUnion(pieces.filter { $0.offset % 2 == 1 }.map { "\(name): \($0.element)" })
        }
        var listed: Set<String> = []
        for divergence in PeerTable.divergences {
            let file = divergence.file.split(separator: "/").last ?? ""
            if divergence.fields == ["content"] || divergence.fields == ["*"] {
                listed.insert("\(divergence.name): \(file)")
            } else {
                listed.formUnion(divergence.fields.map { "\(divergence.name): \(file) \($0)" })
            }
        }
        #expect(told.subtracting(listed).sorted() == [], "in docs/FILES.md alone")
        #expect(listed.subtracting(told).sorted() == [], "in PeerTable.divergences alone")
        #expect(!listed.isEmpty)
    }

    @Test(arguments: [
        ("cpu0.user", "cpu*.user", true), ("cpu.user", "cpu*.user", true), ("cpu0.nice", "cpu*.user", false),
        ("DirectMap4k", "DirectMap*", true), ("MemFree", "MemFre", false), ("", "*", true), ("x", "", false),
    ])
    func patterns(_ name: String, _ pattern: String, _ matches: Bool) {
        #expect(PeerPattern.matches(name, pattern) == matches)
    }
}
