// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

import Documents
import NodeDNS
import PodDNS

/// What should be, what the runtime wrote, and what the containers see now.
struct Comparison {
    var path: String?
    /// nil where it is not known what should be.
    var expected: [UInt8]?
    var written: [UInt8]?
    var seen: [(name: String, pid: Int, file: [UInt8]?)]

    init(_ running: RunningPod, expected: [UInt8]?) {
        path = running.path
        self.expected = expected
        written = running.written()
        seen = running.processes.map { ($0.name, $0.pid, RunningPod.seen(by: $0.pid)) }
    }

    /// Whether all of them are the same.
    var isAllTheSame: Bool {
        guard let expected else { return seen.allSatisfy { $0.file == written } }
        return written == expected && seen.allSatisfy { $0.file == expected }
    }

    /// Line by line: `-` what only the first has, `+` what only the second has.
    static func difference(_ one: [UInt8], _ other: [UInt8]) -> [String] {
        func lines(_ bytes: [UInt8]) -> [String] {
            var lines = String(decoding: bytes, as: UTF8.self).split(separator: "\n", omittingEmptySubsequences: false)
                .map(String.init)
            if lines.last == "" { lines.removeLast() }
            return lines
        }
        let changes = lines(other).difference(from: lines(one))
        return changes.map { change in
            switch change {
            case .remove(_, let line, _): "- \(line)"
            case .insert(_, let line, _): "+ \(line)"
            }
        }
    }

    /// For people: one line where all is the same.
    func lines() -> [String] {
        let place = path ?? "its file"
        if isAllTheSame, expected != nil { return ["\(place) is as it should be, and the containers see it so"] }
        var lines: [String] = []
        if let written {
            if let expected {
                lines.append(written == expected ? "\(place) is as it should be" : "\(place) is not as it should be:")
                lines += Self.difference(expected, written).map { "  " + $0 }
            } else {
                lines.append("what should be is not known: the runtime does not tell the pod's spec; give --manifest")
            }
        } else {
            lines.append("\(place) cannot be read")
        }
        for item in seen {
            guard let file = item.file else {
                lines.append("\(item.name) (process \(item.pid)) has no /etc/resolv.conf that can be read")
                continue
            }
            guard let written, file != written else { continue }
            lines.append("\(item.name) (process \(item.pid)) sees another file:")
            lines += Self.difference(written, file).map { "  " + $0 }
        }
        return lines
    }

    var document: Value {
        func text(_ bytes: [UInt8]?) -> Value { bytes.map { .string(String(decoding: $0, as: UTF8.self)) } ?? .null }
        return .object([
            "path": path.map { .string($0) } ?? .null, "shouldBe": text(expected), "written": text(written),
            "seen": .array(
                seen.map { .object(["name": .string($0.name), "pid": .int($0.pid), "resolvConf": text($0.file)]) }
            ),
            "isAllTheSame": .bool(isAllTheSame),
        ])
    }
}
