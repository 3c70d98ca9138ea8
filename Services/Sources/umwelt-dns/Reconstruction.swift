// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

import NodeDNS
import PodDNS

/// What a pod must have said for the runtime to have been told what it was, by the node's settings as they are now.
///
/// A kubelet's pod has its spec with the API server, which asks for credentials; the runtime knows what came of it.
enum Reconstruction {
    /// The pod with the least to say that composes to `told`; nil where none does.
    static func pod(_ told: Rendering.Lists, _ identity: Pod, _ node: Node) -> Pod? {
        let policies: [Word] =
            identity.isOnHostNetwork
            ? ["ClusterFirstWithHostNet", "Default", "None"] : ["ClusterFirst", "Default", "None"]
        for policy in policies {
            var pod = identity
            (pod.policy, pod.dnsConfig) = (policy, nil)
            if gives(told, pod, node) { return pod }
        }
        for policy in policies {
            var pod = identity
            (pod.policy, pod.dnsConfig) = (policy, nil)
            let base = Rendering.Lists(Composition(pod, node.kubelet, node.file))
            // Without the policy's own servers it is another policy, or another node file than today's.
            guard policy == "None" || !base.servers.isEmpty, told.servers.starts(with: base.servers),
                told.searches.starts(with: base.searches)
            else { continue }
            pod.dnsConfig = Pod.DNSConfig(
                nameservers: Array(told.servers.dropFirst(base.servers.count)),
                searches: Array(told.searches.dropFirst(base.searches.count)),
                options: told.options.filter { !base.options.contains($0) }.map(option)
            )
            if gives(told, pod, node) { return pod }
        }
        return nil
    }

    /// Whether that pod's composition is what was told; the kubelet's order of options is random.
    private static func gives(_ told: Rendering.Lists, _ pod: Pod, _ node: Node) -> Bool {
        let composition = Composition(pod, node.kubelet, node.file)
        let lists = Rendering.Lists(composition)
        return composition.error == nil && lists.servers == told.servers && lists.searches == told.searches
            && Set(lists.options) == Set(told.options)
    }

    private static func option(_ word: Word) -> Pod.Option {
        let parts = word.bytes.split(separator: UInt8(ascii: ":"), maxSplits: 1, omittingEmptySubsequences: false)
        return .init(Word(parts.first ?? []), parts.count > 1 ? Word(parts[1]) : nil)
    }
}
