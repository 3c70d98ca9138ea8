// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

import Testing
import umwelt_pod

struct LogTextTests {
    /// What is written to standard output and to standard error, whatever the pieces are in which the log is read.
    private func written(_ log: String, by size: Int) -> [String] {
        var reader = LogText()
        var texts: [[UInt8]] = [[], []]
        let bytes = Array(log.utf8)
        for start in stride(from: 0, to: bytes.count, by: size) {
            for piece in reader.feed(bytes[start..<min(start + size, bytes.count)]) {
                texts[piece.isError ? 1 : 0] += piece.text
            }
        }
        for piece in reader.end() { texts[piece.isError ? 1 : 0] += piece.text }
        return texts.map { String(decoding: $0, as: UTF8.self) }
    }

    @Test(arguments: [
        ("t stdout F a b  c\n", "a b  c\n", ""), ("t stdout F a\nt stderr F b\nt stdout F c\n", "a\nc\n", "b\n"),
        ("t stdout P a\nt stderr F x\nt stdout P b\nt stdout F c\n", "abc\n", "x\n"), ("t stdout F \n", "\n", ""),
        ("t stdout P:x a\nt stdout F:x b\n", "ab\n", ""), ("t stdout F a", "a\n", ""), ("t stdout P a", "a", ""),
        ("t stdout F ", "\n", ""), ("t stdout F", "", ""), ("no log\n\nt stdout F a\n", "a\n", ""), ("", "", ""),
    ])
    func linesAreJoined(log: String, output: String, errors: String) {
        for size in 1...max(log.utf8.count, 1) { #expect(written(log, by: size) == [output, errors], "\(size)") }
    }

    /// A line's text is handed on before its end is there, and what is no line of a log's is not kept.
    @Test func nothingIsKept() {
        var reader = LogText()
        let piece = ArraySlice(repeatElement(UInt8(ascii: "x"), count: 1 << 16))
        _ = reader.feed(ArraySlice("t stdout F ".utf8))
        for _ in 0..<8 { #expect(reader.feed(piece).first?.text.count == piece.count) }
        #expect(reader.feed(ArraySlice("\nt ".utf8)).first?.text == Array("\n".utf8))
        for _ in 0..<8 { #expect(reader.feed(piece).isEmpty) }
        #expect(reader.feed(ArraySlice("stdout F a\nt stdout F b\n".utf8)).first?.text == Array("b\n".utf8))
    }
}
