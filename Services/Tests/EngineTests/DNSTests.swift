// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

import Documents
import Foundation
import Testing

extension EngineSuite {
    /// What `umwelt dns render` says is what a container of a real engine has, byte for byte.
    struct DNSTests {
        struct Case: CustomTestStringConvertible, Sendable {
            var name: String
            var spec: String
            var node: String
            var kubelet = "clusterDNS: [10.96.0.10, 'fd00:0::A']\nclusterDomain: cluster.local\n"

            var testDescription: String { name }
        }

        private static let config = """
            dnsConfig:
              nameservers: [192.0.2.7]
              searches: [my.domain, lan]
              options: [{name: ndots, value: "2"}, {name: rotate}]
            """
        private static let node = "nameserver 192.0.2.1\nsearch lan x.y.\noptions edns0 timeout:1\n"

        static let cases = [
            Case(name: "ClusterFirst", spec: "", node: node),
            Case(name: "ClusterFirst on the host's network", spec: "hostNetwork: true\n", node: node),
            Case(
                name: "ClusterFirstWithHostNet",
                spec: "hostNetwork: true\ndnsPolicy: ClusterFirstWithHostNet\n",
                node: node
            ),
            Case(name: "Default", spec: "dnsPolicy: Default\n", node: node),
            Case(name: "None", spec: "dnsPolicy: None\n" + config, node: node),
            Case(name: "ClusterFirst with dnsConfig", spec: config, node: node),
            Case(name: "Default with dnsConfig", spec: "dnsPolicy: Default\n" + config, node: node),
            Case(name: "Default, the node's file empty", spec: "dnsPolicy: Default\n", node: ""),
            Case(name: "Default, only a comment", spec: "dnsPolicy: Default\n", node: "# nothing\n"),
            Case(name: "Default, only the stub", spec: "dnsPolicy: Default\n", node: "nameserver 127.0.0.53\n"),
            Case(
                name: "Default, empty, on the host's network",
                spec: "dnsPolicy: Default\nhostNetwork: true\n",
                node: "# x\n"
            ),
            Case(name: "resolvConf empty", spec: "dnsPolicy: Default\n", node: node, kubelet: "resolvConf: ''\n"),
            Case(name: "no clusterDNS", spec: "", node: node, kubelet: "clusterDomain: cluster.local\n"),
            Case(
                name: "more than the limits",
                spec: "",
                node: "search " + (1...40).map { "p\($0)" }.joined(separator: " ") + "\n"
            ),
        ]

        @Test(arguments: Lab.engines, cases)
        func renderIsWhatTheContainerHas(engine: Lab.Engine, entry: Case) throws {
            let lab = try Lab(engine)
            try lab.setNode(entry.node)
            let manifest = try lab.write("pod.yaml", Lab.manifest(entry.spec))
            let options = try lab.kubelet(entry.kubelet)
            let rendered = try lab.dns("render", [manifest] + options + ["--runtime", try lab.runtime()])
            #expect(rendered.code == 0, "\(rendered.errors)")
            let run = try lab.pod("run", ["-f", manifest] + options)
            #expect(run.code == 0, "\(run.errors)")
            let logs = try lab.pod("logs", ["shop/p"])
            // A log ends each line, also one that did not end.
            let expected = rendered.text.isEmpty || rendered.text.hasSuffix("\n") ? rendered.text : rendered.text + "\n"
            #expect(logs.text == expected || logs.text == rendered.text)
            #expect(try lab.pod("rm", ["p"]).code == 0)
            try lab.expectNothingLeft()
        }

        @Test(arguments: Lab.engines)
        func aMissingFileStopsThePodInTheKubeletsWords(engine: Lab.Engine) throws {
            let lab = try Lab(engine)
            let manifest = try lab.write(
                "pod.yaml",
                Lab.manifest("dnsPolicy: None\ndnsConfig: {nameservers: [1.1.1.1]}\n")
            )
            let options = try lab.kubelet("resolvConf: /nowhere/resolv.conf\n")
            let run = try lab.pod("run", ["-f", manifest] + options)
            #expect(run.code == 1)
            #expect(
                run.errors == "umwelt: the pod does not start: open /nowhere/resolv.conf: no such file or directory\n"
            )
            try lab.expectNothingLeft()
        }

