// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

/// A value of a YAML or JSON document; what both have in common.
///
/// An object keeps the order of its keys.
package indirect enum Value: Equatable, Sendable {
    case null
    case bool(Bool)
    case int(Int)
    case double(Double)
    case string(String)
    case array([Value])
    case object([Member])

    /// One key of an object with its value.
    package struct Member: Equatable, Sendable {
        package var key: String
        package var value: Value

        /// A key with its value.
        package init(_ key: String, _ value: Value) {
            self.key = key
            self.value = value
        }
    }

    /// An object of these members.
    package static func object(_ members: KeyValuePairs<String, Value>) -> Value {
        .object(members.map { Member($0.key, $0.value) })
    }

    /// The strings, as an array.
    package static func strings(_ strings: some Sequence<String>) -> Value { .array(strings.map { .string($0) }) }

    /// The value of `key`; nil where this is no object or lacks it.
    package subscript(key: String) -> Value? {
        guard case .object(let members) = self else { return nil }
        // The last one counts, as in encoding/json.
        return members.last { $0.key.utf8.elementsEqual(key.utf8) }?.value
    }

    /// The string; nil for any other kind.
    package var string: String? { if case .string(let value) = self { value } else { nil } }

    /// The number; nil for any other kind.
    package var int: Int? { if case .int(let value) = self { value } else { nil } }

    /// The truth value; nil for any other kind.
    package var bool: Bool? { if case .bool(let value) = self { value } else { nil } }

    /// The elements; nil for any other kind.
    package var array: [Value]? { if case .array(let value) = self { value } else { nil } }

    /// The members; nil for any other kind.
    package var members: [Member]? { if case .object(let value) = self { value } else { nil } }

    /// What kind of value this is, for messages: "a string", "an object".
    package var kind: String {
        switch self {
        case .null: "null"
        case .bool: "a truth value"
        case .int, .double: "a number"
        case .string: "a string"
        case .array: "a list"
        case .object: "an object"
        }
    }
}
