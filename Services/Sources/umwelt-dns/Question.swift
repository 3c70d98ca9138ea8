// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

import Manifests
package import NodeDNS
import PodDNS
package import Terminal

/// What a command was asked about, found: the answer, and the running pod where it is one.
package struct Question {
    var node: Node
    /// nil for a running container whose spec nobody knows, and which nothing explains.
    package var answer: Answer?
    package var running: RunningPod?
    package var comparison: Comparison?
    /// Of a container of Docker's that is no pod's.
    var dockerOrigins: DockerOrigins?

    /// What the options name: a manifest's pod, or something that runs.
    static func find(
        _ pod: PodOptions,
        _ options: NodeOptions,
        _ sockets: SocketOptions,
        manifest: String?,
        lookup: String?
    ) throws(Failure) -> Question {
        let node = try Node(options)
        switch try Subject.find(pod) {
        case .manifest(let title, let value):
            return Question(node: node, answer: Answer(title: title, value, node, lookup: lookup))
        case .container(let name):
            guard manifest != nil || pod.pod == nil else {
                throw .usage("--pod chooses one of a manifest's pods, and \(name) is none")
            }
            var found = try RunningPod.find(name, in: pod.namespace, sockets)
            if let manifest {
                var other = pod
                other.subject = manifest
                guard case .manifest(_, var value) = try Subject.find(other) else {
                    throw .failed("--manifest: there is no file \(manifest)")
                }
                // Who it is the runtime knows; most manifests name no namespace, and a workload's template no pod.
                if let identity = found.identity {
                    (value.name, value.namespace, value.uid) = (identity.name, identity.namespace, identity.uid)
                    value.isOnHostNetwork = identity.isOnHostNetwork
                }
                (found.pod, found.specSource) = (value, manifest)
            }
            return Question(found, node, options, lookup: lookup)
        }
    }

    /// The answer, where it comes from the pod's own spec; what is only reconstructed is nothing to write by.
    package func certainAnswer() throws(Failure) -> Answer {
        guard let answer, !answer.isReconstructed else {
            let title = running?.title ?? "the container"
            throw .failed(
                "\(title): its spec is not to be found on this node, so what should be is not known: give --manifest"
            )
        }
        return answer
    }
}

extension Question {
    /// About what runs, on that node.
    package init(_ running: RunningPod, _ node: Node, _ options: NodeOptions, lookup: String? = nil) {
        var (found, node) = (running, node)
        if options.runtime == nil { (node.runtime, node.runtimeSource) = (found.runtime, "which runs it") }
        if options.network == nil { node.network = found.network }
        if found.pod == nil, found.isStatic, let (pod, path) = StaticPods.find(found, node.settings) {
            (found.pod, found.specSource) = (pod, path)
        }
        func rendered(_ lists: Rendering.Lists) -> [UInt8]? {
            Rendering(lists, by: node.runtime, on: node.host, network: node.network ?? found.network).file
        }
        var comparison = Comparison(found)
        var answer: Answer?
        if let pod = found.pod {
            answer = Answer(title: found.title, pod, node, lookup: lookup)
            (comparison.expected, comparison.basis) = (answer?.rendering?.file, .spec)
        } else if let told = found.given {
            (comparison.expected, comparison.basis) = (rendered(told), .told)
        }
        if answer == nil, let identity = found.identity,
            let told = found.given ?? comparison.written.map({ Rendering.Lists(NodeResolver($0)) }),
            let pod = Reconstruction.pod(told, identity, node)
        {
            answer = Answer(title: found.title, pod, node, lookup: lookup)
            answer?.isReconstructed = true
        }
        self.init(node: node, answer: answer, running: found, comparison: comparison)
        if found.identity == nil, node.runtime.kind == .docker, let file = comparison.written {
            dockerOrigins = DockerOrigins(
                of: file,
                found.given ?? .init(),
                node.runtime,
                node.host,
                node.network ?? found.network
            )
        }
    }
}

extension Rendering.Lists {
    /// The lists that a file has.
    init(_ file: NodeResolver) {
        self.init(
            servers: file.servers.map(\.word),
            searches: file.searches.map(\.word),
            options: file.options.map(\.word)
        )
    }
}
