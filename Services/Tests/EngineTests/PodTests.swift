// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

import Documents
import Foundation
import Testing

extension EngineSuite {
    /// Pods on real engines, from their manifest to nothing left.
    struct PodTests {
        @Test(arguments: Lab.engines)
        func twoContainersAndAnInitContainerRunToTheirEnd(engine: Lab.Engine) throws {
            let lab = try Lab(engine)
            let text = """
                apiVersion: v1
                kind: Pod
                metadata: {name: job, namespace: shop, labels: {app: x}}
                spec:
                  restartPolicy: Never
                  volumes:
                  - {name: work, emptyDir: {}}
                  - {name: memory, emptyDir: {medium: Memory, sizeLimit: 1Mi}}
                  - {name: map, configMap: {name: m, items: [{key: k, path: sub/file, mode: 256}]}}
                  - {name: secret, secret: {secretName: s}}
                  initContainers:
                  - name: first
                    image: localhost/umwelt/box:1
                    command: [sh, -c, "echo made > /scratch/f"]
                    volumeMounts: [{name: work, mountPath: /scratch}]
                  containers:
                  - name: a
                    image: localhost/umwelt/box:1
                    command: [sh, -c, "cat /scratch/f /map/sub/file /secret/p; echo $(NS)-$LITERAL; cat /etc/hostname; id -u; echo no >&2"]
                    env:
                    - {name: NS, valueFrom: {fieldRef: {fieldPath: metadata.namespace}}}
                    - {name: LITERAL, value: "$$(NS)"}
                    securityContext: {runAsUser: 1234}
                    resources: {limits: {memory: 32Mi, cpu: 200m}}
                    volumeMounts:
                    - {name: work, mountPath: /scratch}
                    - {name: map, mountPath: /map, readOnly: true}
                    - {name: secret, mountPath: /secret}
                  - name: b
                    image: localhost/umwelt/box:1
                    args: [sh, -c, "grep -q tmpfs /proc/mounts && grep ' /memory ' /proc/mounts && test ! -e /scratch"]
                    volumeMounts: [{name: memory, mountPath: /memory}]
                ---
                {kind: ConfigMap, metadata: {name: m}, data: {k: "from the map\\n"}}
                ---
                {kind: Secret, metadata: {name: s}, data: {p: aHVzaAo=}}
                """
            // The file of the map is for its owner alone.
            let manifest = text.replacingOccurrences(of: "mode: 256", with: "mode: 292")
            let documents = try #require(manifest.range(of: "---\n"))
            let pod = String(manifest[..<documents.lowerBound])
            let objects = "\u{feff}" + manifest[documents.upperBound...]
            // Several files are one manifest, each with a mark of its own at its beginning.
            let files = try ["-f", lab.write("pod.yaml", pod), "-f", lab.write("objects.yaml", objects)]
            let run = try lab.pod("run", files + lab.kubelet())
            #expect(run.code == 0, "\(run.errors)")
            let a = try lab.pod("logs", ["job", "-c", "a"])
            #expect(a.text == "made\nfrom the map\nhush\nshop-$(NS)\njob\n1234\n")
            #expect(a.errors == "no\n")
            #expect(try lab.pod("logs", ["job", "-c", "b"]).text.contains("tmpfs /memory tmpfs"))
            #expect(try lab.pod("logs", ["job"]).code == 2)
            let list = try lab.pod("ps", [])
            #expect(list.text.contains("first (exited), a (exited), b (exited)"))
            #expect(try lab.pod("rm", ["shop/job"]).code == 0)
            try lab.expectNothingLeft()
        }

