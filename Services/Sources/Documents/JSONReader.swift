// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

/// A parser of JSON (RFC 8259): bounded in depth, and it never traps.
struct JSONReader {
    private static let depthLimit = 200
    private let bytes: [UInt8]
    private var position = 0

    init(_ bytes: [UInt8]) { self.bytes = bytes }

    mutating func document() throws(DocumentError) -> Value {
        let result = try value(depth: 0)
        skipSpace()
        guard position == bytes.count else { throw failure("there is more after the end of the document") }
        return result
    }

    /// The values of a stream: one after the other, with or without a line's end between them.
    mutating func stream() throws(DocumentError) -> [Value] {
        var result: [Value] = []
        skipSpace()
        while position < bytes.count {
            result.append(try value(depth: 0))
            skipSpace()
        }
        return result
    }

    private func failure(_ text: String) -> DocumentError {
        let line = bytes.prefix(position).reduce(1) { $1 == UInt8(ascii: "\n") ? $0 + 1 : $0 }
        return DocumentError("line \(line): \(text)")
    }

    private var peek: UInt8? { position < bytes.count ? bytes[position] : nil }

    private mutating func skipSpace() {
        while let byte = peek, byte == 0x20 || (0x09...0x0a).contains(byte) || byte == 0x0d { position += 1 }
    }

    private mutating func take(_ literal: StaticString) -> Bool {
        let text = Array(literal.description.utf8)
        guard bytes[position...].starts(with: text) else { return false }
        position += text.count
        return true
    }

    private mutating func value(depth: Int) throws(DocumentError) -> Value {
        guard depth < Self.depthLimit else { throw failure("nested too deeply") }
        skipSpace()
        switch peek {
        case UInt8(ascii: "{"): return try object(depth: depth)
        case UInt8(ascii: "["): return try array(depth: depth)
        case UInt8(ascii: "\""): return .string(try string())
        case UInt8(ascii: "-"), (UInt8(ascii: "0")...UInt8(ascii: "9"))?: return try number()
        case nil: throw failure("the document ends too early")
        default:
            if take("true") { return .bool(true) }
            if take("false") { return .bool(false) }
            if take("null") { return .null }
            throw failure("this is no JSON")
        }
    }

    private mutating func object(depth: Int) throws(DocumentError) -> Value {
        position += 1
        var members: [Value.Member] = []
        skipSpace()
        if peek == UInt8(ascii: "}") {
            position += 1
            return .object(members)
        }
        while true {
            skipSpace()
            guard peek == UInt8(ascii: "\"") else { throw failure("a key in quotes is missing") }
            let key = try string()
            skipSpace()
            guard peek == UInt8(ascii: ":") else { throw failure("a colon is missing after \"\(key)\"") }
            position += 1
            members.append(Value.Member(key, try value(depth: depth + 1)))
            guard try another(UInt8(ascii: "}")) else { return .object(members) }
        }
    }

    private mutating func array(depth: Int) throws(DocumentError) -> Value {
        position += 1
        var elements: [Value] = []
        skipSpace()
        if peek == UInt8(ascii: "]") {
            position += 1
            return .array(elements)
        }
        while true {
            elements.append(try value(depth: depth + 1))
            guard try another(UInt8(ascii: "]")) else { return .array(elements) }
        }
    }

    /// Whether a comma stands here, and not `end`; steps over either.
    private mutating func another(_ end: UInt8) throws(DocumentError) -> Bool {
        skipSpace()
        guard let byte = peek, byte == end || byte == UInt8(ascii: ",") else {
            throw failure("a comma is missing, or the end of a list or object")
        }
        position += 1
        return byte != end
    }

    private mutating func number() throws(DocumentError) -> Value {
        let start = position
        var isWhole = true
        while let byte = peek {
            switch byte {
            case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"): break
            case UInt8(ascii: "+"), UInt8(ascii: "."), UInt8(ascii: "e"), UInt8(ascii: "E"): isWhole = false
            default:
                return try number(String(decoding: bytes[start..<position], as: UTF8.self), isWhole)
            }
            position += 1
        }
        return try number(String(decoding: bytes[start..<position], as: UTF8.self), isWhole)
    }

    private func number(_ text: String, _ isWhole: Bool) throws(DocumentError) -> Value {
        if isWhole, let value = Int(text) { return .int(value) }
        guard let value = Double(text) else { throw failure("\(text) is no number") }
        return .double(value)
    }

    private mutating func string() throws(DocumentError) -> String {
        position += 1
        var text: [UInt8] = []
        while let byte = peek {
            position += 1
            switch byte {
            case UInt8(ascii: "\""):
                guard let result = String(validating: text, as: UTF8.self) else { throw failure("this is not UTF-8") }
                return result
            case UInt8(ascii: "\\"): try escape(into: &text)
            case 0..<0x20: throw failure("a control character in a string")
            default: text.append(byte)
            }
        }
        throw failure("a string without an end")
    }

    private mutating func escape(into text: inout [UInt8]) throws(DocumentError) {
        guard let byte = peek else { throw failure("a string without an end") }
        position += 1
        switch byte {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): text.append(byte)
        case UInt8(ascii: "b"): text.append(8)
        case UInt8(ascii: "f"): text.append(12)
        case UInt8(ascii: "n"): text.append(10)
        case UInt8(ascii: "r"): text.append(13)
        case UInt8(ascii: "t"): text.append(9)
        case UInt8(ascii: "u"):
            var scalar = try hex()
            if (0xd800..<0xdc00).contains(scalar), take("\\u") {
                let low = try hex()
                scalar = (0xdc00..<0xe000).contains(low) ? 0x10000 + (scalar - 0xd800) << 10 + (low - 0xdc00) : 0xfffd
            }
            text.append(contentsOf: Array(String(Character(Unicode.Scalar(scalar) ?? "\u{fffd}")).utf8))
        default: throw failure("an escape that JSON does not have")
        }
    }

    private mutating func hex() throws(DocumentError) -> UInt32 {
        guard position + 4 <= bytes.count,
            let value = UInt32(String(decoding: bytes[position..<position + 4], as: UTF8.self), radix: 16)
        else { throw failure("\\u without four hexadecimal digits") }
        position += 4
        return value
    }
}
