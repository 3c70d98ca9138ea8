// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

import Documents
import KubeletSettings
import NodeDNS
package import PodDNS

/// What the kubelet and the runtime make of one pod on one node.
package struct Answer {
    var title: String
    package var pod: Pod
    var node: Node
    var composition: Composition
    /// nil where the pod cannot be started.
    package var rendering: Rendering?
    var advice: [Advice]
    var validation: [String]
    var startEvent: Event?
    /// A name whose lookup's cost is asked for.
    var lookup: QueryCost?
    /// Whether the pod is only what would have led to what the runtime was told.
    package var isReconstructed = false

    init(title: String, _ pod: Pod, _ node: Node, lookup: String? = nil) {
        self.title = title
        self.pod = pod
        self.node = node
        composition = Composition(pod, node.kubelet, node.file)
        if composition.error == nil {
            let isDocker = node.runtime.kind == .docker
            let network = node.network ?? (pod.isOnHostNetwork ? .host : isDocker ? .bridge : .none)
            rendering = Rendering(.init(composition), by: node.runtime, on: node.host, network: network)
        }
        advice = Advisor.advice(composition, pod, node.kubelet, rendering)
        validation = Validation.errors(pod, node.kubelet.behaviour)
        startEvent = StartCheck.event(node.kubelet, node.file)
        if let lookup {
            let options = composition.options.map(\.word)
            self.lookup = QueryCost(
                of: Word(lookup),
                searches: composition.searches.map(\.word),
                ndots: QueryCost.ndots(options)
            )
        }
    }

    /// Of each kind, the first of what was left out, and how many more there are: a node's file may have millions.
    var dropped: (first: [Dropped], more: [(kind: String, count: Int)]) {
        var counts: [String: Int] = [:]
        let first = composition.dropped.filter { item in
            counts[item.kind.rawValue, default: 0] += 1
            return counts[item.kind.rawValue, default: 0] <= Self.droppedLimit
        }
        let more = counts.filter { $0.value > Self.droppedLimit }.sorted { $0.key < $1.key }
        return (first, more.map { ($0.key, $0.value - Self.droppedLimit) })
    }

    private static let droppedLimit = 1000

    /// Where an entry comes from, for people.
    func text(_ origin: Origin) -> String {
        let settings = node.settings
        switch origin {
        case .nodeFile(let line): return "\(node.filePath ?? "the node's file"):\(line)"
        case .clusterDNS: return settings.clusterDNS?.source ?? "clusterDNS"
        case .clusterDomain(let part):
            let source = settings.clusterDomain?.source ?? "clusterDomain"
            switch part {
            case .namespace: return "the pod's namespace, svc, \(source)"
            case .service: return "svc, \(source)"
            case .domain: return source
            }
        case .nodeIP: return "resolvConf is \"\": loopback, by the family of \(settings.nodeIPs?.source ?? "--node-ip")"
        case .podNameserver(let index): return "the pod's dnsConfig.nameservers[\(index)]"
        case .podSearch(let index): return "the pod's dnsConfig.searches[\(index)]"
        case .podOption(let index): return "the pod's dnsConfig.options[\(index)]"
        case .rule(.clusterFirstOptions): return "the kubelet, for every ClusterFirst pod"
        case .rule(.noResolverFile): return "the kubelet: resolvConf is \"\" and there is no --node-ip"
        case .rule(.noSearch): return "the kubelet: resolvConf is \"\""
        }
    }

    /// Why something was left out, for people.
    func text(_ item: Dropped) -> String {
        switch item.reason {
        case .duplicate: "it is there already"
        case .count(let limit): "there may be \(limit)"
        case .pathLength(let limit): "it has \(item.entry.word.count) bytes, and may have \(limit)"
        case .listLength(let limit): "the search list may have \(limit) bytes"
        case .overridden(let word): "\(word) came later"
        case .replaced(let line): "line \(line) replaces it"
        case .policy: "policy \(pod.policy) does not take it over"
        case .loneDot: "the kubelet leaves a lone dot out"
        case .notAnAddress: "it is no IP address"
        case .unknownKeyword: "the kubelet does not know this keyword"
        case .surplus: "one nameserver a line"
        }
    }
}
