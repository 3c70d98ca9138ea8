// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

import NodeDNS
import PodDNS
import Terminal

extension Answer {
    /// The explanation for people: the file with its origins in a margin, then what there is to know.
    func explanation(_ style: Style) -> String {
        var lines: [String] = [style.dim(heading), ""]
        if isReconstructed {
            let config =
                pod.dnsConfig == nil ? "and no dnsConfig" : "with a dnsConfig, or a node file that was another then"
            lines.insert(
                "its spec is not known here; what the runtime was told is what dnsPolicy \(pod.policy) \(config), comes to:",
                at: 1
            )
        }
        if let error = composition.error {
            lines.append(style.bad("the pod does not start: ") + Standard.printable(error.description))
        } else if let error = rendering?.error {
            let runtime = node.runtime.kind.rawValue
            lines.append(style.bad("\(runtime) does not make the sandbox: ") + Standard.printable(error))
        } else {
            lines += fileLines(style)
        }
        func section(_ title: String, _ body: [String]) {
            guard !body.isEmpty else { return }
            lines += ["", style.bold(title)] + body.map { "  " + Standard.printable($0) }
        }
        let dropped = dropped
        section(
            "left out",
            dropped.first.map { item in
                "\(item.kind.rawValue) \(item.entry.word) (\(text(item.entry.origin))): \(text(item))"
            } + dropped.more.map { "\($0.kind): \($0.count) more" }
        )
        section(
            "events, at every sync of the pod",
            composition.events.map { event in
                "\(event.object.rawValue) \(event.type) \(event.reason): \(event.message)"
            }
        )
        section(
            "event when the kubelet starts",
            startEvent.map { ["\($0.object.rawValue) \($0.type) \($0.reason): \($0.message)"] } ?? []
        )
        section("the API server refuses this pod", validation)
        section("warnings", advice.filter { $0.severity == .warning }.map(\.message))
        section("notes", advice.filter { $0.severity == .note }.map(\.message) + node.remarks)
        if let lookup {
            section(
                "a lookup of that name asks up to \(lookup.queries) questions, each name for A and for AAAA",
                lookup.names.map(\.description)
            )
        }
        return lines.joined(separator: "\n") + "\n"
    }

    private var heading: String {
        let network = pod.isOnHostNetwork ? ", hostNetwork" : ""
        let kind =
            switch composition.kind {
            case .cluster where composition.events.contains { $0.reason == "MissingClusterDNS" }:
                "the node's DNS, without clusterDNS"
            case .cluster: "the cluster's DNS"
            case .host: "the node's DNS"
            case .none: "only its own dnsConfig"
            }
        return
            "\(title) in \(pod.namespace): dnsPolicy \(pod.policy)\(network), so \(kind); by Kubernetes "
            + "\(node.release)'s rules, written by \(node.runtime) (\(node.runtimeSource))"
    }

    private func fileLines(_ style: Style) -> [String] {
        guard let rendering, let file = rendering.file else {
            return [style.bad("no file is mounted: ") + "the container sees its image's own"]
        }
        guard rendering.source == .lists else {
            let how =
                switch rendering.source {
                case .hostCopy: "a copy of the node's /etc/resolv.conf, for the kubelet says nothing"
                case .empty: "an empty file: the kubelet says nothing, and this runtime writes just that"
                default: "Docker's own file"
                }
            var rows = String(decoding: file, as: UTF8.self).split(separator: "\n", omittingEmptySubsequences: false)
            if rows.last == "" { rows.removeLast() }
            return [style.dim("| " + how)] + rows.map { Standard.printable(String($0)) }
        }
        // Each line of the file, then one line a word where a line has several.
        var rows: [(left: String, right: String)] = []
        func add(_ keyword: String, _ entries: [Entry]) {
            guard let first = entries.first else { return }
            let words = entries.map(\.word.description).joined(separator: " ")
            if entries.count == 1 { return rows.append(("\(keyword) \(words)", text(first.origin))) }
            rows.append(("\(keyword) \(words)", ""))
            rows += Style.words(entries.map { ($0.word.description, text($0.origin)) })
        }
        let servers = { for entry in composition.servers { add("nameserver", [entry]) } }
        if node.runtime.kind == .criDockerd {
            servers()
            add("search", composition.searches)
        } else {
            add("search", composition.searches)
            servers()
        }
        add("options", composition.options)
        return style.margin(rows)
    }
}

/// Colours, where there are any.
struct Style {
    var isColoured: Bool

    func bold(_ text: String) -> String { styled(text, "1") }
    func dim(_ text: String) -> String { styled(text, "2") }
    func bad(_ text: String) -> String { styled(text, "31") }

    /// The only orders to a terminal are those that are given here.
    private func styled(_ text: String, _ number: String) -> String {
        let text = Standard.printable(text)
        return isColoured ? "\u{1b}[\(number)m\(text)\u{1b}[0m" : text
    }

    /// Lines with what is said of each in a margin.
    func margin(_ rows: [(left: String, right: String)]) -> [String] {
        let rows = rows.map { (left: Standard.printable($0.left), right: $0.right) }
        let width = min(rows.map(\.left.count).max() ?? 0, 56)
        return rows.map { row in
            let pad = String(repeating: " ", count: max(width - row.left.count, 0))
            return row.right.isEmpty ? row.left : row.left + pad + dim("  | " + row.right)
        }
    }

    /// One row a word, of a line that has several.
    static func words(_ entries: [(word: String, origin: String)]) -> [(left: String, right: String)] {
        let width = entries.map(\.word.count).max() ?? 0
        return entries.map { entry in
            ("", entry.word + String(repeating: " ", count: width - entry.word.count) + "  " + entry.origin)
        }
    }
}
