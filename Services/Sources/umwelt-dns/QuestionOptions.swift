// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

import ArgumentParser
import NodeDNS
import Terminal

/// What all commands are told: which pod, where its spec is, on which node.
struct QuestionOptions: ParsableArguments {
    @OptionGroup var pod: PodOptions
    @Option(
        help: ArgumentHelp(
            "The pod's manifest, for a running one whose spec is not to be found on this node.",
            valueName: "file"
        )
    )
    var manifest: String?
    @OptionGroup var sockets: SocketOptions
    @OptionGroup var node: NodeOptions

    /// Finds what is asked about; `lookup` is a name whose lookup's cost is asked for.
    func question(lookup: String? = nil) throws(Failure) -> Question {
        try Question.find(pod, node, sockets, manifest: manifest, lookup: lookup)
    }
}

/// Which pod a command is about.
struct PodOptions: ParsableArguments {
    @Argument(
        help: ArgumentHelp("A manifest (- for standard input), or a container that runs here.", valueName: "pod")
    )
    var subject: String
    @Option(help: ArgumentHelp("The pod's namespace. Default: the manifest's, else default.", valueName: "name"))
    var namespace: String?
    @Option(help: ArgumentHelp("Which pod, where the manifest has several: NAME or KIND/NAME.", valueName: "name"))
    var pod: String?
}

/// In what form a command answers.
struct OutputOptions: ParsableArguments {
    @Option(name: .shortAndLong, help: "text, json or yaml.")
    var output: OutputForm = .text
}

/// In what form.
enum OutputForm: String, ExpressibleByArgument, CaseIterable {
    case text, json, yaml
}