        /// A key that only its owner may read, and a container that is not root: the group gets it.
        @Test(arguments: Lab.engines)
        func aGroupGetsThePodsVolumes(engine: Lab.Engine) throws {
            let lab = try Lab(engine)
            let spec = """
                securityContext: {runAsUser: 1000, fsGroup: 2000}
                volumes:
                - {name: s, secret: {secretName: s, defaultMode: 256}}
                - {name: m, configMap: {name: m, items: [{key: k, path: sub/k}]}}
                - {name: e, emptyDir: {}}

                """
            let container = """
                  - name: c
                    image: localhost/umwelt/box:1
                    command: [sh, -c, "cat /s/p /m/sub/k; echo x > /e/f; echo x > /in/f; busybox stat -c %a:%g /s/p /m/sub /m/sub/k /e /e/f /in"]
                    volumeMounts:
                    - {name: s, mountPath: /s}
                    - {name: m, mountPath: /m}
                    - {name: e, mountPath: /e}
                    - {name: e, mountPath: /in, subPath: a/b}

                """
            let objects = """
                ---
                {kind: Secret, metadata: {name: s}, stringData: {p: "hush\\n"}}
                ---
                {kind: ConfigMap, metadata: {name: m}, data: {k: "text\\n"}}
                """
            // Whatever the umask of who runs it.
            let before = umask(0o077)
            defer { umask(before) }
            try lab.start(Lab.manifest(spec, containers: container) + "\n" + objects)
            let logs = try lab.pod("logs", ["p"])
            #expect(
                logs.text == "hush\ntext\n440:2000\n2755:2000\n644:2000\n2777:2000\n644:2000\n2777:2000\n",
                "\(logs.errors)"
            )
            #expect(try lab.pod("rm", ["p"]).code == 0)
            try lab.expectNothingLeft()
        }

