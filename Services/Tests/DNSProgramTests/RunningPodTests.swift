// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

import Documents
import Foundation
import NodeDNS
import PodDNS
import Testing

@testable import umwelt_dns

/// A kubelet's pod, of which the runtime knows what it was told and no more.
struct RunningPodTests {
    private let directory = FileManager.default.temporaryDirectory.path + "/umwelt-" + UUID().uuidString

    /// Runs in a directory of its own, where the node is what the files in it say.
    private func question(
        _ told: String,
        written: String = "nameserver 10.96.0.10\n",
        annotations: String = "{}",
        isOnHostNetwork: Bool = false,
        _ check: (Question) throws -> Void
    ) throws {
        try FileManager.default.createDirectory(atPath: directory + "/manifests", withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: directory) }
        func write(_ name: String, _ text: String) throws -> String {
            try Data(text.utf8).write(to: URL(fileURLWithPath: directory + "/" + name))
            return directory + "/" + name
        }
        let kubelet = """
            kind: KubeletConfiguration
            clusterDNS: [10.96.0.10]
            clusterDomain: cluster.local
            staticPodPath: \(directory)/manifests
            """
        let node = try write("node.conf", "nameserver 192.0.2.1\nsearch lan\noptions rotate\n")
        let file = try write("resolv.conf", written)
        _ = try write("manifests/.hidden.yaml", "kind: Pod\nmetadata: {name: dns}\nspec: {dnsPolicy: None}\n")
        _ = try write("manifests/broken.yaml", "kind: Pod\nmetadata: [\n")
        _ = try write(
            "manifests/other.yaml",
            "kind: Pod\nmetadata: {name: dns, namespace: x}\nspec: {dnsPolicy: None}\n"
        )
        _ = try write("manifests/dns.yaml", "kind: Pod\nmetadata: {name: dns}\nspec: {dnsPolicy: Default}\n")
        let options = try NodeOptions.parse(["--kubelet-config", write("kubelet.yaml", kubelet), "--resolv-conf", node])
        let inspected = """
            {"runtime": {"name": "containerd", "version": "1.7.24"},
             "sandbox": {"id": "s", "name": "dns-node-1", "namespace": "default", "uid": "u", "annotations": \(annotations),
                         "isOnHostNetwork": \(isOnHostNetwork), "dnsConfig": \(told),
                         "runtimeSpec": {"mounts": [{"destination": "/etc/resolv.conf", "source": "\(file)"}]}},
             "containers": []}
            """
        let running = RunningPod(inspected: try Value.json(Array(inspected.utf8)))
        try check(Question(running, try Node(options), options))
    }

    private static let clusterFirst = """
        {"servers": ["10.96.0.10"],
         "searches": ["default.svc.cluster.local", "svc.cluster.local", "cluster.local", "lan"], "options": ["ndots:5"]}
        """

    @Test func aPlainPodIsReconstructed() throws {
        let written =
            "search default.svc.cluster.local svc.cluster.local cluster.local lan\nnameserver 10.96.0.10\noptions ndots:5\n"
        try question(Self.clusterFirst, written: written) { question in
            let answer = try #require(question.answer)
            #expect(answer.isReconstructed)
            #expect(answer.pod.policy == "ClusterFirst")
            #expect(answer.pod.dnsConfig == nil)
            #expect(answer.rendering?.file == Array(written.utf8))
            let lines = try #require(question.comparison).lines()
            #expect(lines.count == 3)
            #expect(
                lines[0]
                    == "the runtime was told: nameserver 10.96.0.10; search default.svc.cluster.local svc.cluster.local "
                    + "cluster.local lan; options ndots:5"
            )
            #expect(lines[1].hasSuffix("resolv.conf is as the runtime was told, and the containers see it so"))
            #expect(lines[2].hasPrefix("not known here: the pod's own dnsPolicy and dnsConfig"))
            #expect(lines[2].hasSuffix("(kubectl get pod -n default dns-node-1 -o yaml > FILE)"))
            // It is nothing to write by.
            #expect(throws: (any Error).self) { try question.certainAnswer() }
        }
    }

    @Test func theHeadingNamesTheRelease() throws {
        try question(Self.clusterFirst) { question in
            var answer = try #require(question.answer)
            for release in [Behaviour.newest, Version(1, 25)] {
                answer.node.release = release
                let heading = answer.explanation(Style(isColoured: false)).prefix { $0 != "\n" }
                #expect(
                    heading.contains("so the cluster's DNS; by Kubernetes \(release)'s rules, written by containerd")
                )
            }
        }
    }

    @Test func whatWasSaidBesidesIsTakenForADNSConfig() throws {
        let told = """
            {"servers": ["10.96.0.10", "192.0.2.7"],
             "searches": ["default.svc.cluster.local", "svc.cluster.local", "cluster.local", "lan", "my.domain"],
             "options": ["edns0", "ndots:2"]}
            """
        try question(told) { question in
            let pod = try #require(question.answer).pod
            #expect(pod.policy == "ClusterFirst")
            #expect(
                pod.dnsConfig
                    == .init(
                        nameservers: ["192.0.2.7"],
                        searches: ["my.domain"],
                        options: [.init("edns0"), .init("ndots", "2")]
                    )
            )
            let comparison = try #require(question.comparison)
            #expect(comparison.lines().contains { $0.hasSuffix("is not as the runtime was told:") })
            #expect(comparison.document["shouldBe"] == .null)
            #expect(comparison.document["writtenAsTold"] == .bool(false))
            #expect(comparison.document["told"]?["servers"] == .strings(["10.96.0.10", "192.0.2.7"]))
        }
    }

    /// Whoever made the pod said it, or a container wrote it.
    @Test func ordersToATerminalAreNotPassedOn() throws {
        let told = Self.clusterFirst.replacingOccurrences(of: "\"lan\"", with: "\"lan\", \"a\\u001b[2J\"")
        try question(told, written: "search a\u{1b}[2J\n") { question in
            let text = try #require(question.answer).explanation(Style(isColoured: false))
            #expect(text.contains("lan a?[2J"))
            let lines = try #require(question.comparison).lines().joined()
            #expect(lines.contains("lan a?[2J"))
            #expect(!(text + lines).contains("\u{1b}"))
        }
        let file = Array("search a\u{1b}[2J b\nx\u{1b}[2J\n".utf8)
        let host = Rendering.Host(resolvConf: Array("y\u{1b}[2J\n".utf8))
        let origins = DockerOrigins(of: file, .init(searches: ["c"]), Runtime(.docker), host, .bridge)
        for style in [Style(isColoured: false), Style(isColoured: true)] {
            #expect(!origins.explanation(style).joined().contains("\u{1b}[2J"))
        }
        #expect(origins.explanation(Style(isColoured: false)).contains("search a?[2J b"))
    }

    @Test func onTheHostsNetworkThePolicyIsAnother() throws {
        try question(Self.clusterFirst, isOnHostNetwork: true) { question in
            #expect(question.answer?.pod.policy == "ClusterFirstWithHostNet")
        }
        let host = #"{"servers": ["192.0.2.1"], "searches": ["lan"], "options": ["rotate"]}"#
        try question(host, isOnHostNetwork: true) { #expect($0.answer?.pod.policy == "Default") }
    }

    /// What no pod leads to, with these settings, is not explained: an option of the cluster's cannot be taken away.
    @Test func whatNothingExplainsIsSaidToBeUnknown() throws {
        let told = #"{"servers": ["a", "b", "c", "d"], "searches": [], "options": []}"#
        try question(told) { question in
            #expect(question.answer == nil)
            #expect(question.comparison?.lines().first == "the runtime was told: nameserver a b c d")
            #expect(question.comparison?.unknown.isEmpty == false)
        }
    }

    /// A container's links lead nowhere but into the container, and what is no file is not opened.
    @Test func whatAContainerSeesIsItsOwn() throws {
        let root = directory + "/root"
        defer { try? FileManager.default.removeItem(atPath: directory) }
        try FileManager.default.createDirectory(atPath: root + "/run", withIntermediateDirectories: true)
        func write(_ path: String, _ text: String) throws { try Data(text.utf8).write(to: URL(fileURLWithPath: path)) }
        func link(_ path: String, _ target: String) throws {
            try? FileManager.default.removeItem(atPath: path)
            try FileManager.default.createSymbolicLink(atPath: path, withDestinationPath: target)
        }
        func seen() -> String? {
            RunningPod.file("/etc/resolv.conf", below: root).map { String(decoding: $0, as: UTF8.self) }
        }
        try write(directory + "/resolv.conf", "the node's")
        try write(root + "/run/resolv.conf", "the container's")
        #expect(seen() == nil)
        for target in ["/run", "../../run", "../run"] {
            try link(root + "/etc", target)
            #expect(seen() == "the container's")
        }
        for target in [directory, "..", "/proc/self/root" + directory, root] {
            try link(root + "/etc", target)
            #expect(seen() == nil, "\(target)")
        }
        try link(root + "/etc", "/run")
        try FileManager.default.removeItem(atPath: root + "/run/resolv.conf")
        #expect(mkfifo(root + "/run/resolv.conf", 0o600) == 0)
        #expect(seen() == nil)
    }

    @Test func aStaticPodsManifestIsFound() throws {
        let annotations = #"{"kubernetes.io/config.source": "file"}"#
        try question(Self.clusterFirst, annotations: annotations) { question in
            let answer = try question.certainAnswer()
            #expect(answer.pod.policy == "Default")
            #expect(answer.pod.name == "dns-node-1")
            #expect(question.running?.specSource == directory + "/manifests/dns.yaml")
            let lines = try #require(question.comparison).lines()
            #expect(lines.first?.hasSuffix("resolv.conf is not as it should be:") == true)
            #expect(!lines.contains { $0.hasPrefix("not known here") })
        }
        // Without the kubelet's mark it is a pod of the API server's, whatever lies in the directory.
        try question(Self.clusterFirst) { #expect($0.running?.specSource == nil) }
    }
}
