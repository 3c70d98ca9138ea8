// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

/// What a container wrote, from its CRI log of lines `TIME stdout|stderr F|P TEXT`: a state machine without I/O.
///
/// Text is handed on as it comes, so that no line, however long, is kept. What is no such line is left out.
package struct LogText {
    private enum State {
        case head
        case text(isError: Bool, isPartial: Bool)
        /// In a line that is none of a log's.
        case other
    }

    private var state = State.head
    /// What there is of a line before its text.
    private var head: [UInt8] = []
    /// A runtime's has 44 bytes at most.
    private static let headLimit = 256
    private static let newline = UInt8(ascii: "\n")
    private static let space = UInt8(ascii: " ")

    package init() {}

    /// Takes what was read; what of it was written, by where it was written to.
    package mutating func feed(_ bytes: ArraySlice<UInt8>) -> [(isError: Bool, text: [UInt8])] {
        var result: [(isError: Bool, text: [UInt8])] = []
        var rest = bytes
        while let first = rest.first {
            switch state {
            case .head:
                rest.removeFirst()
                readHead(first)
            case .text(let isError, let isPartial):
                let end = rest.firstIndex(of: Self.newline)
                // The line's end is the text's, unless that goes on in the next line.
                Self.add(rest[..<(end.map { isPartial ? $0 : $0 + 1 } ?? rest.endIndex)], isError, &result)
                skip(&rest, to: end)
            case .other: skip(&rest, to: rest.firstIndex(of: Self.newline))
            }
        }
        return result
    }

    /// The log's end: a last line may lack its own.
    package mutating func end() -> [(isError: Bool, text: [UInt8])] {
        defer { (state, head) = (.head, []) }
        guard case .text(let isError, isPartial: false) = state else { return [] }
        return [(isError, [Self.newline])]
    }

    private mutating func readHead(_ byte: UInt8) {
        guard byte != Self.newline else { return head = [] }
        head.append(byte)
        let words = byte == Self.space ? head.split(separator: Self.space, omittingEmptySubsequences: false) : []
        if words.count == 4 {
            state = .text(
                isError: words[1].elementsEqual("stderr".utf8),
                isPartial: words[2].first == UInt8(ascii: "P")
            )
        } else if head.count >= Self.headLimit {
            state = .other
        }
    }

    /// Goes on after the line's end, where that is there.
    private mutating func skip(_ rest: inout ArraySlice<UInt8>, to end: Int?) {
        guard let end else { return rest = [] }
        rest = rest[(end + 1)...]
        (state, head) = (.head, [])
    }

    private static func add(
        _ text: ArraySlice<UInt8>,
        _ isError: Bool,
        _ result: inout [(isError: Bool, text: [UInt8])]
    ) {
        guard !text.isEmpty else { return }
        guard let last = result.indices.last, result[last].isError == isError else {
            return result.append((isError, Array(text)))
        }
        result[last].text += text
    }
}