        /// What an engine's own tools see is a pod as the kubelet makes it.
        @Test(arguments: Lab.engines)
        func theEnginesOwnToolsSeeAPod(engine: Lab.Engine) throws {
            let lab = try Lab(engine)
            let spec = "hostAliases: [{ip: 192.0.2.9, hostnames: [db]}]\n"
            let text = Lab.manifest(spec, containers: Lab.sleeper).replacing(
                "namespace: shop",
                with: "namespace: shop, labels: {app: web, io.kubernetes.pod.uid: x}, annotations: {team: t}"
            )
            try lab.start(text, ["--detach"])
            let rows = try Value.json(Array(try lab.pod("ps", ["-o", "json"]).text.utf8)).array ?? []
            let id = try #require(rows.first?["containers"]?.array?.first?["id"]?.string)
            let sandbox = try #require(rows.first?["id"]?.string)
            switch engine {
            case .docker:
                let docker = ["docker", "-H", "unix://\(lab.socket)"]
                let names = try lab.run("/usr/bin/env", docker + ["ps", "--format", "{{.Names}}"]).text
                #expect(names.contains("k8s_POD_p_shop_"))
                #expect(names.contains("k8s_c_p_shop_"))
                let hosts = try lab.run("/usr/bin/env", docker + ["exec", id, "cat", "/etc/hosts", "/etc/resolv.conf"])
                    .text
                #expect(hosts.contains("192.0.2.9\tdb\n"))
                #expect(hosts.contains("nameserver 10.96.0.10\nsearch shop.svc.cluster.local"))
                let mode = try lab.run("/usr/bin/env", docker + ["inspect", "-f", "{{.HostConfig.NetworkMode}}", id])
                    .text
                #expect(mode == "container:\(sandbox)\n")
                let format =
                    "{{.Config.Labels.app}} {{index .Config.Labels \"annotation.team\"}} "
                    + "{{index .Config.Labels \"io.kubernetes.pod.uid\"}}"
                let uid = try FileManager.default.contentsOfDirectory(atPath: lab.podRoot)
                let labels = try lab.run("/usr/bin/env", docker + ["inspect", "-f", format, sandbox]).text
                #expect(labels == "web t \(uid[0])\n")
                let log = "\(lab.logRoot)/shop_p_\(uid[0])/c/0.log"
                #expect(FileManager.default.fileExists(atPath: log))
                let place = "{{index .Config.Labels \"io.kubernetes.container.logpath\"}}"
                #expect(try lab.run("/usr/bin/env", docker + ["inspect", "-f", place, id]).text == log + "\n")
            case .containerd:
                let ctr = ["-a", lab.socket, "-n", "k8s.io"]
                let list = try lab.run("/usr/bin/ctr", ctr + ["containers", "ls"]).text
                #expect(list.contains(id))
                #expect(list.contains(sandbox))
                let info = try Value.json(
                    Array(try lab.run("/usr/bin/ctr", ctr + ["containers", "info", id]).text.utf8)
                )
                let labels = try #require(info["Labels"])
                #expect(labels["io.kubernetes.pod.name"] == .string("p"))
                #expect(labels["io.kubernetes.pod.namespace"] == .string("shop"))
                #expect(labels["io.kubernetes.container.name"] == .string("c"))
                let execed = try lab.run(
                    "/usr/bin/ctr",
                    ctr + ["tasks", "exec", "--exec-id", "x", id, "cat", "/etc/hosts"]
                )
                #expect(execed.text.contains("192.0.2.9\tdb\n"))
            }
            // More than gRPC takes where nothing is said.
            let long = try lab.pod("exec", ["p", "--", "busybox", "seq", "1000000"])
            #expect(long.code == 0 && long.text.utf8.count == 6_888_896, "\(long.errors)")
            let bad = try lab.pod("exec", ["p", "--", "sh", "-c", "echo out; echo err >&2; exit 7"])
            #expect(bad.code == 7)
            #expect(bad.text == "out\n")
            #expect(bad.errors == "err\n")
            for flag in ["-i", "-t", "-it", "--stdin", "--tty"] {
                let input = try lab.pod("exec", [flag, "p", "--", "cat"], input: "x")
                #expect(input.code == 2)
                #expect(input.errors.contains("is not supported: exec has no input and no terminal"), "\(input.errors)")
            }
            let ended = try lab.pod("exec", ["--timeout", "1", "p", "--", "sleep", "77"])
            #expect(ended.code == 1, "\(ended.errors)")
            let still = try lab.pod("exec", ["p", "--", "sh", "-c", "busybox ps | grep -c '[s]leep 77'"])
            #expect(still.text == "0\n", "\(still.errors)")
            let never = try lab.pod("exec", ["--timeout", "9223372036854775807", "p", "--", "true"])
            #expect(never.code == 2, "\(never.errors)")
            let again = try lab.pod("run", ["-f", lab.work + "/pod.yaml"] + lab.kubelet())
            #expect(again.code == 1)
            #expect(again.errors.contains("there is a pod shop/p already: remove it with 'umwelt pod rm shop/p'"))
            // A first process heeds no SIGTERM that it does not handle; the pod says that it has one second.
            let began = ContinuousClock.now
            let removed = try lab.pod("rm", ["none", "p"])
            #expect(ContinuousClock.now - began < .seconds(25))
            #expect(removed.code == 1)
            #expect(removed.errors == "umwelt: there is no pod none (see 'umwelt pod ps')\n")
            try lab.expectNothingLeft()
        }

        /// Who looks after a pod that is removed says so, and starts nothing again.
        @Test(arguments: Lab.engines)
        func aPodIsRemovedUnderItsRun(engine: Lab.Engine) async throws {
            let lab = try Lab(engine)
            let text = Lab.manifest("", containers: Lab.sleeper).replacingOccurrences(of: "Never", with: "Always")
            let arguments = try ["-f", lab.write("pod.yaml", text)] + lab.kubelet()
            let run = Task.detached { try lab.pod("run", arguments) }
            for _ in 0..<300 {
                if try lab.pod("ps", []).text.contains("c (running)") { break }
                try await Task.sleep(for: .milliseconds(100))
            }
            #expect(try lab.pod("rm", ["p"]).code == 0)
            let output = try await run.value
            #expect(output.code == 1)
            #expect(output.errors.hasSuffix("umwelt: pod shop/p was removed by somebody else\n"), "\(output.errors)")
            try lab.expectNothingLeft()
        }

