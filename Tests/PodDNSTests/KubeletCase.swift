// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

import Foundation
import PodDNS
import Testing

/// A row of the kubelet's own test tables (Fixtures/kubelet_dns.json says where each comes from).
struct KubeletCase: Decodable, CustomTestStringConvertible {
    var id: String
    var kind: String
    var nodeResolvConf: String?
    var kubelet: Settings
    var pod: PodFields
    var input: [String]?
    var inputOptions: [PodFields.Option]?
    var expected: Expected

    var testDescription: String { id }

    struct Settings: Decodable {
        var resolvConf: String
        var clusterDNS: [String]
        var clusterDomain: String
        var nodeIPs: [String]
    }

    struct PodFields: Decodable {
        var name: String
        var namespace: String
        var uid: String
        var hostNetwork: Bool
        var dnsPolicy: String
        var dnsConfig: Config?

        struct Config: Decodable {
            var nameservers: [String]?
            var searches: [String]?
            var options: [Option]?
        }

        struct Option: Decodable {
            var name: String
            var value: String?

            var option: Pod.Option { Pod.Option(Word(name), value.map { Word($0) }) }
        }
    }

    struct Expected: Decodable {
        var servers: [String]?
        var searches: [String]?
        var options: [String]?
        var events: [EventFields]?
        var error: String?
        var dnsType: String?
    }

    struct EventFields: Decodable, Equatable {
        var object: String
        var type: String
        var reason: String
        var message: String
    }

    struct Rendered: Decodable {
        var desc: String
        var dnsConfig: Lists
        var existingFileBeforeDockershimRewrite: String
        var hostResolvConf: String
        var expected: [String: String]

        struct Lists: Decodable {
            var servers: [String]
            var searches: [String]
            var options: [String]
        }
    }

    private struct File: Decodable {
        struct Rendering: Decodable { var cases: [Rendered] }
        var cases: [KubeletCase]
        var rendering: Rendering
    }

    private static let file: File? = {
        let url = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
            .appendingPathComponent("Fixtures/kubelet_dns.json")
        let decoder = JSONDecoder()
        decoder.keyDecodingStrategy = .convertFromSnakeCase
        return try? decoder.decode(File.self, from: Data(contentsOf: url))
    }()

    static func all(_ kinds: String...) -> [KubeletCase] { (file?.cases ?? []).filter { kinds.contains($0.kind) } }
    static var rendered: [Rendered] { file?.rendering.cases ?? [] }
    static var count: Int { file?.cases.count ?? 0 }

    var podValue: Pod {
        let config = pod.dnsConfig.map {
            Pod.DNSConfig(
                nameservers: ($0.nameservers ?? []).map { Word($0) },
                searches: ($0.searches ?? []).map { Word($0) },
                options: ($0.options ?? []).map(\.option)
            )
        }
        return Pod(
            name: Word(pod.name),
            namespace: Word(pod.namespace),
            uid: Word(pod.uid),
            isOnHostNetwork: pod.hostNetwork,
            policy: Word(pod.dnsPolicy),
            dnsConfig: config
        )
    }

    var kubeletValue: Kubelet {
        Kubelet(
            resolvConf: Word(kubelet.resolvConf),
            clusterDNS: kubelet.clusterDNS.map { Word($0) },
            clusterDomain: Word(kubelet.clusterDomain),
            nodeIPs: kubelet.nodeIPs.map { Word($0) }
        )
    }

    var fileValue: Kubelet.NodeFile {
        nodeResolvConf.map { .contents(Array($0.utf8)) } ?? .cannotOpen("no such file or directory")
    }
}

extension Sequence<Entry> {
    var texts: [String] { map(\.word.description) }
}

extension Composition {
    var eventFields: [KubeletCase.EventFields] {
        events.map {
            .init(object: $0.object.rawValue, type: $0.type, reason: $0.reason, message: $0.message.description)
        }
    }
}
