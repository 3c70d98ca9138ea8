// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

import Documents
import Testing

struct ValueTests {
    private func documents(_ text: String) throws -> [Value] { try Value.documents(Array(text.utf8)) }

    @Test func yamlAndJSONGiveTheSame() throws {
        let yaml = "a: 1\nb: [x, \"2\", true, null, 1.5]\nc: {d: no}\n"
        let json = #"{"a": 1, "b": ["x", "2", true, null, 1.5], "c": {"d": false}}"#
        #expect(try documents(yaml) == documents(json))
        #expect(try documents("\t\n " + json) == documents(json))
    }

    @Test func severalDocumentsAndEmptyOnes() throws {
        #expect(try documents("a: 1\n---\n---\n# nothing\n---\nb: 2\n").count == 2)
        #expect(try documents("") == [])
        #expect(try documents("{\"a\":1}\n{\"b\":2}\n").count == 2)
        #expect(try documents("{a: b}") == [.object(["a": .string("b")])])
    }

    @Test func jsonEscapes() throws {
        #expect(
            try documents(#"{"a": "\u00e9\ud83d\ude00\n\/\ud800x"}"#)[0]["a"] == .string("\u{e9}\u{1f600}\n/\u{fffd}x")
        )
    }

    @Test func aliasesAreFollowedAndBounded() throws {
        #expect(try documents("a: &x {b: 1}\nc: *x\n")[0]["c"]?["b"] == .int(1))
        #expect(try documents("a: &x {b: 1, d: 1}\nc: {<<: *x, d: 2}\n")[0]["c"]?["d"] == .int(2))
        var bomb = "a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n"
        for level in 1...9 {
            let list = Array(repeating: "*a\(level - 1)", count: 10).joined(separator: ",")
            bomb += "a\(level): &a\(level) [\(list)]\n"
        }
        #expect(throws: DocumentError.self) { try documents(bomb) }
    }

    /// Keys are compared with all that is in them, so that one which stands for too much would be compared for ever.
    @Test(.timeLimit(.minutes(1)), arguments: ["*a26 : v", "? *a26\n: v", "? [*a26]\n: v", "? {k: *a26}\n: v"])
    func aKeyIsAScalar(key: String) throws {
        var bomb = "a0: &a0 [x, x]\n"
        for level in 1...26 { bomb += "a\(level): &a\(level) [*a\(level - 1), *a\(level - 1)]\n" }
        #expect(throws: DocumentError.self) { try documents(bomb + key + "\n") }
        #expect(throws: DocumentError("line 2: a key that is no scalar")) {
            try documents("a: &a26 [x]\n" + key + "\n")
        }
        #expect(try documents("a: &a k\n*a : v\n")[0]["k"] == .string("v"))
    }

    /// Aliases nest too, and what is nested is freed one within the other.
    @Test func aliasesAreNotNestedWithoutEnd() {
        var text = "- &a0 x\n"
        for level in 1...100_000 { text += "- &a\(level) [*a\(level - 1)]\n" }
        #expect(throws: DocumentError("line 101: nested too deeply")) { try documents(text) }
    }

    /// Only what aliases expand to is counted.
    @Test func aLargeListIsRead() throws {
        let text = "items:\n" + String(repeating: "- {a: [x, y, z]}\n", count: 40_000)
        #expect(try documents(text)[0]["items"]?.array?.count == 40_000)
    }

    /// As kubectl has it.
    @Test func oneLetterMayBeATruthValue() throws {
        let values = try documents("[y, Y, n, N, \"y\", 'n', yy]\n")[0].array
        let words: [Value] = [.string("y"), .string("n"), .string("yy")]
        #expect(values == [.bool(true), .bool(true), .bool(false), .bool(false)] + words)
    }

    /// Base 60 is YAML 1.1's, and not kubectl's.
    @Test(arguments: ["12:30", "22:22:22", "1:2:3.5", "-1:30"])
    func whatHasAColonIsNoNumber(text: String) throws {
        #expect(try documents("a: \(text)\n")[0]["a"] == .string(text))
    }

    @Test func binaryIsDecoded() throws {
        let value = try documents("a: !!binary aGk=\nb: !!binary |\n  aG\n  k=\nc: !!binary /w==\n")[0]
        #expect(["a", "b", "c"].map { value[$0] } == [.string("hi"), .string("hi"), .string("\u{fffd}")])
        let error = DocumentError("line 2: !!binary that is not base64")
        #expect(throws: error) { try documents("x: 1\na: !!binary h:i\n") }
    }

    @Test func mergedListsAreTakenApart() throws {
        let merged = try documents("x: &x {a: 1, b: 1}\ny: &y {b: 2, c: 2}\nz: {<<: [*x, *y], d: 3}\n")[0]["z"]
        #expect(["a", "b", "c", "d"].map { merged?[$0] } == [.int(1), .int(1), .int(2), .int(3)])
        #expect(merged?["<<"] == nil)
        #expect(throws: DocumentError.self) { try documents("a: {<<: 5}\n") }
        #expect(throws: DocumentError.self) { try documents("a: {<<: [{b: 1}, c]}\n") }
    }

    @Test(arguments: ["{", "[1", "a: [", "{\"a\": 1} x", "{\"a\": \"\u{1}\"}", "{\"a\": \"\\q\"}", "[1, 2"])
    func brokenTextsAreErrors(text: String) {
        #expect(throws: DocumentError.self) { try documents(text) }
    }

    @Test func depthIsBounded() {
        let deep = String(repeating: "[", count: 100_000)
        #expect(throws: DocumentError.self) { try documents("{\"a\":" + deep) }
    }

    @Test func whatIsWrittenIsReadTheSame() throws {
        let value: Value = .object([
            "plain": .string("a-b/c.d"), "empty": .string(""), "no": .string("no"), "one letter": .string("y"),
            "number": .string("5"),
            "n": .int(-5),
            "list": .array([.object(["x": .null, "y": .array([])]), .array([.bool(true)]), .string("a: b\n\"\\#")]),
            "object": .object(["k y": .object([]), "nested": .object(["z": .double(1.5)])]),
            "control": .string("\u{7f}\u{85}\u{1}\t \u{e9}"), "date": .string("2020-01-01"), "tilde": .string("~"),
        ])
        #expect(try documents(value.jsonText) == [value])
        #expect(try documents(value.compactJSON) == [value])
        #expect(try documents(value.yamlText) == [value])
    }
}
