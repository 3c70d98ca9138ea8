// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

import ArgumentParser
import Documents
import NodeDNS
import PodDNS
import Glibc
import Terminal

/// `umwelt dns explain`: the command line of it.
struct ExplainCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "explain",
        abstract: "Print a pod's resolv.conf, and where each word of it comes from.",
        discussion: """
            Prints the file with its origins in a margin; what was left out and why; the events that the kubelet records; and \
            traps that the pod is in.

            For a pod that runs, besides: what the runtime was told, what it wrote, and what the containers see. The spec of a \
            kubelet's pod is with the API server; of static pods it is taken from the kubelet's directory of manifests, of others \
            it is reconstructed from what the runtime was told, and said to be. --manifest gives it.

            A container of Docker's that is no pod's has its own options and the node's file in the margin.
            """
    )

    @OptionGroup var options: QuestionOptions
    @OptionGroup var form: OutputOptions
    @Option(help: ArgumentHelp("How many questions a lookup of this name asks.", valueName: "host"))
    var name: String?

    func run() throws {
        let question = try options.question(lookup: name)
        switch form.output {
        case .text:
            // SAFETY: the environment is not changed by this program; only whether there is a value is looked at.
            let isPlain = unsafe getenv("NO_COLOR") != nil
            try Standard.output(text(question, Style(isColoured: Standard.isTerminal(1) && !isPlain)))
        case .json: try Standard.output(document(question).jsonText + "\n")
        case .yaml: try Standard.output(document(question).yamlText)
        }
    }

    private func text(_ question: Question, _ style: Style) -> String {
        var text = question.answer?.explanation(style) ?? ""
        guard let running = question.running, let comparison = question.comparison else { return text }
        if question.answer == nil {
            text += style.dim("\(running.title), written by \(running.runtime)") + "\n\n"
            text +=
                question.dockerOrigins.map { $0.explanation(style).joined(separator: "\n") + "\n" }
                ?? Standard.printable(String(decoding: comparison.written ?? [], as: UTF8.self))
        }
        let lines = comparison.lines().map { "  \($0)\n" }.joined()
        return text + "\n" + style.bold("now") + "\n" + lines
    }

    private func document(_ question: Question) -> Value {
        var members = question.answer?.document.members ?? []
        if question.answer == nil {
            // The lists as the file has them.
            let file = question.comparison?.written
            let resolver = NodeResolver(file ?? [])
            func list(_ entries: [Entry]) -> Value { .strings(entries.map(\.word.description)) }
            members += [
                .init("servers", list(resolver.servers)), .init("searches", list(resolver.searches)),
                .init("options", list(resolver.options)), .init("events", .array([])), .init("error", .null),
                .init("resolvConf", file.map { .string(String(decoding: $0, as: UTF8.self)) } ?? .null),
            ]
            if let origins = question.dockerOrigins {
                let runtime = question.node.runtime
                members +=
                    origins.members + [
                        .init(
                            "runtime",
                            .object([
                                "name": .string(runtime.kind.rawValue),
                                "version": runtime.version.map { .string($0.description) } ?? .null,
                                "chosenBy": .string(question.node.runtimeSource), "wrote": .string("docker"),
                                "error": .null,
                            ])
                        ), .init("advice", .array([])),
                    ]
            }
        }
        members.append(.init("running", question.comparison?.document ?? .null))
        return .object(members)
    }
}
