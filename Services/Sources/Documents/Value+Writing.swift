// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

extension Value {
    /// The value as JSON, with a line for each element and two spaces a level; no newline at its end.
    package var jsonText: String {
        var text = ""
        write(to: &text, indent: 0, isPretty: true)
        return text
    }

    /// The value as JSON on one line.
    package var compactJSON: String {
        var text = ""
        write(to: &text, indent: 0, isPretty: false)
        return text
    }

    /// The value as YAML, ending in a newline.
    package var yamlText: String {
        var text = ""
        writeYAML(to: &text, indent: 0, isInline: false)
        return text.hasSuffix("\n") ? text : text + "\n"
    }

    private func write(to text: inout String, indent: Int, isPretty: Bool) {
        func line(_ level: Int) {
            if isPretty { text += "\n" + String(repeating: "  ", count: level) }
        }
        switch self {
        case .null: text += "null"
        case .bool(let value): text += value ? "true" : "false"
        case .int(let value): text += String(value)
        case .double(let value): text += value.isFinite ? "\(value)" : "null"
        case .string(let value): Self.quote(value, into: &text)
        case .array(let elements):
            guard !elements.isEmpty else { return text += "[]" }
            text += "["
            for (index, element) in elements.enumerated() {
                if index > 0 { text += "," }
                line(indent + 1)
                element.write(to: &text, indent: indent + 1, isPretty: isPretty)
            }
            line(indent)
            text += "]"
        case .object(let members):
            guard !members.isEmpty else { return text += "{}" }
            text += "{"
            for (index, member) in members.enumerated() {
                if index > 0 { text += "," }
                line(indent + 1)
                Self.quote(member.key, into: &text)
                text += isPretty ? ": " : ":"
                member.value.write(to: &text, indent: indent + 1, isPretty: isPretty)
            }
            line(indent)
            text += "}"
        }
    }

    /// A string of JSON, which is one of YAML too.
    private static func quote(_ value: String, into text: inout String) {
        text += "\""
        for scalar in value.unicodeScalars {
            switch scalar {
            case "\"": text += "\\\""
            case "\\": text += "\\\\"
            case "\n": text += "\\n"
            case "\r": text += "\\r"
            case "\t": text += "\\t"
            case _ where scalar.value < 0x20 || (0x7f..<0xa0).contains(scalar.value):
                let digits = String(scalar.value, radix: 16)
                text += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
            default: text.unicodeScalars.append(scalar)
            }
        }
        text += "\""
    }

    private func writeYAML(to text: inout String, indent: Int, isInline: Bool) {
        let pad = String(repeating: "  ", count: indent)
        switch self {
        case .array(let elements) where !elements.isEmpty:
            if isInline { text += "\n" }
            for element in elements {
                text += pad + "-"
                element.writeElement(to: &text, indent: indent)
            }
        case .object(let members) where !members.isEmpty:
            if isInline { text += "\n" }
            for member in members {
                text += pad
                text += Self.plain(member.key) ?? Self.quoted(member.key)
                text += ":"
                member.value.writeYAML(to: &text, indent: indent + 1, isInline: true)
            }
        case .string(let value):
            text += isInline ? " " : ""
            text += Self.plain(value) ?? Self.quoted(value)
            text += "\n"
        default: text += (isInline ? " " : "") + compactJSON + "\n"
        }
    }

    /// An element of a list: an object begins on the line of its dash.
    private func writeElement(to text: inout String, indent: Int) {
        guard case .object(let members) = self, !members.isEmpty else {
            return writeYAML(to: &text, indent: indent + 1, isInline: true)
        }
        var body = ""
        writeYAML(to: &body, indent: indent + 1, isInline: false)
        text += " " + body.drop { $0 == " " }
    }

    private static func quoted(_ value: String) -> String {
        var text = ""
        quote(value, into: &text)
        return text
    }

    /// The string without quotes where every reader of YAML takes it for the same string.
    private static func plain(_ value: String) -> String? {
        guard let first = value.utf8.first,
            UInt8(ascii: "a")...UInt8(ascii: "z") ~= first || UInt8(ascii: "A")...UInt8(ascii: "Z") ~= first
                || first == UInt8(ascii: "/")
        else { return nil }
        let isSafe = value.utf8.allSatisfy { byte in
            UInt8(ascii: "a")...UInt8(ascii: "z") ~= byte || UInt8(ascii: "A")...UInt8(ascii: "Z") ~= byte
                || UInt8(ascii: "0")...UInt8(ascii: "9") ~= byte || "-_./".utf8.contains(byte)
        }
        let words = ["y", "n", "yes", "no", "on", "off", "true", "false", "null"]
        return isSafe && !words.contains(value.lowercased()) ? value : nil
    }
}
