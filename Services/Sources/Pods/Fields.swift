// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

package import Documents

/// An object of a manifest, read field by field, so that what nobody read is refused by its name.
///
/// Errors are collected, so that a manifest's are all named at once. What is empty (null, {}, []) counts as not there.
package final class Fields {
    /// Everything that is wrong, in the order it was found.
    package final class Report {
        package var errors: [String] = []
        /// What has no meaning without a control plane, of which the user is told so.
        package var notes: [String] = []

        package init() {}
    }

    package let path: String
    package let report: Report
    private let value: Value
    private var read: Set<String> = []

    /// The object `value` at `path`; anything else is an error, and then as if it were empty.
    package init(_ value: Value?, _ path: String, _ report: Report) {
        self.path = path
        self.report = report
        if let value, value != .null, value.members == nil {
            report.errors.append("\(path) is \(value.kind), not an object")
            self.value = .object([])
        } else {
            self.value = value ?? .object([])
        }
    }

    package func child(_ key: String) -> String { path.isEmpty ? key : "\(path).\(key)" }

    package func fail(_ key: String, _ problem: String) { report.errors.append("\(child(key)) \(problem)") }

    /// The value of `key`; nil where it is empty.
    package func any(_ key: String) -> Value? {
        read.insert(key)
        guard let found = value[key], !Self.isEmpty(found) else { return nil }
        return found
    }

    /// Whether `key` is there, were it empty.
    package func has(_ key: String) -> Bool {
        guard let found = value[key] else { return false }
        return found != .null
    }

    private static func isEmpty(_ value: Value) -> Bool {
        switch value {
        case .null: true
        case .array(let elements): elements.isEmpty
        case .object(let members): members.isEmpty
        default: false
        }
    }

    package func string(_ key: String) -> String? {
        guard let found = any(key) else { return nil }
        guard let text = found.string else {
            fail(key, "is \(found.kind), not a string: write it in quotes")
            return nil
        }
        return text
    }

    package func bool(_ key: String) -> Bool? {
        guard let found = any(key) else { return nil }
        guard let flag = found.bool else {
            fail(key, "is \(found.kind), not true or false")
            return nil
        }
        return flag
    }

    /// A whole number in `range`.
    package func int(_ key: String, in range: ClosedRange<Int>) -> Int? {
        guard let found = any(key) else { return nil }
        guard let number = found.int, range.contains(number) else {
            fail(key, "is not a whole number from \(range.lowerBound) to \(range.upperBound)")
            return nil
        }
        return number
    }

    package func strings(_ key: String) -> [String]? {
        guard let found = any(key) else { return nil }
        guard let elements = found.array else {
            fail(key, "is \(found.kind), not a list of strings")
            return nil
        }
        return elements.enumerated().compactMap { index, element in
            if element.string == nil {
                report.errors.append("\(child(key))[\(index)] is \(element.kind), not a string")
            }
            return element.string
        }
    }

    /// An object of strings.
    package func map(_ key: String) -> [(key: String, value: String)] {
        guard let found = any(key) else { return [] }
        guard let members = found.members else {
            fail(key, "is \(found.kind), not an object")
            return []
        }
        return members.compactMap { member in
            guard let text = member.value.string else {
                fail("\(key).\(member.key)", "is \(member.value.kind), not a string: write it in quotes")
                return nil
            }
            return (member.key, text)
        }
    }

    /// The object at `key`; nil where it is empty or not there.
    package func object(_ key: String) -> Fields? { any(key).map { Fields($0, child(key), report) } }

    /// The objects in the list at `key`.
    package func objects(_ key: String) -> [Fields] {
        guard let found = any(key) else { return [] }
        guard let elements = found.array else {
            fail(key, "is \(found.kind), not a list")
            return []
        }
        return elements.enumerated().map { Fields($1, "\(child(key))[\($0)]", report) }
    }

    /// Fields that only say where a pod runs, or what the API server fills in: said to have no effect here.
    package func moot(_ keys: String...) {
        for key in keys where any(key) != nil { report.notes.append(child(key)) }
    }

    /// A field of which only one value can be had here; any other is refused with `finish`.
    package func takes(_ key: String, _ only: Value) {
        if value[key] == only { read.insert(key) }
    }

    /// Refuses what nobody asked for.
    package func finish() {
        for member in value.members ?? [] where !read.contains(member.key) && !Self.isEmpty(member.value) {
            report.errors.append("\(child(member.key)) is not supported")
        }
    }
}
