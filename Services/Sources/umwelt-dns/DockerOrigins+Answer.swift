// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

import Documents
import PodDNS
import Terminal

/// What explain says of a container of Docker's that is no pod's.
extension DockerOrigins {
    /// For people: the file with its origins in a margin, then what was left out.
    func explanation(_ style: Style) -> [String] {
        var rows: [(left: String, right: String)] = []
        for line in lines {
            let left = String(decoding: line.text, as: UTF8.self)
            guard line.entries.count > 1 else {
                rows.append((left, line.entries.first.map { text($0.origin) } ?? ""))
                continue
            }
            rows.append((left, ""))
            rows += Style.words(line.entries.map { ($0.word.description, text($0.origin)) })
        }
        let body = style.margin(rows)
        guard !omissions.isEmpty else { return body }
        return body + ["", style.bold("left out")]
            + omissions.map { item in
                Standard.printable("  \(item.kind.rawValue) \(item.word) (\(path):\(item.line)): \(text(item.reason))")
            }
    }

    /// What `--output json` and `yaml` have of it, as of a pod's file.
    var members: [Value.Member] {
        func list(_ kind: Dropped.Kind) -> Value {
            .array(
                lines.filter { $0.kind == kind }.flatMap(\.entries).map { entry in
                    .object(["value": .string(entry.word.description), "origin": document(entry.origin)])
                }
            )
        }
        let dropped = omissions.map { item in
            Value.object([
                "kind": .string(item.kind.rawValue), "value": .string(item.word.description),
                "origin": document(.nodeFile(line: item.line)), "why": .string(text(item.reason)),
            ])
        }
        return [
            .init("origins", .object(["servers": list(.server), "searches": list(.search), "options": list(.option)])),
            .init("dropped", .array(dropped)),
        ]
    }

    private func document(_ origin: Origin?) -> Value {
        var members: [Value.Member] = []
        func add(_ key: String, _ value: Value) { members.append(.init(key, value)) }
        switch origin {
        case .option(let name):
            add("kind", .string("container"))
            add("option", .string(name))
        case .nodeFile(let line):
            add("kind", .string("nodeFile"))
            add("file", .string(path))
            add("line", .int(line))
        case .fallback, .resolver: add("kind", .string("docker"))
        case nil: add("kind", .string("unknown"))
        }
        add("text", .string(text(origin)))
        return .object(members)
    }

    private func text(_ origin: Origin?) -> String {
        switch origin {
        case .option(let name): "the container's \(name)"
        case .nodeFile(let line): "\(path):\(line)"
        case .fallback: "Docker, where no other nameserver is left"
        case .resolver: "Docker's own resolver, which a user's network has"
        case nil: "not of the container's options nor of \(path): the daemon's own settings, or somebody changed it"
        }
    }

    private func text(_ reason: Reason) -> String {
        switch reason {
        case .option(let name): "the container has \(name)"
        case .loopback: "a container's loopback interface is its own"
        case .askedByResolver: "Docker's own resolver asks it"
        case .notPassedOn: "Docker passes on addresses, and those of IPv6 only to networks that have it"
        case .replaced: "a later line holds"
        }
    }
}
