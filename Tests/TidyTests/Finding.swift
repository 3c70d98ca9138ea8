// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

import Testing

/// One place that breaks a rule, and what to do about it.
struct Finding: CustomStringConvertible {
    var path: String
    /// From 1; 0 for the file as a whole.
    var line = 0
    var remedy: String

    var description: String { line > 0 ? "\(path):\(line): \(remedy)" : "\(path): \(remedy)" }
}

/// Fails with one line for each finding.
func expectNone(_ findings: [Finding], sourceLocation: SourceLocation = #_sourceLocation) {
    for finding in findings { Issue.record(Comment(rawValue: finding.description), sourceLocation: sourceLocation) }
}