        /// A change of the node's file reaches a pod that runs, in all its containers, in the same inode.
        @Test(arguments: Lab.engines)
        func applyReachesWhatRuns(engine: Lab.Engine) throws {
            let lab = try Lab(engine)
            try lab.setNode("nameserver 192.0.2.1\nsearch before\n")
            let two = """
                  - {name: a, image: localhost/umwelt/box:1, command: [sleep, "1000"]}
                  - {name: b, image: localhost/umwelt/box:1, command: [sleep, "1000"]}

                """
            let manifest = try lab.write("pod.yaml", Lab.manifest("", containers: two))
            let options = try lab.kubelet()
            let start = try lab.pod("run", ["-f", manifest, "--detach"] + options)
            #expect(start.code == 0, "\(start.errors)")
            #expect(start.text == "shop/p\n")
            let there = options + ["--socket", lab.socket]
            #expect(
                try lab.dns("explain", ["p"] + there).text.contains("is as it should be, and the containers see it so")
            )
            // A container's id stands for its pod.
            let rows = try Value.json(Array(try lab.pod("ps", ["-o", "json"]).text.utf8))
            let id = try #require(rows.array?.first?["containers"]?.array?.first?["id"]?.string)
            let answers = try ["p", id].map { name in
                try Value.json(Array(try lab.dns("explain", [name, "-o", "json"] + there).text.utf8))
            }
            #expect(answers[0]["pod"] == answers[1]["pod"])
            for answer in answers {
                // In whatever order the engine lists them.
                let names = answer["running"]?["seen"]?.array?.compactMap { $0["name"]?.string }
                #expect(names.map(Set.init) == ["a", "b", "the sandbox"])
            }
            try lab.setNode("nameserver 192.0.2.1\nsearch after\n")
            let expected = try lab.dns("render", ["shop/p"] + there).text
            #expect(expected.contains(" after\n"))
            #expect(try lab.dns("explain", ["p"] + there).text.contains("is not as it should be"))
            #expect(try lab.dns("apply", ["p", "--dry-run"] + there).text.contains("would rewrite"))
            func seen(_ container: String) throws -> String {
                try lab.pod("exec", ["p", "-c", container, "--", "cat", "/etc/resolv.conf"]).text
            }
            #expect(try seen("a").contains(" before\n"))
            let applied = try lab.dns("apply", ["p"] + there)
            #expect(applied.code == 0, "\(applied.errors)")
            #expect(applied.text.contains("+ search shop.svc.cluster.local svc.cluster.local cluster.local after"))
            #expect(try seen("a") == expected)
            #expect(try seen("b") == expected)
            #expect(try lab.dns("apply", ["p"] + there).text.contains("is as it should be"))
            // Who it is the runtime knows, whatever the manifest says.
            let manifestOfAnother = Lab.manifest("", name: "other", containers: two)
            let nameless = manifestOfAnother.replacing("namespace: shop", with: "labels: {}")
            let other = try lab.write("other.yaml", nameless)
            #expect(try lab.dns("apply", ["p", "--manifest", other] + there).text.contains("is as it should be"))
            // Nothing to say leaves the file alone.
            try lab.setNode("")
            let nothing = try lab.write("none.yaml", Lab.manifest("dnsPolicy: Default\n"))
            #expect(try lab.dns("apply", ["p", "--manifest", nothing] + there).text.contains("is left as it is"))
            #expect(try seen("a") == expected)
            #expect(try lab.pod("rm", ["shop/p", "--grace-seconds", "0"]).code == 0)
            try lab.expectNothingLeft()
        }

        /// A container that is no pod's has its own options and the node's lines in the margin.
        @Test(.enabled(if: Lab.engines.contains(.docker), "no Docker"))
        func aContainerThatIsNoPodsIsExplained() throws {
            let lab = try Lab(.docker)
            try lab.setNode("nameserver 192.0.2.1\nsearch lan\n")
            let words = [
                "run", "-d", "--name", "plain", "--dns-search", "x.y", "localhost/umwelt/box:1", "sleep", "1000",
            ]
            let run = try lab.engineTool(words, [])
            #expect(run.code == 0, "\(run.errors)")
            let explained = try lab.dns("explain", ["plain", "--socket", lab.socket])
            let document = try lab.dns("explain", ["plain", "--socket", lab.socket, "-o", "json"])
            #expect(try lab.engineTool(["rm", "-f", "plain"], []).code == 0)
            #expect(explained.code == 0, "\(explained.errors)")
            for part in [
                "| /etc/resolv.conf:1\n", "| the container's --dns-search\n",
                "  search lan (/etc/resolv.conf:2): the container has --dns-search\n",
                "is as the runtime was told, and the containers see it so",
            ] {
                #expect(explained.text.contains(part), "\(part) in \(explained.text)")
            }
            let value = try Value.json(Array(document.text.utf8))
            #expect(value["origins"]?["searches"]?.array?.first?["origin"]?["option"] == .string("--dns-search"))
            #expect(value["dropped"]?.array?.first?["value"] == .string("lan"))
            #expect(value["runtime"]?["wrote"] == .string("docker"))
            try lab.expectNothingLeft()
        }

        /// A pod as a kubelet leaves it has no mark of ours: what the runtime was told is shown, and explained as far as it goes.
        @Test func aPodWithoutItsSpecIsExplainedByWhatTheRuntimeWasTold() throws {
            try #require(Lab.engines.contains(.containerd))
            let lab = try Lab(.containerd)
            try lab.setNode("nameserver 192.0.2.1\nsearch lan\n")
            let manifest = try lab.write(
                "pod.yaml",
                Lab.manifest("dnsConfig: {searches: [my.domain]}\n", containers: Lab.sleeper)
            )
            let options = try lab.kubelet()
            #expect(try lab.pod("run", ["-f", manifest, "--detach"] + options).code == 0)
            let there = ["p", "--socket", lab.socket] + options
            // The program that asks the runtime, with our mark taken out of its answer.
            let programs = try lab.programsWithoutMarks()
            let explained = try lab.run(programs + "/umwelt-dns", ["explain"] + there)
            #expect(explained.code == 0, "\(explained.errors)")
            #expect(
                explained.text.contains(
                    "its spec is not known here; what the runtime was told is what dnsPolicy ClusterFirst with a"
                )
            )
            #expect(
                explained.text.contains(
                    "the runtime was told: nameserver 10.96.0.10; search shop.svc.cluster.local svc.cluster.local cluster.local lan "
                        + "my.domain; options ndots:5"
                )
            )
            #expect(explained.text.contains("is as the runtime was told, and the containers see it so"))
            #expect(explained.text.contains("kubectl get pod -n shop p -o yaml > FILE"))
            // Another file in the container, and the difference is shown.
            let changed = try lab.pod("exec", ["p", "--", "sh", "-c", "echo '# by hand' >> /etc/resolv.conf"])
            #expect(changed.code == 0, "\(changed.errors)")
            let now = try lab.run(programs + "/umwelt-dns", ["explain"] + there).text
            #expect(now.contains("is not as the runtime was told:"))
            #expect(now.contains("+ # by hand"))
            let applied = try lab.run(programs + "/umwelt-dns", ["apply"] + there)
            #expect(applied.code == 1)
            #expect(applied.errors.contains("its spec is not to be found on this node"), "\(applied.errors)")
            #expect(try lab.run(programs + "/umwelt-dns", ["apply", "--manifest", manifest] + there).code == 0)
            #expect(try lab.pod("rm", ["p", "--grace-seconds", "0"]).code == 0)
            try lab.expectNothingLeft()
        }

        /// What a shell's <(...) gives is waited for.
        @Test func aManifestComesThroughAPipe() throws {
            let lab = try Lab(.containerd)
            let manifest = try lab.write("pod.yaml", Lab.manifest(""))
            let options = try lab.kubelet()
            let files = [manifest, options[1]].map { "<(sleep 1; cat \($0))" }
            let line = "\(lab.programs)/umwelt-dns render \(files[0]) --kubelet-config \(files[1])"
            let rendered = try lab.run("/usr/bin/bash", ["-c", line])
            #expect(rendered.code == 0, "\(rendered.errors)")
            #expect(rendered.text == (try lab.dns("render", [manifest] + options).text))
        }

        /// Anybody's process that is called so is no kubelet.
        @Test func aNameMakesNoKubelet() throws {
            let lab = try Lab(.containerd)
            let program = lab.work + "/kubelet"
            try FileManager.default.copyItem(atPath: "/bin/dash", toPath: program)
            let other = Process()
            other.executableURL = URL(fileURLWithPath: "/usr/bin/env")
            let script = """
                import os
                f = os.open("\(program)", os.O_RDONLY)
                os.setuid(65534)
                os.execve(f, ["kubelet", "-c", "kill -STOP $$", "--cluster-dns=6.6.6.6"], {"PATH": "/usr/bin"})
                """
            other.arguments = ["python3", "-c", script]
            try other.run()
            defer {
                kill(other.processIdentifier, SIGKILL)
                other.waitUntilExit()
            }
            let line = URL(fileURLWithPath: "/proc/\(other.processIdentifier)/cmdline")
            func isKubelet() throws -> Bool { try Data(contentsOf: line).starts(with: Data("kubelet\0-c".utf8)) }
            for _ in 0..<250 where !(try isKubelet()) { usleep(20_000) }
            #expect(try isKubelet())
            let manifest = try lab.write("pod.yaml", Lab.manifest(""))
            let explained = try lab.dns("explain", [manifest, "-o", "json"])
            #expect(!explained.text.isEmpty && !explained.text.contains("6.6.6.6"), "\(explained.text)")
        }

        /// The pod's servers are asked from the pod's own network: one that answers on its bridge, and one that is not there.
        @Test(arguments: Lab.engines)
        func checkAsksFromThePodsNetwork(engine: Lab.Engine) throws {
            let lab = try Lab(engine)
            try lab.setNode("nameserver 127.0.0.1\n")
            let address = engine == .docker ? "10.213.8.1" : "10.213.7.1"
            let server = Process()
            server.executableURL = URL(fileURLWithPath: "/usr/bin/env")
            // Answers every question: one address for A, none for others; "six" has one for AAAA alone, "alias" a CNAME alone.
            let program = """
                import socket
                s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
                s.bind(("0.0.0.0", 53))
                while True:
                    q, a = s.recvfrom(4096)
                    end = q.index(b"\\0", 12) + 5
                    name, kind, answer = q[13:13 + q[12]], q[end - 3], b""
                    def record(kind, data):
                        return b"\\xc0\\x0c\\0" + bytes([kind]) + b"\\0\\1\\0\\0\\0\\x05\\0" + bytes([len(data)]) + data
                    if name == b"alias":
                        answer = record(5, b"\\1x\\0")
                    elif name == b"six":
                        answer = record(28, bytes(16)) if kind == 28 else b""
                    elif kind == 1:
                        answer = record(1, bytes([10, 0, 0, 1]))
                    s.sendto(q[:2] + b"\\x81\\x80\\0\\1\\0" + bytes([answer != b""]) + bytes(4) + q[12:end] + answer, a)
                """
            server.arguments = ["python3", "-c", program]
            try server.run()
            defer {
                // What a test starts has the runner's signal mask, SIGTERM blocked in it.
                kill(server.processIdentifier, SIGKILL)
                server.waitUntilExit()
            }
            let manifest = try lab.write(
                "pod.yaml",
                Lab.manifest(
                    "",
                    containers: "  - {name: c, image: localhost/umwelt/box:1, command: [sleep, \"1000\"]}\n"
                )
            )
            let options = try lab.kubelet("clusterDNS: [\(address)]\nclusterDomain: cluster.local\n")
            #expect(try lab.pod("run", ["-f", manifest, "--detach"] + options).code == 0)
            let there = options + ["--socket", lab.socket]
            let good = try lab.dns("check", ["p", "--name", "api.example", "--name", "six.example"] + there)
            #expect(good.code == 0, "\(good.text) \(good.errors)")
            #expect(
                good.text.contains(
                    "ok      the pod -> \(address)  kubernetes.default.svc.cluster.local A: NOERROR, 1 answers"
                )
            )
            #expect(good.text.contains("ok      the node -> 127.0.0.1  . NS: NOERROR"))
            #expect(good.text.contains("ok      the pod -> \(address)  six.example AAAA: NOERROR, 1 answers"))
            let alias = try lab.dns("check", ["p", "--name", "alias.example"] + there)
            #expect(alias.code == 1)
            #expect(alias.text.contains("failed  the pod -> \(address)  alias.example A: NOERROR, 0 answers"))
            #expect(try lab.pod("rm", ["p", "--grace-seconds", "0"]).code == 0)

            let dead = try lab.kubelet("clusterDNS: [203.0.113.9]\nclusterDomain: cluster.local\n")
            #expect(try lab.pod("run", ["-f", manifest, "--detach"] + dead).code == 0)
            let bad = try lab.dns("check", ["p", "--timeout", "100"] + dead + ["--socket", lab.socket])
            #expect(bad.code == 1)
            #expect(bad.text.contains("failed  the pod -> 203.0.113.9  kubernetes.default.svc.cluster.local A: "))
            #expect(try lab.pod("rm", ["p", "--grace-seconds", "0"]).code == 0)
            try lab.expectNothingLeft()
        }
    }
}
