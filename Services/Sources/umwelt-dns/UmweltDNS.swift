// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

import ArgumentParser
import Glibc
import Terminal

/// `umwelt dns`: the program behind it.
struct UmweltDNS: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "umwelt dns",
        abstract: "A pod's resolv.conf: why it is what it is, whether it works, and how to mend it.",
        discussion: """
            The kubelet composes a pod's DNS from the pod, its own settings and the node's resolv.conf; the runtime writes \
            it. Umwelt does both by the same rules, from Kubernetes 1.10 to 1.36, and says where each word comes from.

            POD is a manifest in YAML or JSON (- for standard input; Deployments and other workloads by their template), or \
            the name or id of a container that runs on this node.

            EXAMPLES
              umwelt dns explain pod.yaml
              kubectl get deployment web -o yaml | umwelt dns explain -
              umwelt dns explain web --name api.example.com
              umwelt dns render pod.yaml --runtime cri-dockerd --kubernetes-version 1.28
              umwelt dns check web
              umwelt dns apply web --dry-run

            EXIT STATUS
              0; 1 after a failure, 2 for a wrong command line.
            """,
        subcommands: [ExplainCommand.self, RenderCommand.self, CheckCommand.self, ApplyCommand.self],
        helpNames: [.short, .long]
    )
}

@main
enum Main {
    static func main() async {
        exit(await Program.run(UmweltDNS.self, Array(CommandLine.arguments.dropFirst())))
    }
}
