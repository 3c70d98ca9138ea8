// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

import ArgumentParser

/// What is asked about.
struct PodOptions: ParsableArguments {
    @Argument(help: ArgumentHelp("A manifest (- for standard input), or a container that runs here.", valueName: "pod"))
    var subject: String
    @Option(help: ArgumentHelp("The pod's namespace. Default: the manifest's, else default.", valueName: "name"))
    var namespace: String?
    @Option(help: ArgumentHelp("Which pod, where the manifest has several.", valueName: "name"))
    var pod: String?
}

/// In what form.
enum OutputForm: String, ExpressibleByArgument, CaseIterable {
    case text, json, yaml
}
