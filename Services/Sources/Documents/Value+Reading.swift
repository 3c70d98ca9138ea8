// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

internal import Yams

extension Value {
    /// The largest text that is read as a document, in bytes: more than the API server takes (3 MiB).
    package static let sizeLimit = 8 << 20

    /// The one document of a JSON text.
    package static func json(_ bytes: [UInt8]) throws(DocumentError) -> Value {
        var reader = JSONReader(bytes)
        return try reader.document()
    }

    /// The values of a JSON stream, such as newline-delimited JSON.
    package static func jsonStream(_ bytes: [UInt8]) throws(DocumentError) -> [Value] {
        var reader = JSONReader(bytes)
        return try reader.stream()
    }

    /// The documents of a text in YAML or JSON; empty ones are left out.
    ///
    /// JSON is told by its first byte, as kubectl does. Aliases and anchors are followed, and what they expand to is
    /// bounded (`YAMLBounds`).
    package static func documents(_ bytes: [UInt8]) throws(DocumentError) -> [Value] {
        guard bytes.count <= sizeLimit else { throw DocumentError("it is larger than \(sizeLimit >> 20) MiB") }
        let space: [UInt8] = [0x20, 0x09, 0x0a, 0x0d]
        let bytes = bytes.starts(with: [0xef, 0xbb, 0xbf]) ? Array(bytes.dropFirst(3)) : bytes
        if bytes.first(where: { !space.contains($0) }) == UInt8(ascii: "{") {
            do { return try jsonStream(bytes) } catch {
                // A flow mapping of YAML begins in the same way.
                if let result = try? yaml(bytes) { return result }
                throw error
            }
        }
        return try yaml(bytes)
    }

    private static func yaml(_ bytes: [UInt8]) throws(DocumentError) -> [Value] {
        guard let text = String(validating: bytes, as: UTF8.self) else { throw DocumentError("it is not UTF-8") }
        try YAMLBounds.check(bytes)
        var result: [Value] = []
        do {
            let parser = try Parser(yaml: text)
            while let node = try parser.nextRoot() {
                let value = try convert(node)
                if value != .null { result.append(value) }
            }
        } catch let error as DocumentError {
            throw error
        } catch let error as YamlError {
            throw DocumentError(describe(error))
        } catch {
            throw DocumentError("\(error)")
        }
        return result
    }

    private static func describe(_ error: YamlError) -> String {
        switch error {
        case .scanner(_, let problem, let mark, _), .parser(_, let problem, let mark, _),
            .composer(_, let problem, let mark, _):
            "line \(mark.line), column \(mark.column): \(problem)"
        case .reader(let problem, _, _, _): problem
        case .duplicatedKeysInMapping(let keys, _): "a key comes twice: \(keys.map { "\($0)" }.joined(separator: ", "))"
        default: "\(error)"
        }
    }

    private static func convert(_ node: Node) throws(DocumentError) -> Value {
        switch node {
        case .scalar(let scalar): return try value(of: scalar, node)
        case .sequence(let sequence):
            var elements: [Value] = []
            for element in sequence { elements.append(try convert(element)) }
            return .array(elements)
        case .mapping(let mapping):
            var members: [Member] = []
            var merged: [[Member]] = []
            for (key, value) in mapping {
                guard case .scalar(let name) = key else {
                    throw DocumentError("line \(key.mark?.line ?? 0): a key that is no scalar")
                }
                let converted = try convert(value)
                // The merge key of YAML 1.1: what is named here comes before what is merged.
                guard key.tag == Tag(.merge) else {
                    members.append(Member(name.string, converted))
                    continue
                }
                for other in converted.array ?? [converted] {
                    guard case .object(let others) = other else {
                        throw DocumentError("line \(key.mark?.line ?? 0): << merges \(other.kind), not an object")
                    }
                    merged.append(others)
                }
            }
            // Of a list, the first that has a key counts.
            return .object(merged.reversed().flatMap(\.self) + members)
        case .alias: throw DocumentError("an alias to nothing")
        }
    }

    private static func value(of scalar: Node.Scalar, _ node: Node) throws(DocumentError) -> Value {
        switch node.tag {
        case Tag(.binary):
            guard let bytes = Base64.decode(scalar.string) else {
                throw DocumentError("line \(scalar.mark?.line ?? 0): !!binary that is not base64")
            }
            return .string(String(decoding: bytes, as: UTF8.self))
        // YAML 1.1 has numbers of base 60, 12:30 among them; kubectl does not.
        case _ where scalar.string.contains(":"): return .string(scalar.string)
        case Tag(.null): return .null
        case Tag(.bool): return node.bool.map { .bool($0) } ?? .string(scalar.string)
        case Tag(.int):
            if let value = node.int { return .int(value) }
            return Double(scalar.string).map { .double($0) } ?? .string(scalar.string)
        case Tag(.float): return node.float.map { .double($0) } ?? .string(scalar.string)
        // To kubectl these are truth values too.
        case _ where scalar.style == .plain && ["y", "Y"].contains(scalar.string): return .bool(true)
        case _ where scalar.style == .plain && ["n", "N"].contains(scalar.string): return .bool(false)
        default: return .string(scalar.string)
        }
    }
}