        /// A sidecar that ends is started again while the init containers after it run: at once the first time.
        @Test(arguments: Lab.engines)
        func sidecarsAreLookedAfterFromTheBeginning(engine: Lab.Engine) throws {
            let lab = try Lab(engine)
            let spec = """
                nodeSelector: {a: b}
                volumes: [{name: w, emptyDir: {}}]
                initContainers:
                - name: s
                  image: localhost/umwelt/box:1
                  restartPolicy: Always
                  command: [sh, -c, "echo x >> /w/f; sleep 1"]
                  volumeMounts: [{name: w, mountPath: /w}]
                - name: i
                  image: localhost/umwelt/box:1
                  command: [sh, -c, "for i in `busybox seq 60`; do test `grep -c x /w/f` -ge 2 && exit; sleep 0.5; done; exit 1"]
                  volumeMounts: [{name: w, mountPath: /w}]

                """
            let run = try lab.start(Lab.manifest(spec), ["--rm"])
            #expect(run.errors.contains("warning: without effect here: spec.nodeSelector\n"))
            try lab.expectNothingLeft()
        }

        /// The cgroup that holds a pod's containers has the kubelet's name, weight and limits, and goes with the pod.
        @Test(arguments: Lab.engines)
        func thePodsOwnCgroupIsLimited(engine: Lab.Engine) throws {
            let lab = try Lab(engine)
            let two = ["a", "b"].map {
                """
                  - name: \($0)
                    image: localhost/umwelt/box:1
                    command: [sleep, "1000"]
                    resources: {requests: {cpu: 100m}, limits: {cpu: 500m, memory: 32Mi}}

                """
            }
            let start = try lab.start(Lab.manifest("", containers: two.joined()), ["--detach"])
            #expect(!start.errors.contains("cgroup"), "\(start.errors)")
            let directories = try FileManager.default.contentsOfDirectory(atPath: lab.podRoot)
            let uid = try #require(directories.first)
            func value(_ controller: String, _ names: String...) -> [String] {
                names.compactMap { name in
                    [controller, "unified", ""].lazy.compactMap { place in
                        try? String(
                            contentsOfFile: "/sys/fs/cgroup/\(place)/kubepods/burstable/pod\(uid)/\(name)",
                            encoding: .utf8
                        )
                    }.first?.filter { $0 != "\n" }
                }
            }
            #expect([["67108864"]].contains(value("memory", "memory.limit_in_bytes", "memory.max")))
            #expect([["204"], ["8"]].contains(value("cpu", "cpu.shares", "cpu.weight")))
            #expect([["100000"], ["100000 100000"]].contains(value("cpu", "cpu.cfs_quota_us", "cpu.max")))
            #expect(try lab.pod("rm", ["p", "--grace-seconds", "0"]).code == 0)
            #expect(value("memory", "memory.limit_in_bytes", "memory.max") == [])
            try lab.expectNothingLeft()
        }

        @Test(arguments: Lab.engines)
        func aSignalRemovesThePod(engine: Lab.Engine) throws {
            let lab = try Lab(engine)
            let manifest = try lab.write(
                "pod.yaml",
                Lab.manifest(
                    "",
                    containers: "  - {name: c, image: localhost/umwelt/box:1, command: [sleep, \"1000\"]}\n"
                )
            )
            let run = try lab.pod("run", ["-f", manifest] + lab.kubelet(), interruptAfter: 4, signal: SIGTERM)
            #expect(run.code == 128 + SIGTERM, "\(run.errors)")
            try lab.expectNothingLeft()
        }

