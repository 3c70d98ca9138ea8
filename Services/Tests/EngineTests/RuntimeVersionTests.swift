// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

import Documents
import Foundation
import PodDNS
import Testing

extension EngineSuite {
    /// What differs from one containerd to the next: this machine's, and trixie's 1.7 in the virtual machine.
    ///
    /// A kubelet whose resolvConf names an empty file says nothing of the DNS of a pod with policy Default. Up to 1.6.33 and
    /// 1.7.19 containerd copies the node's /etc/resolv.conf then, later ones write an empty file.
    struct RuntimeVersionTests {
        private static let manifest = Lab.manifest(
            "dnsPolicy: Default\n",
            containers: """
                  - name: c
                    image: localhost/umwelt/box:1
                    command: [sh, -c, "cat /etc/resolv.conf; test -s /etc/resolv.conf || echo EMPTY"]

                """
        )

        /// As `--runtime` names it: what the script says it is, where it does, and never another than what runs.
        private func runtime(_ lab: Lab) throws -> (name: String, writesEmpty: Bool) {
            let real = try lab.runtime()
            let name = ProcessInfo.processInfo.environment["UMWELT_LAB_RUNTIME"] ?? real
            try #require(real == name || real.hasPrefix(name + "."), "\(real) runs, not \(name)")
            let version = try #require(Runtime(real)?.version)
            let writesEmpty =
                version >= Version(1, 7, 20) || (version >= Version(1, 6, 34) && version < Version(1, 7, 0))
            return (name, writesEmpty)
        }

        private func explained(_ lab: Lab, _ manifest: String, _ options: [String], _ runtime: String) throws -> Value {
            let explained = try lab.dns("explain", [manifest, "-o", "json", "--runtime", runtime] + options)
            #expect(explained.code == 0, "\(explained.errors)")
            return try Value.json(Array(explained.text.utf8))
        }

        /// The container's file is the one that explain told, for the release that runs.
        private func expectAsExplained(_ lab: Lab, _ manifest: String, _ options: [String], _ text: String) throws {
            let run = try lab.pod("run", ["-f", manifest] + options)
            #expect(run.code == 0, "\(run.errors)")
            let logs = try lab.pod("logs", ["shop/p"])
            #expect(logs.text == (text.isEmpty ? "EMPTY\n" : text), "\(logs.errors)")
            let removed = try lab.pod("rm", ["p"])
            #expect(removed.code == 0, "\(removed.errors)")
            try lab.expectNothingLeft()
        }

        @Test(.enabled(if: Lab.engines.contains(.containerd), "no containerd"))
        func nothingSaidIsACopyOrAnEmptyFile() throws {
            let lab = try Lab(.containerd)
            let (name, writesEmpty) = try runtime(lab)
            try lab.setNode("nameserver 192.0.2.1\nsearch node\n")
            let manifest = try lab.write("pod.yaml", Self.manifest)
            let empty = try lab.write("empty.conf", "# nothing\n")
            let options = try lab.kubelet("resolvConf: \(empty)\n")
            let answer = try explained(lab, manifest, options, name)
            #expect(answer["servers"] == .array([]))
            #expect(answer["runtime"]?["wrote"] == .string(writesEmpty ? "empty" : "hostCopy"))
            let text = try #require(answer["resolvConf"]?.string)
            #expect(text == (writesEmpty ? "" : "nameserver 192.0.2.1\nsearch node\n"))
            try expectAsExplained(lab, manifest, options, text)
        }

        @Test(.enabled(if: Lab.engines.contains(.containerd), "no containerd"))
        func aNodeWithoutTheFileIsAnErrorOrAnEmptyFile() throws {
            let lab = try Lab(.containerd)
            let (name, writesEmpty) = try runtime(lab)
            let manifest = try lab.write("pod.yaml", Self.manifest)
            let empty = try lab.write("empty.conf", "")
            let options = try lab.kubelet("resolvConf: \(empty)\n")
            try lab.removeNode()
            defer { try? lab.setNode("nameserver 192.0.2.1\n") }
            let answer = try explained(lab, manifest, options, name)
            guard !writesEmpty else {
                #expect(answer["resolvConf"] == .string(""))
                return try expectAsExplained(lab, manifest, options, "")
            }
            #expect(answer["resolvConf"] == .null)
            #expect(answer["runtime"]?["error"]?.string?.hasPrefix("failed to copy host's resolv.conf") == true)
            let run = try lab.pod("run", ["-f", manifest] + options)
            #expect(run.code == 1)
            #expect(run.errors.contains("/etc/resolv.conf"), "\(run.errors)")
            try lab.expectNothingLeft()
        }

        /// Whatever the release, what is said is written in the same order.
        @Test(.enabled(if: Lab.engines.contains(.containerd), "no containerd"))
        func whatIsSaidIsWrittenAsExplained() throws {
            let lab = try Lab(.containerd)
            let (name, _) = try runtime(lab)
            try lab.setNode("nameserver 192.0.2.1\nsearch lan\n")
            let spec =
                "dnsConfig: {nameservers: [192.0.2.7], searches: [my.domain], options: [{name: ndots, value: \"2\"}]}\n"
            let manifest = try lab.write("pod.yaml", Lab.manifest(spec))
            let options = try lab.kubelet()
            let text = try #require(try explained(lab, manifest, options, name)["resolvConf"]?.string)
            #expect(text.hasPrefix("search shop.svc.cluster.local svc.cluster.local cluster.local lan my.domain\n"))
            try expectAsExplained(lab, manifest, options, text)
        }
    }
}
