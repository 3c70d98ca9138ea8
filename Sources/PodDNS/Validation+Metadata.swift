// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

/// What the API server refuses of labels and annotations (apimachinery: apis/meta/v1/validation, util/validation).
extension Validation {
    private static let nameLimit = 63
    private static let annotationsLimit = 256 << 10

    private static let alphabet =
        "consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character"
    private static let nameForm = "([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]"
    private static let nameRule =
        "must \(alphabet) (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '\(nameForm)')"
    private static let valueRule =
        "a valid label must be an empty string or \(alphabet) (e.g. 'MyValue',  or 'my_value',  or '12345', "
        + "regex used for validation is '(\(nameForm))?')"

    /// Why these labels, or this selector of them, are refused; empty where they are not (`ValidateLabels`).
    public static func labelErrors(_ labels: [(key: String, value: String)], _ path: String) -> [String] {
        labels.flatMap { label in
            keyProblems(label.key).map { invalid(path, label.key, $0) }
                + valueProblems(label.value).map { invalid(path, label.value, $0) }
        }
    }

    /// Why these annotations are refused; empty where they are not (`ValidateAnnotations`).
    public static func annotationErrors(_ annotations: [(key: String, value: String)], _ path: String) -> [String] {
        // Their keys may have capitals in the prefix too.
        var errors = annotations.flatMap { annotation in
            keyProblems(annotation.key.lowercased()).map { invalid(path, annotation.key, $0) }
        }
        if annotations.reduce(0, { $0 + $1.key.utf8.count + $1.value.utf8.count }) > annotationsLimit {
            errors.append("\(path): Too long: may not be more than \(annotationsLimit) bytes")
        }
        return errors
    }

    private static func invalid(_ path: String, _ text: String, _ why: String) -> String {
        "\(path): Invalid value: \(quoted(Word(text))): \(why)"
    }

    /// `IsQualifiedName`: a name, perhaps after a DNS subdomain and a slash.
    private static func keyProblems(_ key: String) -> [String] {
        let parts = key.utf8.split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false).map(Array.init)
        guard let name = parts.last, parts.count <= 2 else {
            return [
                "a qualified name \(nameRule) with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')"
            ]
        }
        var problems: [String] = []
        if parts.count == 2 {
            let prefix = parts[0]
            if prefix.isEmpty {
                problems.append("must be non-empty")
            } else {
                if prefix.count > Limits.searchPath {
                    problems.append("must be no more than \(Limits.searchPath) bytes")
                }
                if !isSubdomain(prefix, allowsUnderscore: false) { problems.append(strictRule) }
            }
            problems = problems.map { "prefix part " + $0 }
        }
        if name.isEmpty { problems.append("name part must be non-empty") }
        if name.count > nameLimit { problems.append("name part must be no more than \(nameLimit) bytes") }
        if !isName(name) { problems.append("name part " + nameRule) }
        return problems
    }

    /// `IsValidLabelValue`.
    private static func valueProblems(_ value: String) -> [String] {
        let bytes = Array(value.utf8)
        let isLong = bytes.count > nameLimit
        return (isLong ? ["must be no more than \(nameLimit) bytes"] : [])
            + (bytes.isEmpty || isName(bytes) ? [] : [valueRule])
    }

    /// The form alone, whatever the length.
    private static func isName(_ name: [UInt8]) -> Bool {
        func isAlphanumeric(_ byte: UInt8) -> Bool {
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"):
                true
            default: false
            }
        }
        guard let first = name.first, let last = name.last else { return false }
        return isAlphanumeric(first) && isAlphanumeric(last)
            && name.allSatisfy { isAlphanumeric($0) || "-_.".utf8.contains($0) }
    }
}
