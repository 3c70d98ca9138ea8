// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

import Documents
import Manifests
import PodDNS
import Testing

struct ManifestTests {
    private func manifest(_ text: String) throws -> Manifest { try Manifest(Array(text.utf8), path: "m") }

    private func failure(_ text: String, pod: String? = nil) -> String? {
        do {
            _ = try manifest(text).pod(named: pod, path: "m").dnsPod()
            return nil
        } catch { return "\(error)" }
    }

    @Test func aPodIsRead() throws {
        let text = """
            apiVersion: v1
            kind: Pod
            metadata: {name: web, namespace: shop, uid: u-1}
            spec:
              dnsPolicy: None
              hostNetwork: true
              dnsConfig:
                nameservers: [1.1.1.1]
                searches: [a.b]
                options: [{name: ndots, value: "2"}, {name: rotate}]
              containers: []
            """
        let pod = try manifest(text).pod(named: nil, path: "m").dnsPod()
        let config = Pod.DNSConfig(
            nameservers: ["1.1.1.1"],
            searches: ["a.b"],
            options: [.init("ndots", "2"), .init("rotate")]
        )
        #expect(
            pod
                == Pod(
                    name: "web",
                    namespace: "shop",
                    uid: "u-1",
                    isOnHostNetwork: true,
                    policy: "None",
                    dnsConfig: config
                )
        )
    }

    @Test(arguments: ["Pod", "Deployment", "Secret", "List", "DeploymentList"])
    func otherKindsOfTheSameNameAreOthers(kind: String) throws {
        let spec = "spec: {template: {spec: {containers: []}}, containers: []}\nitems: [{spec: {template: {spec: {}}}}]"
        let read = try manifest("kind: \(kind)\napiVersion: example.com/v1\nmetadata: {name: d}\n\(spec)\n")
        #expect(read.others == ["\(kind) of example.com/v1"] && read.pods.isEmpty && read.secrets.isEmpty)
    }

    @Test(arguments: [
        ("Pod", "v1", ["apps/v1", "v2", "1", "\"\""]), ("Secret", "v1", ["apps/v1"]), ("List", "v1", ["apps/v1"]),
        ("ConfigMap", "v1", ["core/v1"]), ("PodTemplate", "v1", ["apps/v1"]),
        ("ReplicationController", "v1", ["v1beta3"]),
        ("Deployment", "apps/v1", ["v1", "extensions/v1beta1", "apps/v1beta2", "App/v1", "apps/v1/x.y"]),
        ("ReplicaSet", "apps/v1", ["v1"]), ("StatefulSet", "apps/v1", ["v1"]), ("DaemonSet", "apps/v1", ["v1"]),
        ("Job", "batch/v1", ["apps/v1"]), ("CronJob", "batch/v1", ["batch/v1beta1", "batch/v2alpha1"]),
    ])
    func aVersionThatKubernetesDoesNotHaveIsRefused(kind: String, version: String, wrong: [String]) throws {
        let template = "spec: {containers: []}"
        let spec = "spec: {template: {\(template)}, jobTemplate: {spec: {template: {\(template)}}}, containers: []}"
        func text(_ version: String) -> String {
            "kind: \(kind)\napiVersion: \(version)\nmetadata: {name: d}\nitems: []\ntemplate: {\(template)}\n\(spec)\n"
        }
        #expect(try manifest(text(version)).others == [])
        for other in wrong {
            let said = other == "1" ? "a number" : other == "\"\"" ? other : "\"\(other)\""
            #expect(failure(text(other)) == "m: \(kind) d: apiVersion is \(said), not \(version)")
        }
    }

    /// What a list of the API's says of its version holds for what is in it.
    @Test func aListsVersionIsItsItems() throws {
        func text(_ version: String) -> String {
            "kind: PodList\napiVersion: \(version)\nitems: [{metadata: {name: a}, spec: {}}]\n"
        }
        #expect(try manifest(text("v1")).pods.map(\.title) == ["Pod a"])
        #expect(failure(text("apps/v1")) == "m: Pod a: apiVersion is \"apps/v1\", not v1")
    }

    @Test func anEmptyDNSConfigIsNotNone() throws {
        func config(_ text: String) throws -> Pod.DNSConfig? {
            try manifest("kind: Pod\nspec: {\(text)}\n").pods[0].dnsPod().dnsConfig
        }
        #expect(try config("dnsConfig: {}") == .init())
        #expect(try config("dnsConfig: null") == nil)
        #expect(try config("") == nil)
    }

    @Test func namespacesComeFromTheOwnerOrTheCommandLine() throws {
        func namespace(_ pod: String, _ owner: String = "", override: String? = nil) throws -> Word {
            let text =
                "kind: Deployment\nmetadata: {name: d\(owner)}\nspec: {template: {metadata: {x: y\(pod)}, spec: {}}}\n"
            return try manifest(text).pods[0].dnsPod(namespace: override).namespace
        }
        #expect(try namespace("") == "default")
        #expect(try namespace("", ", namespace: o") == "o")
        #expect(try namespace(", namespace: p", ", namespace: o") == "o")
        #expect(try namespace("", ", namespace: ''") == "")
        #expect(try namespace("", ", namespace: o", override: "c") == "c")
    }

    @Test(arguments: [
        ("Deployment", "{template: {spec: {dnsPolicy: Default}}}"),
        ("StatefulSet", "{template: {spec: {dnsPolicy: Default}}}"),
        ("DaemonSet", "{template: {spec: {dnsPolicy: Default}}}"), ("Job", "{template: {spec: {dnsPolicy: Default}}}"),
        ("ReplicaSet", "{template: {spec: {dnsPolicy: Default}}}"),
        ("ReplicationController", "{template: {spec: {dnsPolicy: Default}}}"),
        ("CronJob", "{jobTemplate: {spec: {template: {spec: {dnsPolicy: Default}}}}}"),
    ])
    func workloadsHaveTemplates(kind: String, spec: String) throws {
        let pods = try manifest("kind: \(kind)\nmetadata: {name: web}\nspec: \(spec)\n").pods
        #expect(try pods[0].dnsPod().policy == "Default")
        #expect(pods[0].title == "\(kind) web")
    }

    @Test func listsAndSeveralDocuments() throws {
        let text = """
            kind: List
            items:
            - {kind: Pod, metadata: {name: a}, spec: {}}
            - {kind: Service, metadata: {name: s}}
            ---
            kind: Pod
            metadata: {name: b}
            spec: {}
            ---
            kind: ConfigMap
            metadata: {name: c}
            """
        let manifest = try manifest(text)
        #expect(manifest.pods.map(\.name) == ["a", "b"])
        #expect(manifest.others == ["Service"])
        #expect(try manifest.pod(named: "b", path: "m").name == "b")
        #expect(failure(text) == "m: there are several in it: Pod a, Pod b; choose one with --pod NAME")
        #expect(failure(text, pod: "z") == "m: there is no pod z in it, but Pod a, Pod b")
    }

    /// Pods of one name are told apart by their namespaces.
    @Test func aNameInSeveralNamespaces() throws {
        let text = ["a", "b"].map { "kind: Pod\nmetadata: {name: web, namespace: \($0)}\nspec: {}\n" }
            .joined(separator: "---\n")
        let manifest = try manifest(text)
        for namespace in ["a", "b"] {
            #expect(try manifest.pod(named: "web", in: namespace, path: "m").namespace == namespace)
            #expect(try manifest.pod(named: nil, in: namespace, path: "m").namespace == namespace)
        }
        let message =
            "m: there are several in it: Pod a/web, Pod b/web; choose one with --pod KIND/NAME and --namespace NAME"
        #expect(failure(text) == message)
        #expect(failure(text, pod: "web") == message)
        #expect(throws: DocumentError(message)) { try manifest.pod(named: "web", in: "c", path: "m") }
    }

    /// Controllers take neither name nor namespace of a template over.
    @Test func aWorkloadsPodsAreWhereItIs() throws {
        let template = "template: {metadata: {name: t, namespace: other, labels: {a: b}}, spec: {}}"
        let text = "kind: Deployment\nmetadata: {name: web, namespace: shop}\nspec: {\(template)}\n"
        let pod = try manifest(text).pods[0]
        #expect(pod.name == "web" && pod.namespace == "shop" && !pod.generatesName)
        #expect(pod.metadata["labels"]?["a"] == .string("b"))
        let job = try manifest("kind: Job\nmetadata: {generateName: pi-}\nspec: {\(template)}\n").pods[0]
        #expect(job.name == "pi-" && job.namespace == nil && job.generatesName)
    }

    /// The API's own lists say what is in them once; a PodTemplate has no spec around its template.
    @Test func listsOfTheAPIAndPodTemplates() throws {
        let items =
            "{metadata: {name: a}, spec: {template: {spec: {}}}}, {metadata: {name: b}, spec: {template: {spec: {}}}}"
        #expect(
            try manifest("kind: DeploymentList\nitems: [\(items)]\n").pods.map(\.title) == [
                "Deployment a", "Deployment b",
            ]
        )
        #expect(
            try manifest("kind: PodList\nitems: [{metadata: {name: a}, spec: {}}]\n").pods.map(\.title) == ["Pod a"]
        )
        let template = "kind: PodTemplate\nmetadata: {name: t}\ntemplate: {spec: {dnsPolicy: Default}}\n"
        #expect(try manifest(template).pods[0].dnsPod().policy == "Default")
    }

    @Test(arguments: [
        ("", "m: there is no pod and no workload in it, but nothing"),
        ("kind: Service\n", "m: there is no pod and no workload in it, but Service"),
        ("a: 1\n", "m: there is no kind in it: this is no manifest of Kubernetes'"),
        ("hello\n", "m: a string, a manifest with a kind is expected"),
        ("kind: Pod\n", "m: Pod : spec is missing"),
        ("kind: Deployment\nmetadata: {name: d}\nspec: {}\n", "m: Deployment d: spec.template is missing"),
        ("kind: Pod\nspec: {dnsPolicy: 5}\n", "Pod : spec.dnsPolicy is a number, not a string: write it in quotes"),
        (
            "kind: Pod\nspec: {dnsConfig: {searches: a}}\n",
            "Pod : spec.dnsConfig.searches is a string, not a list of strings"
        ),
        (
            "kind: Pod\nspec: {dnsConfig: {options: [{name: ndots, value: 2}]}}\n",
            "Pod : spec.dnsConfig.options[0].value is a number, not a string: write it in quotes"
        ),
        (
            "kind: Pod\nmetadata: {name: 12}\nspec: {}\n",
            "m: Pod : metadata.name is a number, not a string: write it in quotes"
        ),
        (
            "kind: Pod\nmetadata: {name: a, namespace: 12}\nspec: {}\n",
            "m: Pod a: metadata.namespace is a number, not a string: write it in quotes"
        ),
        (
            "kind: Job\nmetadata: {name: j, namespace: 1}\nspec: {template: {spec: {}}}\n",
            "m: Job j: metadata.namespace is a number, not a string: write it in quotes"
        ),
        ("kind: Pod\nspec: {hostNetwork: maybe}\n", "Pod : spec.hostNetwork is a string, not true or false"),
    ])
    func wrongManifestsAreNamed(text: String, message: String) {
        #expect(failure(text) == message)
    }
}
