// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

import Manifests
import NodeDNS
import PodDNS
import Terminal

/// What a command was asked about, found: the answer, and the running pod where it is one.
struct Question {
    /// nil for a running container whose spec nobody knows.
    var answer: Answer?
    var running: RunningPod?
    var comparison: Comparison?

    init(
        _ pod: PodOptions,
        _ options: NodeOptions,
        _ sockets: SocketOptions,
        manifest: String?,
        lookup: String? = nil
    ) throws(Failure) {
        var node = try Node(options)
        switch try Subject.find(pod) {
        case .manifest(let title, let value):
            answer = Answer(title: title, value, node, lookup: lookup)
        case .container(let name):
            var found = try RunningPod.find(name, sockets)
            if let manifest {
                var other = pod
                other.subject = manifest
                guard case .manifest(_, let value) = try Subject.find(other) else {
                    throw .failed("--manifest: there is no file \(manifest)")
                }
                found.pod = value
            }
            if options.runtime == nil { (node.runtime, node.runtimeSource) = (found.runtime, "which runs it") }
            if options.network == nil { node.network = found.network }
            running = found
            var expected: [UInt8]?
            if let value = found.pod {
                let answer = Answer(title: found.title, value, node, lookup: lookup)
                expected = answer.rendering?.file
                self.answer = answer
            } else if let given = found.given {
                expected =
                    Rendering(given, by: node.runtime, on: node.host, network: node.network ?? found.network).file
            }
            comparison = Comparison(found, expected: expected)
        }
    }
}