        /// With a group alone the user is the image's; a port may have several on the node.
        @Test(arguments: Lab.engines)
        func aGroupAloneAndSeveralHostPorts(engine: Lab.Engine) throws {
            let lab = try Lab(engine)
            let container = """
                  - name: c
                    image: localhost/umwelt/box:1
                    command: [sh, -c, "id -u; id -g"]
                    securityContext: {runAsGroup: 5}
                    ports: [{containerPort: 80, hostPort: 8080, hostIP: 127.0.0.1}, {containerPort: 80, hostPort: 8081}]

                """
            try lab.start(Lab.manifest("", containers: container))
            #expect(try lab.pod("logs", ["p"]).text == "0\n5\n")
            if engine == .docker {
                let format = "{{range .HostConfig.PortBindings}}{{range .}}{{.HostPort}} {{end}}{{end}}"
                let id = try lab.engineTool(["ps", "-q", "--filter", "label=io.kubernetes.docker.type=podsandbox"], [])
                    .text
                let ports = try lab.engineTool(["inspect", "-f", format, String(id.prefix { $0 != "\n" })], []).text
                #expect(ports == "8080 8081 \n")
            }
            #expect(try lab.pod("rm", ["p"]).code == 0)
            try lab.expectNothingLeft()
        }

        /// NIO's HTTP/2 gives up a connection on which too many calls are made.
        @Test(arguments: Lab.engines)
        func severalContainersAreLookedAfterForLong(engine: Lab.Engine) throws {
            let lab = try Lab(engine)
            let containers = ["a", "b", "c"].map {
                "  - {name: \($0), image: localhost/umwelt/box:1, command: [sleep, \"35\"]}\n"
            }
            let run = try lab.start(Lab.manifest("", containers: containers.joined()), ["--rm"])
            #expect(!run.errors.contains(" answer"), "\(run.errors)")
            try lab.expectNothingLeft()
        }

        /// One container that somebody removes is started again; the others go on.
        @Test(arguments: Lab.engines)
        func aContainerIsRemovedUnderItsRun(engine: Lab.Engine) async throws {
            let lab = try Lab(engine)
            let container = Lab.sleeper.replacing(
                "sleep, \"1000\"",
                with: "sh, -c, \"test -e /v/x && exit; echo > /v/x; sleep 1000\""
            )
            let mounted = container.replacing("}\n", with: ", volumeMounts: [{name: v, mountPath: /v}]}\n")
            let spec = "volumes: [{name: v, emptyDir: {}}]\n"
            let text = Lab.manifest(spec, containers: mounted).replacing("Never", with: "OnFailure")
            let run = Task.detached { try lab.start(text, ["--rm"]) }
            var id: String?
            for _ in 0..<300 where id == nil {
                try await Task.sleep(for: .milliseconds(100))
                let rows = try Value.json(Array(try lab.pod("ps", ["-o", "json"]).text.utf8)).array
                let one = rows?.first?["containers"]?.array?.first
                if one?["state"] == .string("running") { id = one?["id"]?.string }
            }
            let found = try #require(id)
            // It has to have made its mark.
            try await Task.sleep(for: .seconds(1))
            // containerd removes no sandbox of which ctr has removed a container.
            #expect(try lab.engineTool(["rm", "-f", found], ["tasks", "kill", "-s", "SIGKILL", found]).code == 0)
            _ = try await run.value
            try lab.expectNothingLeft()
        }

