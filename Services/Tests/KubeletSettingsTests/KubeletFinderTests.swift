// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

import Foundation
import KubeletSettings
import Testing

/// A node made of files, with or without a kubelet's process.
struct KubeletFinderTests {
    private let root = FileManager.default.temporaryDirectory.appendingPathComponent("kubelet-\(UUID().uuidString)")
        .path

    /// A process with the rights of a kubelet, or less.
    private func status(user: Int = 0, parent: Int = 1, capabilities: String = "000001ffffffffff") -> String {
        "Name:\tkubelet\nPPid:\t\(parent)\nUid:\t0\t\(user)\t0\t0\nCapEff:\t\(capabilities)\n"
    }

    /// A process that has a command line has a kubelet's rights unless another status is given.
    private func node(_ files: [String: String], links: [String: String] = [:]) throws -> KubeletSettings {
        defer { try? FileManager.default.removeItem(atPath: root) }
        var all = files
        for path in files.keys where path.hasSuffix("/cmdline") {
            let process = path.dropLast("cmdline".count)
            if all[process + "status"] == nil { all[process + "status"] = status() }
        }
        for (path, target) in links {
            let file = URL(fileURLWithPath: root + path)
            try FileManager.default.createDirectory(
                at: file.deletingLastPathComponent(),
                withIntermediateDirectories: true
            )
            try FileManager.default.createSymbolicLink(atPath: file.path, withDestinationPath: target)
        }
        for (path, text) in all {
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

    /// Whoever may start a process can call it kubelet: by each of these it is known not to be one of this node's.
    @Test func whoIsNoKubeletIsNotAsked() throws {
        let real = ["/proc/812/cmdline": line("/usr/bin/kubelet", "--cluster-dns=10.96.0.10")]
        for (files, links) in [
            (["/proc/11/status": status(user: 65534)], [:]),
            (["/proc/11/status": status(capabilities: "00000000a80425fb")], [:]),
            ([:], ["/proc/self/ns/user": "user:[1]", "/proc/11/ns/user": "user:[2]", "/proc/812/ns/user": "user:[1]"]),
            ([:], ["/proc/self/ns/mnt": "mnt:[1]", "/proc/11/ns/mnt": "mnt:[2]", "/proc/812/ns/mnt": "mnt:[1]"]),
            ([:], ["/proc/11/exe": "/usr/bin/python3.11"]),
            (["/proc/11/cmdline": line("rke2", "server")], [:]),
            (["/proc/11/status": status(parent: 812)], [:]),
        ] as [([String: String], [String: String])] {
            let fake = ["/proc/11/cmdline": line("kubelet", "--cluster-dns=6.6.6.6")]
            let settings = try node(real.merging(fake) { $1 }.merging(files) { $1 }, links: links)
            #expect(settings.process == 812 && settings.clusterDNS?.value == ["10.96.0.10"], "\(files) \(links)")
            #expect(settings.problems == [])
        }
    }

    @Test func ofSeveralKubeletsNoneIsTaken() throws {
        let settings = try node([
            "/proc/11/cmdline": line("kubelet", "--cluster-dns=6.6.6.6"),
            "/proc/812/cmdline": line("/usr/bin/kubelet", "--cluster-dns=10.96.0.10"),
        ])
        #expect(settings.clusterDNS == nil)
        #expect(settings.problems.first?.hasPrefix("more than one kubelet runs (processes 11, 812)") == true)
    }

    /// In kind the kubelet is in a container of its own, and so are its files.
    @Test func aKubeletInAContainerReadsItsOwnFiles() throws {
        let settings = try node(
            [
                "/proc/812/cmdline": line("/usr/bin/kubelet", "--config=/mnt/c.yaml"),
                "/proc/812/root/mnt/c.yaml": "clusterDNS: [10.96.0.10]\n",
                "/mnt/c.yaml": "clusterDNS: [6.6.6.6]\n",
            ],
            links: ["/proc/self/ns/mnt": "mnt:[1]", "/proc/812/ns/mnt": "mnt:[2]"]
        )
        #expect(settings.clusterDNS?.value == ["10.96.0.10"] && settings.hasOwnFiles)
    }

    /// As the kubelet's filepath.Abs and filepath.WalkDir.
    @Test func pathsFromTheWorkingDirectoryAndDropInsBelowOthers() throws {
        let settings = try node(
            [
                "/proc/812/cmdline": line("/usr/bin/kubelet", "--config=c.yaml", "--config-dir", "d"),
                "/opt/k/c.yaml": "clusterDNS: [10.96.0.10]\n",
                "/opt/k/d/10-a/20.conf": "clusterDNS: [10.96.0.20]\n",
                "/opt/k/d/10-a.txt": "clusterDNS: [6.6.6.6]\n",
                "/opt/k/d/05.conf": "clusterDomain: a.b\nclusterDNS: [10.96.0.5]\n",
            ],
            links: ["/proc/812/cwd": "/opt/k"]
        )
        #expect(settings.problems == [])
        #expect(settings.files == ["/opt/k/c.yaml", "/opt/k/d/05.conf", "/opt/k/d/10-a/20.conf"])
        #expect(settings.clusterDNS?.value == ["10.96.0.20"] && settings.clusterDomain?.value == "a.b")
    }

    /// microk8s: one program for all, whose kubelet's flags are in a file.
    @Test func kubeliteHasItsFlagsInAFile() throws {
        let directory = "/var/snap/microk8s/7000/args"
        let settings = try node([
            "/proc/812/cmdline": line(
                "/snap/microk8s/7000/kubelite",
                "--scheduler-args-file=\(directory)/kube-scheduler",
                "--kubelet-args-file=\(directory)/kubelet"
            ),
            "\(directory)/kubelet":
                "# flags\n--resolv-conf=${SNAP_DATA}/resolv.conf\n--cluster-domain=cluster.local\n--cluster-dns=10.152.183.10\n",
        ])
        #expect(settings.clusterDNS?.value == ["10.152.183.10"] && settings.clusterDomain?.value == "cluster.local")
        #expect(settings.resolvConf?.value == "/var/snap/microk8s/7000/resolv.conf")
        #expect(settings.files == ["\(directory)/kubelet"])
    }

    @Test func flagsHoldOverTheDropInsOfK3s() throws {
        let settings = try node([
            "/proc/812/cmdline": line("/usr/local/bin/k3s", "server", "--kubelet-arg=cluster-dns=10.43.0.99"),
            "/var/lib/rancher/k3s/agent/etc/kubelet.conf.d/00-k3s-defaults.conf":
                "clusterDNS: [10.43.0.10]\nclusterDomain: cluster.local\n",
        ])
        #expect(settings.clusterDNS?.value == ["10.43.0.99"] && settings.clusterDomain?.value == "cluster.local")
    }

    /// A k3s that runs hides its flags, and shows its verb in its program's word.
    @Test(arguments: ["/usr/local/bin/k3s server\0\0\0\0", "/usr/local/bin/k3s agent\0"])
    func k3sIsKnownByItsTitle(title: String) throws {
        let settings = try node([
            "/proc/812/cmdline": title,
            "/var/lib/kubelet/config.yaml": "kind: KubeletConfiguration\nclusterDNS: [10.96.0.10]\n",
            "/var/lib/rancher/k3s/agent/etc/kubelet.conf.d/00-k3s-defaults.conf":
                "clusterDNS: [10.43.0.10]\nclusterDomain: cluster.local\n",
            "/etc/rancher/k3s/config.yaml":
                "kubelet-arg:\n- resolv-conf=/etc/one\n- cluster-domain=one.local\nnode-ip: 10.1.1.1\ntoken: x\n",
            "/etc/rancher/k3s/config.yaml.d/10.yaml": "kubelet-arg: [resolv-conf=/etc/two]\n",
            "/etc/rancher/k3s/config.yaml.d/20.yaml": "kubelet-arg+: [root-dir=/srv/kubelet]\n",
            "/etc/rancher/k3s/config.yaml.d/30.txt": "node-ip: 10.9.9.9\n",
        ])
        #expect(settings.process == 812)
        #expect(settings.clusterDNS?.value == ["10.43.0.10"] && settings.clusterDomain?.value == "cluster.local")
        #expect(settings.resolvConf?.value == "/etc/two" && settings.rootDirectory?.value == "/srv/kubelet")
        #expect(settings.nodeIPs?.value == ["10.1.1.1"])
        #expect(settings.problems.isEmpty && settings.files.count == 4, "\(settings.files) \(settings.problems)")
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
        #expect(KubeletFinder.kubeletArguments(["k3s", "kubectl", "get"]) == nil)
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
