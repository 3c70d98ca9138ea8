// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

import Foundation
import KubeletSettings
import Testing

/// A node made of files, with or without a kubelet's process.
struct KubeletFinderTests {
    private let root = FileManager.default.temporaryDirectory.appendingPathComponent("kubelet-\(UUID().uuidString)")
        .path

    private func node(_ files: [String: String]) throws -> KubeletSettings {
        defer { try? FileManager.default.removeItem(atPath: root) }
        for (path, text) in files {
            let file = URL(fileURLWithPath: root + path)
            try FileManager.default.createDirectory(
                at: file.deletingLastPathComponent(),
                withIntermediateDirectories: true
            )
            try Data(text.utf8).write(to: file)
        }
        return KubeletFinder(root: root).find()
    }

    private func line(_ words: String...) -> String { words.map { $0 + "\0" }.joined() }

    /// Any process can call itself a kubelet: its program counts, and where it runs.
    @Test func aNameAloneMakesNoKubelet() throws {
        func settings(_ links: [String: String]) throws -> KubeletSettings {
            let proc = root + "/proc"
            for (path, target) in links {
                let file = URL(fileURLWithPath: proc + "/" + path)
                let above = file.deletingLastPathComponent()
                try FileManager.default.createDirectory(at: above, withIntermediateDirectories: true)
                try FileManager.default.createSymbolicLink(atPath: file.path, withDestinationPath: target)
            }
            return try node(["/proc/812/cmdline": line("kubelet", "--cluster-dns=6.6.6.6")])
        }
        let first = ["1/ns/pid": "pid:[1]", "1/ns/user": "user:[1]"]
        let own = first.merging(["812/ns/pid": "pid:[1]", "812/ns/user": "user:[1]"]) { $1 }
        let program = ["812/exe": "/usr/bin/kubelet (deleted)"]
        #expect(try settings(own.merging(program) { $1 }).clusterDNS?.value == ["6.6.6.6"])
        #expect(try settings(own.merging(["812/exe": "/usr/bin/sleep"]) { $1 }) == KubeletSettings())
        for namespace in ["pid", "user"] {
            let other = own.merging(program) { $1 }.merging(["812/ns/" + namespace: namespace + ":[2]"]) { $1 }
            let found = try settings(other)
            #expect(found.process == nil)
            #expect(found.clusterDNS == nil)
            #expect(
                found.problems == [
                    "process 812 calls itself a kubelet, but it is in a container: it is not believed"
                ]
            )
        }
    }

    @Test func nothingFoundIsNothingSaid() throws {
        #expect(try node(["/etc/passwd": ""]) == KubeletSettings())
    }

    @Test func theRunningKubeletsFlagsHoldOverDropInsAndThoseOverTheFile() throws {
        let settings = try node([
            "/proc/1/cmdline": line("/sbin/init"),
            "/proc/812/cmdline": line(
                "/usr/bin/kubelet",
                "--config=/etc/k.yaml",
                "--config-dir",
                "/etc/k.d",
                "--node-ip=10.0.0.7,fd00::7",
                "--cluster-domain=flag.local"
            ),
            "/etc/k.yaml": """
            apiVersion: kubelet.config.k8s.io/v1beta1
            kind: KubeletConfiguration
            clusterDNS: [10.96.0.10]
            clusterDomain: file.local
            resolvConf: /run/systemd/resolve/resolv.conf
            featureGates: {A: true, B: false}
            """,
            "/etc/k.d/20-b.conf": "clusterDNS: [10.96.0.20]\nfeatureGates: {B: true}\n",
            "/etc/k.d/10-a.conf": "{\"clusterDNS\": [\"10.96.0.1\"], \"resolvConf\": \"\"}",
            "/etc/k.d/90-z.yaml": "clusterDNS: [9.9.9.9]\n",
        ])
        #expect(settings.process == 812)
        #expect(settings.clusterDNS == .init(["10.96.0.20"], from: "clusterDNS of /etc/k.d/20-b.conf"))
        #expect(settings.clusterDomain == .init("flag.local", from: "--cluster-domain of process 812"))
        #expect(settings.resolvConf?.value == "")
        #expect(settings.nodeIPs?.value == ["10.0.0.7", "fd00::7"])
        #expect(settings.featureGates == ["A": true, "B": true])
        #expect(settings.files == ["/etc/k.yaml", "/etc/k.d/10-a.conf", "/etc/k.d/20-b.conf"])
        #expect(settings.problems == [])
    }

    /// An empty word is a value as any other: no resolver file.
    @Test(arguments: [
        ["/proc/812/cmdline": "kubelet\0--resolv-conf\0\0--cluster_dns\010.0.0.10\0--cluster_domain=d.local\0"],
        ["/etc/default/kubelet": "A=\"--resolv-conf '' --cluster_dns 10.0.0.10 --cluster_domain=d.local\"\n"],
    ])
    func emptyWordsAndUnderscores(files: [String: String]) throws {
        let settings = try node(files)
        #expect(settings.resolvConf?.value == "")
        #expect(settings.clusterDNS?.value == ["10.0.0.10"])
        #expect(settings.clusterDomain?.value == "d.local")
    }

    @Test func withoutAProcessTheUsualFilesSpeak() throws {
        let settings = try node([
            "/etc/kubernetes/kubelet.conf": "apiVersion: v1\nkind: Config\n",
            "/var/lib/kubelet/config.yaml": "kind: KubeletConfiguration\nclusterDNS:\n- 10.96.0.10\n",
            "/var/lib/kubelet/kubeadm-flags.env":
                "KUBELET_KUBEADM_ARGS=\"--container-runtime-endpoint=unix:///run/crio/crio.sock --node-ip=192.0.2.1\"\n",
        ])
        #expect(settings.process == nil)
        #expect(settings.clusterDNS?.value == ["10.96.0.10"])
        #expect(settings.runtimeEndpoint?.value == "unix:///run/crio/crio.sock")
        #expect(settings.nodeIPs?.value == ["192.0.2.1"])
    }

    @Test func aKubeconfigInItsPlaceIsNoProblemButBrokenYAMLIs() throws {
        #expect(try node(["/etc/kubernetes/kubelet.conf": "kind: Config\n"]).problems == [])
        let broken = try node(["/var/lib/kubelet/config.yaml": "a: [\n"])
        #expect(broken.problems.count == 1)
        #expect(broken.problems.first?.hasPrefix("/var/lib/kubelet/config.yaml: line ") == true)
    }

    @Test func k3sHandsFlagsOn() {
        let words = [
            "/usr/local/bin/k3s", "server", "--kubelet-arg=resolv-conf=/etc/k3s-resolv.conf", "--node-ip", "10.1.1.1",
        ]
        #expect(
            KubeletFinder.kubeletArguments(words) == ["--resolv-conf=/etc/k3s-resolv.conf", "--node-ip=10.1.1.1"]
        )
        #expect(KubeletFinder.kubeletArguments(["/usr/bin/kubelet-exporter"]) == nil)
        #expect(KubeletFinder.kubeletArguments([]) == nil)
    }

    @Test(arguments: [
        ("clusterDNS: 10.96.0.10\n", "f: clusterDNS is a string, a list of strings is expected"),
        ("clusterDNS: [1]\n", "f: clusterDNS has a number in it, strings are expected"),
        ("clusterDomain: 5\n", "f: clusterDomain is a number, a string is expected"),
        ("kind: Pod\n", "f: this is a Pod, a KubeletConfiguration is expected"),
        ("- a\n", "f: a list, a KubeletConfiguration is expected"),
        ("a: 1\n---\na: 2\n", "f: 2 documents, one is expected"),
        ("featureGates: {A: 1}\n", "f: featureGates.A is a number, not true or false"),
    ])
    func whatIsNoConfigurationIsNamed(text: String, message: String) {
        #expect(throws: Error.self) { try KubeletSettings(configuration: Array(text.utf8), path: "f") }
        do { _ = try KubeletSettings(configuration: Array(text.utf8), path: "f") } catch {
            #expect(error.description == message)
        }
    }
}