        /// A failed init container ends the pod, which stays with what it said.
        @Test(arguments: Lab.engines)
        func aFailedInitContainerLeavesItsLog(engine: Lab.Engine) throws {
            let lab = try Lab(engine)
            let command = "echo why it failed; echo short > /dev/termination-log; exit 5"
            let spec = "initContainers: [{name: i, image: localhost/umwelt/box:1, command: [sh, -c, \"\(command)\"]}]\n"
            let manifest = try lab.write("pod.yaml", Lab.manifest(spec))
            for option in [[], ["--detach"]] {
                let run = try lab.pod("run", ["-f", manifest] + option + lab.kubelet())
                #expect(run.code == 1)
                let said = "umwelt: pod shop/p: init container i ended with 5: short\n"
                #expect(run.errors.hasSuffix(said), "\(run.errors)")
                #expect(run.text == "")
                #expect(try lab.pod("logs", ["p", "-c", "i"]).text == "why it failed\n")
                // The rest was not started.
                let list = try lab.pod("ps", ["-o", "json"]).text
                #expect(list.contains("\"name\": \"i\"") && !list.contains("\"name\": \"c\""), "\(list)")
                #expect(try lab.pod("rm", ["p"]).code == 0)
                try lab.expectNothingLeft()
            }
        }

        /// What was started, and the answer lost, runs once: its end is the pod's.
        @Test(arguments: Lab.engines)
        func aLostAnswerStartsNothingTwice(engine: Lab.Engine) throws {
            let lab = try Lab(engine)
            let container = """
                  - name: c
                    image: localhost/umwelt/box:1
                    command: [sh, -c, "echo run >> /v/runs; grep -c run /v/runs; test $(grep -c run /v/runs) -gt 1 || exit 1; sleep 5"]
                    volumeMounts: [{name: v, mountPath: /v}]

                """
            let volume = lab.work + "/volume"
            try FileManager.default.createDirectory(atPath: volume, withIntermediateDirectories: true)
            let manifest = Lab.manifest("volumes: [{name: v, hostPath: {path: \(volume)}}]\n", containers: container)
                .replacingOccurrences(of: "restartPolicy: Never", with: "restartPolicy: OnFailure")
            let proxy = try LostAnswer(lab)
            var options = try ["--socket", proxy.socket, "--root-dir", lab.podRoot, "--logs-dir", lab.logRoot]
            options += try ["--pause-image", "localhost/umwelt/pause:1"] + lab.kubelet()
            let path = try lab.write("pod.yaml", manifest)
            let run = try lab.run("umwelt-pod", ["run", "-f", path] + options)
            #expect(run.code == 0, "\(run.errors)")
            #expect(proxy.isLost)
            #expect(try String(contentsOfFile: volume + "/runs", encoding: .utf8) == "run\nrun\n")
            #expect(try lab.pod("logs", ["p"]).text == "2\n")
            #expect(try lab.pod("rm", ["p"]).code == 0)
            try lab.expectNothingLeft()
        }

        /// Containers that go on while their engine is restarted are looked after from then on as before.
        @Test(arguments: Lab.engines)
        func aRestartOfTheEngineIsWaitedFor(engine: Lab.Engine) async throws {
            let lab = try Lab(engine)
            let container = """
                  - name: c
                    image: localhost/umwelt/box:1
                    command: [sh, -c, "until test -e /v/end; do sleep 0.1; done; exit 7"]
                    volumeMounts: [{name: v, mountPath: /v}]

                """
            let volume = lab.work + "/volume"
            try FileManager.default.createDirectory(atPath: volume, withIntermediateDirectories: true)
            let manifest = try lab.write(
                "pod.yaml",
                Lab.manifest("volumes: [{name: v, hostPath: {path: \(volume)}}]\n", containers: container)
            )
            let options = try lab.kubelet()
            let run = Task.detached { try lab.pod("run", ["-f", manifest] + options) }
            func wait(_ isSo: () throws -> Bool) throws {
                for _ in 0..<300 {
                    if try isSo() { return }
                    Thread.sleep(forTimeInterval: 0.1)
                }
                Issue.record("it does not come to that")
            }
            func isRunning() throws -> Bool {
                try lab.pod("ps", ["-o", "json"]).text.contains("\"state\": \"running\"")
            }
            try wait(isRunning)
            let file = lab.lab + (engine == .docker ? "/dockerd.process" : "/containerd.process")
            let process = try #require(Int32(String(contentsOfFile: file, encoding: .utf8).filter { $0 != "\n" }))
            #expect(kill(process, SIGKILL) == 0)
            try wait { try lab.pod("ps", []).code != 0 }
            try wait(isRunning)
            _ = try lab.write("volume/end", "")
            let ended = try await run.value
            #expect(ended.code == 1)
            let warning = "pod shop/p is left as it is until \(lab.socket) answers again\n"
            // dockerd is back sooner than a second look can fail, and a single one is not said.
            #expect(engine == .docker || ended.errors.contains(warning), "\(ended.errors)")
            #expect(ended.errors.hasSuffix("umwelt: pod shop/p: c ended with 7\n"), "\(ended.errors)")
            #expect(try lab.pod("rm", ["p"]).code == 0)
            try lab.expectNothingLeft()
        }

