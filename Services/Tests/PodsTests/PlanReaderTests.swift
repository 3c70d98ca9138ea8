// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

import Documents
import Manifests
import Pods
import Testing

struct PlanReaderTests {
    private func plan(_ spec: String, metadata: String = "{name: p}", extra: String = "") throws -> PodPlan {
        let text = "kind: Pod\nmetadata: \(metadata)\nspec: \(spec)\n---\n\(extra)\n"
        let manifest = try Manifest(Array(text.utf8), path: "m")
        let store = try Store(configMaps: manifest.configMaps, secrets: manifest.secrets)
        return try PlanReader(manifest.pods[0], store).plan(namespace: nil, uid: "1234")
    }

    private func failure(_ spec: String, metadata: String = "{name: p}", extra: String = "") -> String {
        do {
            _ = try plan(spec, metadata: metadata, extra: extra)
            return ""
        } catch { return "\(error)" }
    }

    private func container(_ more: String = "") -> String { "{containers: [{name: c, image: \"i:1\"\(more)}]}" }

    @Test func whatIsNotSaidIsTheKubeletsDefault() throws {
        let plan = try plan(container())
        #expect(plan.namespace == "default")
        #expect(plan.hostname == "p")
        #expect(plan.restartPolicy == .always)
        #expect(plan.graceSeconds == 30)
        #expect(plan.containers[0].pullPolicy == .ifNotPresent)
        #expect(plan.qosClass == "BestEffort")
        #expect(plan.cgroupParent(isSystemd: false) == "/kubepods/besteffort/pod1234")
        #expect(try self.plan("{containers: [{name: c, image: i}]}").containers[0].pullPolicy == .always)
        #expect(try self.plan("{containers: [{name: c, image: \"r:5000/i\"}]}").containers[0].pullPolicy == .always)
        #expect(
            try self.plan("{containers: [{name: c, image: \"i@sha256:x\"}]}").containers[0].pullPolicy == .ifNotPresent
        )
    }

    @Test func qualityAndWeights() throws {
        let limits = ", resources: {limits: {cpu: 1500m, memory: 64Mi}}"
        let plan = try plan(container(limits), metadata: "{name: p, uid: a-b}")
        #expect(plan.qosClass == "Guaranteed")
        #expect(plan.cgroupParent(isSystemd: true) == "/kubepods.slice/kubepods-poda_b.slice")
        #expect(plan.containers[0].resources.cpuQuota == 150_000)
        #expect(plan.containers[0].resources.cpuShares == 1536)
        #expect(plan.containers[0].resources.oomScore(quality: "Guaranteed", nodeMemory: 1 << 30) == -997)
        let burstable = try self.plan(container(", resources: {requests: {memory: 256Mi}}"))
        #expect(
            burstable.cgroupParent(isSystemd: true)
                == "/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod1234.slice"
        )
        #expect(burstable.containers[0].resources.oomScore(quality: "Burstable", nodeMemory: 1 << 30) == 750)
    }

    /// The pod's own cgroup as ResourceConfigForPod has it.
    @Test func thePodsCgroup() throws {
        func cgroup(_ containers: String, _ more: String = "") throws -> CgroupPlan {
            try plan("{containers: [\(containers)]\(more)}").cgroup
        }
        func one(_ name: String, _ resources: String, _ more: String = "") -> String {
            "{name: \(name), image: \"i:1\", resources: {\(resources)}\(more)}"
        }
        let full = "limits: {cpu: 500m, memory: 64Mi}"
        #expect(try cgroup(one("a", "")) == CgroupPlan(cpuShares: 2))
        #expect(
            try cgroup(one("a", full) + "," + one("b", full))
                == CgroupPlan(cpuShares: 1024, cpuQuota: 100_000, memoryLimit: 128 << 20)
        )
        // A limit of one container is none of the pod's.
        #expect(
            try cgroup(one("a", full) + "," + one("b", "requests: {cpu: 250m}")) == CgroupPlan(cpuShares: 768)
        )
        #expect(
            try cgroup(one("a", "limits: {memory: 1Mi}")) == CgroupPlan(cpuShares: 2, memoryLimit: 1 << 20)
        )
        // An init container runs beside the sidecars before it, the others beside all sidecars.
        let sidecar = one("s", "limits: {cpu: 100m, memory: 10Mi}", ", restartPolicy: Always")
        let large = one("i", "limits: {cpu: 2, memory: 100Mi}")
        #expect(
            try cgroup(one("a", full), ", initContainers: [\(sidecar), \(large)]")
                == CgroupPlan(cpuShares: 2150, cpuQuota: 210_000, memoryLimit: 110 << 20)
        )
        // Whatever a manifest says, nothing overflows.
        let huge = ["a", "b", "c"].map { one($0, "limits: {cpu: 4e15, memory: 3Ei}") }.joined(separator: ",")
        #expect(try cgroup(huge).memoryLimit == .max)
        #expect(try cgroup(huge).cpuShares == 262_144)
        #expect(try plan("{containers: [\(huge)]}").containers[0].resources.cpuQuota > 0)
        #expect(CgroupPlan(cpuShares: 1024).cpuWeight == 39)
        #expect(CgroupPlan(cpuShares: 2).cpuWeight == 1)
        #expect(CgroupPlan(cpuShares: 262_144).cpuWeight == 10_000)
    }

    @Test func everythingWrongIsNamedAtOnce() {
        let text = failure(
            "{containers: [{name: C, image: \"i:1\", livenessProbe: {httpGet: {}}, resources: {limits: {cpu: x}}, volumeMounts: [{name: v, mountPath: rel}]}], ephemeralContainers: [{name: e}], restartPolicy: Sometimes}"
        )
        for part in [
            "spec.restartPolicy is Sometimes, not Always, OnFailure or Never",
            "spec.containers[0].livenessProbe is not supported", "spec.ephemeralContainers is not supported",
            "spec.containers[0].resources.limits.cpu is no quantity",
            "spec.containers[0].volumeMounts[0].name v is no volume of the pod",
            "spec.containers[0].volumeMounts[0].mountPath is not an absolute path", "a container's name is \"C\"",
        ] {
            #expect(text.contains(part), "\(part) in \(text)")
        }
    }

    @Test func whatIsEmptyIsNotThere() throws {
        let plan = try plan(
            "{containers: [{name: c, image: \"i:1\", livenessProbe: {}, resources: {}, env: null}], initContainers: []}"
        )
        #expect(plan.initContainers.isEmpty)
    }

    @Test func whatOnlyAControlPlaneUsesIsNoted() throws {
        let plan = try plan("{containers: [{name: c, image: \"i:1\"}], nodeSelector: {a: b}, tolerations: [{key: x}]}")
        #expect(plan.notes == ["spec.nodeSelector", "spec.tolerations"])
    }

    @Test func volumesComeFromTheManifest() throws {
        let spec =
            "{containers: [{name: c, image: \"i:1\"}], volumes: [{name: v, configMap: {name: m}}, {name: e, emptyDir: {}}]}"
        let map = "{kind: ConfigMap, metadata: {name: m}, data: {k: text}, binaryData: {b: aGk=}}"
        let plan = try plan(spec, extra: map)
        #expect(
            plan.volumes == [
                VolumePlan(
                    name: "v",
                    source: .files(
                        [
                            .init(path: "b", bytes: [0x68, 0x69], mode: 0o644),
                            .init(path: "k", bytes: Array("text".utf8), mode: 0o644),
                        ],
                        isSecret: false
                    )
                ),
                VolumePlan(name: "e", source: .emptyDir(isMemory: false, sizeLimit: nil)),
            ]
        )
        #expect(failure(spec).contains("there is no ConfigMap m in the manifest"))
        #expect(
            failure(spec, extra: "{kind: ConfigMap, metadata: {name: m}, data: {\"../x\": y}}").contains(
                "cannot be a file's name"
            )
        )
        #expect(
            failure(spec, extra: "{kind: Secret, metadata: {name: s}, data: {k: \"???\"}}").contains("is not base64")
        )
        #expect(
            failure("{containers: [{name: c, image: \"i:1\"}], volumes: [{name: v, hostPath: {path: /a/../b}}]}")
                .contains("hostPath.path")
        )
    }

    @Test func variables() throws {
        let env = """
            , env: [{name: A, value: x}, {name: B, value: "$(A)-$$(A)-$(NONE)"}, {name: N, valueFrom: {fieldRef: {fieldPath: metadata.name}}}], \
            command: ["$(B)", "$(N)"]
            """
        let container = try plan(container(env)).containers[0]
        #expect(container.environment.map(\.value) == ["x", "x-$(A)-$(NONE)", "p"])
        #expect(container.command == ["x-$(A)-$(NONE)", "p"])
        #expect(
            failure(self.container(", env: [{name: A, valueFrom: {fieldRef: {fieldPath: status.podIP}}}]")).contains(
                "status.podIP is not supported"
            )
        )
    }

    @Test(arguments: [
        ("100m", 100), ("1", 1000), ("1.5", 1500), ("0.0001", 1), ("2k", 2_000_000), ("1e3", 1_000_000), ("-1", nil),
        ("x", nil), ("", nil),
        ("1Xi", nil), ("99999999999999999999E", nil),
    ])
    func quantities(text: String, milli: Int?) {
        #expect(Quantity.milli(text) == milli)
    }

    @Test func namesAreChecked() {
        #expect(failure(container(), metadata: "{name: \"A_b\"}").contains("is no name of a pod"))
        #expect(failure(container(), metadata: "{name: p, uid: \"../../x\"}").contains("is no uid"))
        #expect(failure(container(), metadata: "{name: p, namespace: \"a/b\"}").contains("is no name of a namespace"))
    }
}
