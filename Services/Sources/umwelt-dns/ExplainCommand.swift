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
            """
    )

    @OptionGroup var pod: PodOptions
    @OptionGroup var node: NodeOptions
    @Option(help: ArgumentHelp("How many questions a lookup of this name asks.", valueName: "host"))
    var name: String?
    @Option(name: .shortAndLong, help: "text, json or yaml.")
    var output: OutputForm = .text

    func run() throws {
        let subject = try Subject.find(pod)
        guard case .manifest(let title, let value) = subject else {
            throw Failure.failed("there is no file \(pod.subject)")
        }
        let answer = Answer(title: title, value, try Node(node), lookup: name)
        switch output {
        case .text:
            // SAFETY: the environment is not changed by this program; only whether there is a value is looked at.
            let isPlain = unsafe getenv("NO_COLOR") != nil
            let isColoured = Standard.isTerminal(1) && !isPlain
            try Standard.output(answer.explanation(Style(isColoured: isColoured)))
        case .json: try Standard.output(answer.document.jsonText + "\n")
        case .yaml: try Standard.output(answer.document.yamlText)
        }
    }
}
