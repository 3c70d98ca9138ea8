// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

import DockerEngine
import Documents
import KubeletSettings
import Manifests
import PodDNS
import Pods
import Testing

/// What comes from outside may be refused, and never ends the process: a trap would end this test program.
@Suite(.serialized)
struct DecoderTests {
    private static let words = [
        "[", "]", "{", "}", "- ", "? ", ": ", "&a ", "*a", "<<: *a", "!!int ", "!!binary ", "!!float ", "!!null ",
        "|\n", ">-\n",
        "---\n", "...\n", "\"", "'", "\\u0000", "\\ud800", "\t", "\r\n", "\u{85}", "\u{feff}", "\u{e9}", "%YAML 1.2\n",
        "0x7fffffffffffffffff", "0b1", "0o8", "9223372036854775808", "-9223372036854775809", "1e999", ".inf", "-.inf",
        ".nan",
        "99999999999999999:59:59", "9223372036854775807:59.9", "2001-12-14t21:59:43.10-05:00", "null", "~", "true",
        "no",
        "4Ei", "1e30", "-1", "0.0000000001", "100m", "null: null", "metadata.labels['a']", "$(A)", "$$(A)", "dnsPolicy",
        "kind: ",
    ]

    private static let manifests = [
        """
        apiVersion: v1
        kind: Pod
        metadata: {name: web, namespace: shop, labels: {a: b}}
        spec:
          dnsPolicy: None
          hostNetwork: true
          dnsConfig:
            nameservers: [1.1.1.1]
            searches: [a.b]
            options: [{name: ndots, value: "2"}, {name: rotate}]
          containers:
          - name: c
            image: i:1
            command: [sh, -c, "echo $(A)"]
            env: [{name: A, value: x}, {name: B, valueFrom: {fieldRef: {fieldPath: "metadata.labels['a']"}}}]
            resources: {limits: {cpu: 500m, memory: 64Mi}, requests: {cpu: 1.5, memory: 1e3}}
            ports: [{containerPort: 80, hostPort: 8080, protocol: UDP}]
            volumeMounts: [{name: v, mountPath: /v, subPath: a}]
            securityContext: {runAsUser: 1000, capabilities: {add: [NET_ADMIN]}}
          volumes:
          - {name: v, emptyDir: {medium: Memory, sizeLimit: 1Gi}}
          - {name: m, configMap: {name: m, defaultMode: 420, items: [{key: k, path: a/b}]}}
          terminationGracePeriodSeconds: 5
        ---
        {kind: ConfigMap, metadata: {name: m}, data: {k: v}, binaryData: {b: aGk=}}
        """,
        """
        kind: List
        items:
        - {kind: CronJob, metadata: {name: n}, spec: {jobTemplate: {spec: {template: {spec: {containers: []}}}}}}
        - &a {kind: Deployment, metadata: {name: d}, spec: {template: {metadata: {}, spec: {hostNetwork: false}}}}
        - *a
        """,
        #"{"kind":"Pod","metadata":{"name":"p"},"spec":{"containers":[{"name":"c","image":"i","stdin":true,"tty":false}]}}"#,
        "a: &x {b: 1}\nc: {<<: *x, d: 2}\n? [k]\n: v\n",
    ]

    @Test func manifestsAndTheirPlans() {
        Mutator(Self.manifests, words: Self.words).forEach { text, _ in
            guard let manifest = try? Manifest(text, path: "m") else { return }
            let store = try? Store(configMaps: manifest.configMaps, secrets: manifest.secrets)
            for document in manifest.pods {
                if let pod = try? document.dnsPod() {
                    let kubelet = Kubelet(clusterDNS: ["10.0.0.10"], clusterDomain: "cluster.local")
                    _ = Rendering(
                        .init(Composition(pod, kubelet, .contents(text))),
                        by: Runtime(.containerd),
                        on: .init(resolvConf: nil)
                    )
                    _ = Validation.errors(pod)
                }
                guard let store, let plan = try? PlanReader(document, store).plan(namespace: nil, uid: "u") else {
                    continue
                }
                _ = plan.cgroup
                for container in plan.allContainers {
                    _ = (container.resources.cpuShares, container.resources.cpuQuota)
                    _ = container.resources.oomScore(quality: plan.qosClass, nodeMemory: 0)
                }
            }
        }
    }

    /// What was read is written so that it is read again.
    @Test func documentsInAndOut() {
        Mutator(Self.manifests, words: Self.words).forEach { text, _ in
            guard let values = try? Value.documents(text) else { return }
            for value in values {
                let json = Array(value.compactJSON.utf8)
                #expect(throws: Never.self, "\(String(decoding: text, as: UTF8.self))") { try Value.json(json) }
                _ = value.yamlText
            }
        }
    }

    @Test func kubeletConfigurations() {
        let texts = [
            """
            apiVersion: kubelet.config.k8s.io/v1beta1
            kind: KubeletConfiguration
            resolvConf: /run/systemd/resolve/resolv.conf
            clusterDNS: [10.96.0.10, "fd00::a"]
            clusterDomain: cluster.local
            featureGates: {ExpandedDNSConfig: true}
            cgroupDriver: systemd
            staticPodPath: /etc/kubernetes/manifests
            """,
            #"{"kind":"KubeletConfiguration","clusterDNS":["10.96.0.10"],"resolvConf":""}"#,
        ]
        Mutator(texts, words: Self.words).forEach { text, _ in
            guard let settings = try? KubeletSettings(configuration: text, path: "k") else { return }
            for address in settings.clusterDNS?.value ?? [] { _ = IPAddress(sloppy: address)?.description }
        }
    }

    /// In pieces as a socket may give them.
    @Test func anEnginesAnswers() {
        let texts = [
            "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 22\r\n\r\n{\"Id\":\"a\",\"Warnings\":1}",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5;x=y\r\nhello\r\n0\r\nTrailer: x\r\n\r\n",
            "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 404 Not Found\r\n\r\n{\"message\":\"no such container\"}",
            "HTTP/1.1 101 UPGRADED\r\n\r\n\u{1}\0\0\0\0\0\0\u{5}hello\u{2}\0\0\0\0\0\0\u{1}x",
        ]
        let words = [
            "\r\n", "\r\n\r\n", "HTTP/1.1 ", "Content-Length: ", "Transfer-Encoding: chunked\r\n",
            "7fffffffffffffff\r\n", "-1", "0\r\n",
            "fffffffffffffff\r\n", "9223372036854775807", "+5\r\n", ";", "\0\0\0\0", "\u{7f}\u{7f}\u{7f}\u{7f}", "{",
            "\"",
        ]
        Mutator(texts, words: words).forEach { text, chance in
            var reader = HTTPReader()
            var frames = StreamFrames()
            var body: [UInt8] = []
            var rest = text[...]
            while !rest.isEmpty, !reader.isDone {
                let piece = rest.prefix(Int.random(in: 1...max(40, text.count / 8), using: &chance))
                rest = rest.dropFirst(piece.count)
                guard let part = try? reader.feed(piece) else { return }
                _ = frames.feed(part[...])
                body += part
            }
            try? reader.end()
            _ = try? Value.json(body)
        }
    }

    /// Nesting without end, in every form that there is: refused, not followed until the stack is gone.
    @Test(arguments: ["[", "{a: ", "- ", "? ", "{\"a\":", "[{", "&a [", "!!map {", "a:\n - "])
    func nestingIsBounded(word: String) {
        let text = Array(repeatElement(Array(word.utf8), count: 200_000).joined())
        #expect(throws: (any Error).self) { try Manifest(text, path: "m") }
    }
}
