// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

import ArgumentParser

/// `umwelt dns`, for help alone: `Main` hands it to its own program before anything is parsed.
struct DNSCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "dns",
        abstract: "Explain, check and mend a pod's resolv.conf."
    )
}

/// `umwelt pod`, for help alone.
struct PodCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "pod",
        abstract: "Run a pod on this node without a control plane."
    )
}
