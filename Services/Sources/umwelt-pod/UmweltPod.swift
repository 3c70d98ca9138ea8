// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

import ArgumentParser
import Glibc
import Terminal

/// `umwelt pod`: the program behind it.
struct UmweltPod: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "umwelt pod",
        abstract: "Run a pod on this node without a control plane.",
        discussion: """
            A pod's manifest is run as the kubelet runs it: over the Container Runtime Interface to containerd or CRI-O, or \
            over the Docker Engine as dockershim did. Its DNS is composed as umwelt dns explains it, and its containers see \
            their own /proc where umweltd runs.

            What a manifest asks for and is not supported is refused by its name.

            EXAMPLES
              umwelt pod run -f pod.yaml
              kubectl create job hello --image=busybox --dry-run=client -o yaml -- echo hello | umwelt pod run -f -
              umwelt pod run -f pod.yaml --engine docker --detach
              umwelt pod ps
              umwelt pod logs web
              umwelt pod exec web -- cat /etc/resolv.conf
              umwelt pod rm web

            EXIT STATUS
              0; 1 after a failure, 2 for a wrong command line. run: 1 where a container ended with another code than 0. exec:
              the command's.
            """,
        subcommands: [
            RunCommand.self, PsCommand.self, LogsCommand.self, ExecCommand.self, RmCommand.self, InspectCommand.self,
        ],
        helpNames: [.short, .long]
    )
}

@main
enum Main {
    static func main() async {
        exit(await Program.run(UmweltPod.self, Array(CommandLine.arguments.dropFirst())))
    }
}
