// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

import Documents
import KubeletSettings
import NodeDNS
import PodDNS

extension Answer {
    /// What `--output json` and `yaml` print.
    var document: Value {
        var members: [Value.Member] = []
        func add(_ key: String, _ value: Value) { members.append(.init(key, value)) }
        add("pod", podDocument)
        add("servers", .strings(composition.servers.map(\.word.description)))
        add("searches", .strings(composition.searches.map(\.word.description)))
        add("options", .strings(composition.options.map(\.word.description)))
        add("events", .array(composition.events.map(Self.event)))
        add("error", Self.optional(composition.error?.description))
        add("resolvConf", Self.optional(rendering?.file.map { String(decoding: $0, as: UTF8.self) }))
        add("origins", originsDocument)
        let dropped = dropped
        add("dropped", .array(dropped.first.map(droppedDocument)))
        add("droppedMore", .object(dropped.more.map { .init($0.kind, .int($0.count)) }))
        add("runtime", runtimeDocument)
        add("kubelet", kubeletDocument)
        add("validation", .strings(validation))
        add("advice", .array(advice.map(Self.advice)))
        add("lookup", lookup.map(Self.lookup) ?? .null)
        add("remarks", .strings(node.remarks))
        return .object(members)
    }

    private static func optional(_ text: String?) -> Value { text.map { .string($0) } ?? .null }

    private var podDocument: Value {
        .object([
            "name": .string(pod.name.description),
            "namespace": .string(pod.namespace.description),
            "dnsPolicy": .string(pod.policy.description),
            "hostNetwork": .bool(pod.isOnHostNetwork),
            "treatedAs": .string(composition.kind.rawValue), "isReconstructed": .bool(isReconstructed),
        ])
    }

    private var originsDocument: Value {
        func list(_ entries: [Entry]) -> Value {
            .array(entries.map { .object(["value": .string($0.word.description), "origin": origin($0.origin)]) })
        }
        return .object([
            "servers": list(composition.servers), "searches": list(composition.searches),
            "options": list(composition.options),
        ])
    }

    private func droppedDocument(_ item: Dropped) -> Value {
        .object([
            "kind": .string(item.kind.rawValue), "value": .string(item.entry.word.description),
            "origin": origin(item.entry.origin), "why": .string(text(item)),
        ])
    }

    private var runtimeDocument: Value {
        .object([
            "name": .string(node.runtime.kind.rawValue),
            "version": Self.optional(node.runtime.version?.description),
            "chosenBy": .string(node.runtimeSource),
            "wrote": Self.optional(rendering?.source.rawValue),
            "error": Self.optional(rendering?.error),
        ])
    }

    private var kubeletDocument: Value {
        let kubelet = node.kubelet
        return .object([
            "version": .string(node.release.description), "resolvConf": .string(kubelet.resolvConf.description),
            "clusterDNS": .strings(kubelet.clusterDNS.map(\.description)),
            "clusterDomain": .string(kubelet.clusterDomain.description),
            "nodeIPs": .strings(kubelet.nodeIPs.map(\.description)),
            "files": .strings(node.settings.files),
            "eventAtStart": startEvent.map(Self.event) ?? .null,
        ])
    }

    private static func advice(_ advice: Advice) -> Value {
        .object([
            "code": .string(advice.code.rawValue), "severity": .string(advice.severity.rawValue),
            "message": .string(advice.message),
        ])
    }

    private static func lookup(_ cost: QueryCost) -> Value {
        .object(["queries": .int(cost.queries), "names": .strings(cost.names.map(\.description))])
    }

    private func origin(_ origin: Origin) -> Value {
        var members: [Value.Member] = []
        func add(_ key: String, _ value: Value) { members.append(.init(key, value)) }
        switch origin {
        case .nodeFile(let line):
            add("kind", .string("nodeFile"))
            add("file", node.filePath.map { .string($0) } ?? .null)
            add("line", .int(line))
        case .clusterDNS(let index):
            add("kind", .string("kubelet"))
            add("setting", .string("clusterDNS"))
            add("index", .int(index))
        case .clusterDomain:
            add("kind", .string("kubelet"))
            add("setting", .string("clusterDomain"))
        case .nodeIP(let index):
            add("kind", .string("kubelet"))
            add("setting", .string("nodeIP"))
            add("index", .int(index))
        case .podNameserver(let index), .podSearch(let index), .podOption(let index):
            let name =
                switch origin {
                case .podNameserver: "nameservers"
                case .podSearch: "searches"
                default: "options"
                }
            add("kind", .string("pod"))
            add("field", .string("spec.dnsConfig.\(name)[\(index)]"))
        case .rule(let rule):
            add("kind", .string("rule"))
            add("rule", .string(rule.rawValue))
        }
        add("text", .string(text(origin)))
        return .object(members)
    }

    private static func event(_ event: Event) -> Value {
        .object([
            "object": .string(event.object.rawValue), "type": .string(event.type), "reason": .string(event.reason),
            "message": .string(event.message.description),
        ])
    }
}