        struct Failing: CustomTestStringConvertible, Sendable {
            var name: String
            var spec: String
            var containers: String?
            var message: String

            var testDescription: String { name }
        }

        static let failures = [
            Failing(
                name: "an image that is not there",
                spec: "",
                containers: "  - {name: c, image: localhost/umwelt/none:1, imagePullPolicy: Never}\n",
                message: "container c: the image localhost/umwelt/none:1 is not here, and imagePullPolicy is Never"
            ),
            Failing(
                name: "an image that cannot be pulled",
                spec: "",
                containers: "  - {name: c, image: \"127.0.0.1:1/none:1\"}\n",
                message: "container c: image 127.0.0.1:1/none:1: "
            ),
            Failing(
                name: "a hostPath of another kind",
                spec: "volumes: [{name: v, hostPath: {path: /etc/passwd, type: Directory}}]\n",
                containers: nil,
                message: "volume v: hostPath type check failed: /etc/passwd is not a directory"
            ),
            Failing(
                name: "a runtime that is not there",
                spec: "runtimeClassName: nonsense\n",
                containers: nil,
                message: "\"nonsense\""
            ),
            Failing(
                name: "a command that is not there",
                spec: "",
                containers: "  - {name: c, image: localhost/umwelt/box:1, command: [/nowhere]}\n",
                message: "container c: "
            ),
            Failing(
                name: "what is not supported",
                spec: "volumes: [{name: v, nfs: {server: x}}]\n",
                containers:
                    "  - {name: c, image: localhost/umwelt/box:1, livenessProbe: {exec: {command: [x]}}, lifecycle: {preStop: {sleep: {seconds: 1}}}}\n",
                message:
                    "spec.volumes[0].nfs is not supported; spec.containers[0].livenessProbe is not supported; spec.containers[0].lifecycle is not supported"
            ),
            Failing(
                name: "root where none may be",
                spec: "securityContext: {runAsNonRoot: true}\n",
                containers: nil,
                message: "container c: container has runAsNonRoot and image will run as root"
            ),
            Failing(
                name: "root that is asked for where none may be",
                spec: "securityContext: {runAsNonRoot: true, runAsUser: 0}\n",
                containers: nil,
                message: "container c: container's runAsUser breaks non-root policy"
            ),
        ]

        @Test(arguments: Lab.engines, failures)
        func whatFailsSaysWhyAndLeavesNothing(engine: Lab.Engine, entry: Failing) throws {
            let lab = try Lab(engine)
            let manifest = try lab.write("pod.yaml", Lab.manifest(entry.spec, containers: entry.containers))
            let run = try lab.pod("run", ["-f", manifest] + lab.kubelet())
            #expect(run.code == 1)
            #expect(run.errors.contains(entry.message), "\(run.errors)")
            try lab.expectNothingLeft()
        }

