// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

package import Documents
import NodeDNS
import PodDNS
import Terminal

/// What should be, what the runtime was told, what it wrote, and what the containers see now.
package struct Comparison {
    /// What `expected` comes from.
    enum Basis: String {
        /// The pod's own spec: it is what should be now.
        case spec
        /// What the runtime was told when it made the sandbox.
        case told
        /// There is nothing to expect.
        case nothing
    }

    var title: String
    var path: String?
    var basis = Basis.nothing
    var specSource: String?
    /// nil where it is not known what should be.
    var expected: [UInt8]?
    var told: Rendering.Lists?
    var written: [UInt8]?
    var seen: [(name: String, pid: Int, file: [UInt8]?)]
    /// How kubectl names the pod; nil for what is no pod's.
    private var kubectlName: String?

    init(_ running: RunningPod) {
        title = running.title
        path = running.path
        specSource = running.specSource
        told = running.given
        kubectlName = running.identity.map { "-n \($0.namespace) \($0.name)" }
        written = running.written()
        seen = running.processes.map { ($0.name, $0.pid, RunningPod.seen(by: $0.pid)) }
    }

    /// Whether all of them are the same.
    var isAllTheSame: Bool {
        guard let expected else { return seen.allSatisfy { $0.file == written } }
        return written == expected && seen.allSatisfy { $0.file == expected }
    }

    /// More lines than a resolv.conf has; a container may make any file of its own.
    private static let lineLimit = 1000

    /// Line by line, in their order: `-` what only the first has, `+` what only the second has.
    package static func difference(_ one: [UInt8], _ other: [UInt8]) -> [String] {
        func lines(_ bytes: [UInt8]) -> [String] {
            var lines = bytes.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
            if lines.last?.isEmpty == true { lines.removeLast() }
            // Bytes that are no UTF-8 are shown as such: as U+FFFD they would all look the same.
            return lines.map { line in
                String(validating: line, as: UTF8.self)
                    ?? line.map { $0 < 0x80 ? String(Unicode.Scalar($0)) : "\\x" + String($0, radix: 16) }.joined()
            }
        }
        let (old, new) = (lines(one), lines(other))
        guard max(old.count, new.count) <= lineLimit else {
            return ["one has \(old.count) lines, the other \(new.count): too many to compare"]
        }
        var (removed, inserted): (Set<Int>, Set<Int>) = ([], [])
        for change in new.difference(from: old) {
            switch change {
            case .remove(let offset, _, _): removed.insert(offset)
            case .insert(let offset, _, _): inserted.insert(offset)
            }
        }
        var result: [String] = []
        var next = 0
        func insert() {
            while inserted.contains(next) {
                result.append("+ \(new[next])")
                next += 1
            }
        }
        for (index, line) in old.enumerated() {
            if removed.contains(index) {
                result.append("- \(line)")
            } else {
                insert()
                // The line that both have.
                next += 1
            }
        }
        insert()
        // A container may have written them.
        return result.map(Standard.printable)
    }

    /// For people: one line where all is the same.
    package func lines() -> [String] {
        let place = path ?? "its file"
        let measure = basis == .spec ? "as it should be" : "as the runtime was told"
        var lines: [String] = []
        if basis != .spec, let told {
            let parts = [("nameserver", told.servers), ("search", told.searches), ("options", told.options)]
            let words = parts.filter { !$0.1.isEmpty }.map {
                "\($0.0) \($0.1.map(\.description).joined(separator: " "))"
            }
            lines.append("the runtime was told: " + (words.isEmpty ? "nothing" : words.joined(separator: "; ")))
        }
        if isAllTheSame, expected != nil {
            lines.append("\(place) is \(measure), and the containers see it so")
        } else if let written {
            if let expected {
                lines.append(written == expected ? "\(place) is \(measure)" : "\(place) is not \(measure):")
                lines += Self.difference(expected, written).map { "  " + $0 }
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
        return (lines + unknown).map(Standard.printable)
    }

    /// What could not be known, and how to tell it.
    package var unknown: [String] {
        guard basis != .spec, let kubectlName else { return [] }
        return [
            "not known here: the pod's own dnsPolicy and dnsConfig, so whether this is as it should be now; give --manifest FILE "
                + "(kubectl get pod \(kubectlName) -o yaml > FILE)"
        ]
    }

    package var document: Value {
        func text(_ bytes: [UInt8]?) -> Value { bytes.map { .string(String(decoding: $0, as: UTF8.self)) } ?? .null }
        let lists: Value =
            told.map {
                .object([
                    "servers": .strings($0.servers.map(\.description)),
                    "searches": .strings($0.searches.map(\.description)),
                    "options": .strings($0.options.map(\.description)),
                ])
            } ?? .null
        return .object([
            "specFrom": specSource.map { .string($0) } ?? .null, "told": lists, "unknown": .strings(unknown),
            "path": path.map { .string($0) } ?? .null, "shouldBe": basis == .spec ? text(expected) : .null,
            "written": text(written), "writtenAsTold": basis == .told ? .bool(written == expected) : .null,
            "seen": .array(
                seen.map { .object(["name": .string($0.name), "pid": .int($0.pid), "resolvConf": text($0.file)]) }
            ),
            "isAllTheSame": .bool(isAllTheSame),
        ])
    }
}
