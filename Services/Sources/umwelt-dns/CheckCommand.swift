// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

import ArgumentParser
import Documents
import Glibc
import NodeDNS
import PodDNS
import Resolver
import Terminal

/// `umwelt dns check`: the command line of it.
struct CheckCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "check",
        abstract: "Ask a pod's nameservers, from the pod's own network.",
        discussion: """
            Asks each of the pod's nameservers for the A and AAAA of kubernetes.default where they are the cluster's, and for \
            the root's NS where they are not; an address of either family is enough. Then the node's own nameservers, from the node. For a manifest, all from the \
            network that the command is in.

            EXIT STATUS
              0 where every server answers and every name is found, else 1.
            """
    )

    @OptionGroup var options: QuestionOptions
    @OptionGroup var form: OutputOptions
    @Option(help: ArgumentHelp("Also look this name up. Can be repeated.", valueName: "host"))
    var name: [String] = []
    @Option(help: ArgumentHelp("Milliseconds to wait for an answer; each question is asked twice.", valueName: "ms"))
    var timeout = 2000

    func validate() throws {
        if !(1...60_000).contains(timeout) { throw ValidationError("--timeout is from 1 to 60000") }
    }

    /// One question and what came of it.
    private struct Row {
        var place: String
        var server: String
        var question: String
        var result: String
        var milliseconds: Double?
        var isGood: Bool
        /// Whether what was asked for is there.
        var isFound = false

        var document: Value {
            .object([
                "from": .string(place), "server": .string(server), "question": .string(question),
                "result": .string(result),
                "milliseconds": milliseconds.map { .double(($0 * 1000).rounded() / 1000) } ?? .null,
                "ok": .bool(isGood),
            ])
        }
    }

    func run() throws {
        let question = try options.question()
        let node = question.node
        var rows: [Row] = []
        let process = question.running?.processes.last?.pid
        if question.running != nil, process == nil {
            throw Failure.failed("\(options.pod.subject) has no process that runs")
        }
        let place = process == nil ? "here" : "the pod"
        let servers = try self.servers(question)
        if servers.isEmpty {
            rows.append(
                Row(place: place, server: "-", question: "-", result: "the pod has no nameserver", isGood: false)
            )
        }
        let prober = Prober(pid: process, timeoutMilliseconds: timeout)
        let domain = node.kubelet.clusterDomain.withoutEmpty
        // A container may have written any number of them.
        for server in servers.prefix(Limits.nameservers) {
            if server.isCluster, let domain {
                let name = "kubernetes.default.svc.\(domain)"
                rows += addresses(prober, place, server.text, name)
            } else {
                rows.append(ask(prober, place, server.text, ".", .ns))
            }
            for name in name { rows += addresses(prober, place, server.text, name) }
        }
        if servers.count > Limits.nameservers {
            let result = "\(servers.count - Limits.nameservers) more nameservers, which no program asks"
            rows.append(Row(place: place, server: "-", question: "-", result: result, isGood: true))
        }
        if case .contents(let bytes) = node.file {
            let upstream = Prober(pid: nil, timeoutMilliseconds: timeout)
            for entry in NodeResolver(bytes, node.kubelet.behaviour).servers {
                rows.append(ask(upstream, "the node", entry.word.description, ".", .ns))
            }
        }
        try show(rows)
        if rows.contains(where: { !$0.isGood }) { throw ExitCode(1) }
    }

    private func servers(_ question: Question) throws -> [(text: String, isCluster: Bool)] {
        // What the container sees counts, where there is one.
        if let seen = question.comparison?.seen.compactMap(\.file).first ?? question.comparison?.written {
            let cluster = Set(question.answer?.composition.servers.filter(Self.isCluster).map(\.word) ?? [])
            return NodeResolver(seen).servers.map { ($0.word.description, cluster.contains($0.word)) }
        }
        guard let answer = question.answer else {
            throw Failure.failed("\(options.pod.subject): nothing is known of its nameservers")
        }
        if let error = answer.composition.error { throw Failure.failed("the pod does not start: \(error)") }
        guard answer.rendering?.source != .lists else {
            return answer.composition.servers.map { ($0.word.description, Self.isCluster($0)) }
        }
        return NodeResolver(answer.rendering?.file ?? []).servers.map { ($0.word.description, false) }
    }

    private static func isCluster(_ entry: Entry) -> Bool {
        if case .clusterDNS = entry.origin { true } else { false }
    }

    /// Both families; where neither has an address, both have failed.
    private func addresses(_ prober: Prober, _ place: String, _ server: String, _ name: String) -> [Row] {
        var rows = [Query.Kind.a, .aaaa].map { ask(prober, place, server, name, $0) }
        if !rows.contains(where: \.isFound) { for index in rows.indices { rows[index].isGood = false } }
        return rows
    }

    private func ask(_ prober: Prober, _ place: String, _ server: String, _ name: String, _ kind: Query.Kind) -> Row {
        var row = Row(place: place, server: server, question: "\(name) \(kind)", result: "", isGood: false)
        switch prober.ask(server, name, kind) {
        case .silence: row.result = "no answer within \(timeout) ms"
        case .failure(let reason): row.result = reason
        case .answer(let answer, let milliseconds):
            row.milliseconds = milliseconds
            row.isGood = answer.isGood
            // A server that cuts its answer short has more than fits.
            row.isFound = row.isGood && (answer.count > 0 || answer.isCut)
            row.result = answer.code
            if row.isGood { row.result += answer.isCut ? ", cut short" : ", \(answer.count) answers" }
        }
        return row
    }

    private func show(_ rows: [Row]) throws {
        switch form.output {
        case .json, .yaml:
            let document = Value.object([
                "ok": .bool(rows.allSatisfy(\.isGood)), "checks": .array(rows.map(\.document)),
            ])
            try Standard.output(form.output == .json ? document.jsonText + "\n" : document.yamlText)
        case .text:
            // SAFETY: the environment is not changed by this program; only whether there is a value is looked at.
            let isPlain = unsafe getenv("NO_COLOR") != nil
            let style = Style(isColoured: Standard.isTerminal(1) && !isPlain)
            for row in rows {
                let time = row.milliseconds.map { ", \(($0 * 10).rounded() / 10) ms" } ?? ""
                let mark = row.isGood ? "ok    " : style.bad("failed")
                let text = "\(row.place) -> \(row.server)  \(row.question): \(row.result)\(time)"
                try Standard.output("\(mark)  \(Standard.printable(text))\n")
            }
        }
    }
}

extension Word {
    /// The text; nil where it is empty.
    var withoutEmpty: String? { self == "" ? nil : description }
}