        @Test func socketsThatAreDeadOrAnotherEngines() throws {
            let lab = try Lab(.containerd)
            let manifest = try lab.write("pod.yaml", Lab.manifest(""))
            func failure(_ arguments: [String]) throws -> String {
                let run = try lab.run("umwelt-pod", ["run", "-f", manifest] + lab.kubelet() + arguments)
                #expect(run.code == 1)
                return run.errors
            }
            let docker = lab.lab + "/docker.sock"
            #expect(
                try failure(["--socket", "/nowhere/x.sock"])
                    == "umwelt: connect to /nowhere/x.sock: no such file or directory\n"
            )
            #expect(try failure(["--socket", "/nowhere/docker.sock"]).contains("no such file or directory"))
            #expect(
                try failure(["--engine", "docker", "--socket", lab.socket])
                    .hasPrefix(
                        "umwelt: reach Docker at \(lab.socket): it does not answer as Docker: if it is a CRI runtime's, --engine cri ("
                    )
            )
            #expect(
                try failure(["--engine", "cri", "--socket", docker])
                    .hasPrefix(
                        "umwelt: Version: \(docker) does not answer as a CRI runtime: if it is Docker's, --engine docker ("
                    )
            )
            try lab.expectNothingLeft()
        }

        /// Manifests as kubectl writes them are taken as they come.
        @Test(.enabled(if: FileManager.default.isExecutableFile(atPath: "/usr/bin/kubectl"), "kubectl is not here"))
        func kubectlsManifestsAreTaken() throws {
            let lab = try Lab(.containerd)
            let dry = ["--dry-run=client", "-o", "yaml"]
            let image = "--image=localhost/umwelt/box:1"
            let kinds = [
                ["create", "deployment", "web", image, "--replicas=2", "--port=80"],
                ["create", "cronjob", "web", image, "--schedule=* * * * *"], ["create", "job", "web", image],
            ]
            var all = try lab.run("/usr/bin/kubectl", ["create", "configmap", "m", "--from-literal=k=v"] + dry).text
            for kind in kinds {
                for form in ["yaml", "json"] {
                    let manifest = try lab.run("/usr/bin/kubectl", kind + ["--dry-run=client", "-o", form]).text
                    let explained = try lab.dns("explain", ["-", "-o", "json"] + lab.kubelet(), input: manifest)
                    #expect(explained.code == 0, "\(kind) \(manifest) \(explained.errors)")
                    #expect(explained.text.contains("\"default.svc.cluster.local\""))
                }
                all += "---\n" + (try lab.run("/usr/bin/kubectl", kind + dry).text)
            }
            let several = try lab.dns("explain", ["-", "--pod", "cronjob/web"] + lab.kubelet(), input: all)
            #expect(several.code == 0, "\(several.errors)")
            // As kubectl run makes a pod, which it does not without a server, in a List as kubectl get prints it.
            let one = """
                {"kind": "Pod", "apiVersion": "v1", "metadata": {"name": "once", "creationTimestamp": null, "labels": {"run": "once"}},
                 "spec": {"containers": [{"name": "once", "image": "localhost/umwelt/box:1", "args": ["echo", "hello"], "resources": {}}],
                          "restartPolicy": "Never", "dnsPolicy": "ClusterFirst"}, "status": {}}
                """
            let list = "{\"apiVersion\":\"v1\",\"kind\":\"List\",\"items\":[\(one)]}"
            let ran = try lab.pod("run", ["-f", "-"] + lab.kubelet(), input: list)
            #expect(ran.code == 0, "\(ran.errors)")
            #expect(try lab.pod("logs", ["once"]).text == "hello\n")
            #expect(try lab.pod("rm", ["once"]).code == 0)
            let job = ["create", "job", "hello", "--image=localhost/umwelt/box:1"] + dry + ["--", "echo", "hello"]
            let manifest = try lab.run("/usr/bin/kubectl", job).text
            let run = try lab.pod("run", ["-f", "-", "--rm"] + lab.kubelet(), input: manifest)
            #expect(run.code == 0, "\(run.errors)")
            try lab.expectNothingLeft()
        }
    }
}
