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
        var plan = try plan(container(limits))
        plan.uid = "a-b"
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

    /// A zero says nothing of a pod's quality.
    @Test(arguments: ["{limits: {cpu: \"0\", memory: \"0\"}}", "{requests: {cpu: \"0\"}}", "{}"])
    func zerosAreBestEffort(resources: String) throws {
        #expect(try plan(container(", resources: \(resources)")).qosClass == "BestEffort")
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
        let policies = ["File", "FallbackToLogsOnError"].map { container(", terminationMessagePolicy: \($0)") }
        #expect(try policies.map { try self.plan($0).notes } == [[], ["spec.containers[0].terminationMessagePolicy"]])
    }

    @Test func labelsAndAnnotationsAreAsTheAPIServerTakesThem() throws {
        let text = failure(
            "{containers: [{name: c, image: \"i:1\"}], nodeSelector: {disk: \"s s d\"}}",
            metadata: "{name: p, labels: {\"a b\": c, d: \"e/f\"}, annotations: {\"/x\": \"any thing\"}}"
        )
        for part in [
            "metadata.labels: Invalid value: \"a b\": name part must",
            "metadata.labels: Invalid value: \"e/f\": a valid label",
            "metadata.annotations: Invalid value: \"/x\": prefix part must be non-empty",
            "spec.nodeSelector: Invalid value: \"s s d\": a valid label",
        ] {
            #expect(text.contains(part), "\(part) in \(text)")
        }
        let metadata = "{name: p, labels: {app.kubernetes.io/name: Web_1}, annotations: {Example.com/x: \"any thing\"}}"
        #expect(try plan(container(), metadata: metadata).labels.map(\.value) == ["Web_1"])
    }

    /// A few lines that expand to more than any memory, and many that look for what is not there.
    @Test(.timeLimit(.minutes(1)))
    func whatNoProcessCanBeHandedIsRefused() throws {
        func variables(_ count: Int, _ value: (Int) -> String) -> String {
            "env: [" + (0..<count).map { "{name: V\($0), value: \"\(value($0))\"}" }.joined(separator: ", ") + "]"
        }
        let x = String(repeating: "x", count: 64)
        let doubled = variables(40) { $0 == 0 ? x : "$(V\($0 - 1))$(V\($0 - 1))" }
        let text = failure(container(", " + doubled))
        #expect(text.contains("spec.containers[0].env[11].value is longer than 131071 bytes"), "\(text)")
        let many = variables(500) { $0 == 0 ? String(repeating: "x", count: 100_000) : "$(V0)" }
        #expect(failure(container(", " + many)).contains("commands and variables have more than 16777216 bytes"))
        let open = String(repeating: "$(", count: 50_000)
        #expect(try plan(container(", command: [\"\(open)\"]")).containers[0].command == [open])
        #expect(failure(container(", command: [\"\(open)\(open)\"]")).contains("command is longer than 131071 bytes"))
        let environment = try plan(container(", " + variables(20_000) { "\($0)" })).containers[0].environment
        #expect(environment.count == 20_000)
    }

    /// What is there for an eviction has no effect, and what is done anyway may be said.
    @Test func whatOnlyAnEvictionUsesIsNoted() throws {
        func resources(_ request: String) -> String {
            container(", resources: {limits: {ephemeral-storage: 1Gi}, requests: {ephemeral-storage: \(request)}}")
        }
        let plan = try plan(resources("512Mi"))
        #expect(plan.notes == ["limits", "requests"].map { "spec.containers[0].resources.\($0).ephemeral-storage" })
        #expect(plan.qosClass == "BestEffort")
        #expect(failure(resources("2Gi")).contains("requests.ephemeral-storage is more than the limit"))
        #expect(failure(resources("x")).contains("requests.ephemeral-storage is no quantity"))
        let volume = "{containers: [{name: c, image: \"i:1\"}], volumes: [{name: v, emptyDir: {sizeLimit: 1Mi}}]}"
        #expect(try self.plan(volume).notes == ["spec.volumes[0].emptyDir.sizeLimit"])
    }

    @Test(arguments: [
        ("Localhost, localhostProfile: profiles/a.json", nil), ("RuntimeDefault", nil),
        ("Localhost", "localhostProfile is missing"),
        ("Localhost, localhostProfile: /a.json", "localhostProfile is not a relative path without '..'"),
        ("Localhost, localhostProfile: a/../../b", "localhostProfile is not a relative path without '..'"),
        ("Unconfined, localhostProfile: a", "localhostProfile can only be set where type is Localhost"),
    ])
    func seccompProfilesAreTheKubelets(profile: String, problem: String?) throws {
        let spec = container(", securityContext: {seccompProfile: {type: \(profile)}}")
        guard let problem else {
            _ = try plan(spec)
            return
        }
        #expect(failure(spec).contains("spec.containers[0].securityContext.seccompProfile." + problem))
    }

    @Test(arguments: ["Always", "OnRootMismatch", "Sometimes"])
    func howAGroupIsAppliedMayBeSaid(policy: String) throws {
        let context = "{fsGroup: 5, fsGroupChangePolicy: \(policy), supplementalGroupsPolicy: Merge}"
        let spec = "{containers: [{name: c, image: \"i:1\"}], securityContext: \(context)}"
        if policy != "Sometimes" {
            let plan = try plan(spec)
            #expect(plan.fsGroup == 5 && plan.notes == [])
        } else {
            #expect(failure(spec).contains("fsGroupChangePolicy is Sometimes, not Always or OnRootMismatch"))
        }
        let strict = spec.replacingOccurrences(of: "Merge", with: "Strict")
        #expect(failure(strict).contains("supplementalGroupsPolicy is not supported"))
    }

    /// A key becomes a file's name: never a path, not even with an accent on its '/', nor one that is reserved.
    @Test(arguments: [
        "", ".", "..", "..x", "../x", "a/b", "../\u{301}x", "a b", "\u{e9}", String(repeating: "k", count: 254),
    ])
    func whatIsNoKey(key: String) throws {
        let longest = String(repeating: "k", count: 253)
        for document in ["kind: ConfigMap, metadata: {name: m}, data", "kind: Secret, metadata: {name: m}, stringData"]
        {
            #expect(failure(container(), extra: "{\(document): {\"\(key)\": x}}").contains("is no key"))
            #expect(failure(container(), extra: "{\(document): {a..b-C_9: x, ? \(longest) : x}}") == "")
        }
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
            failure(spec, extra: "{kind: Secret, metadata: {name: s}, data: {k: \"???\"}}").contains("is not base64")
        )
        #expect(
            failure("{containers: [{name: c, image: \"i:1\"}], volumes: [{name: v, hostPath: {path: /a/../b}}]}")
                .contains("hostPath.path")
        )
    }

    @Test func variables() throws {
        let env = """
            , env: [{name: A, value: x}, {name: B, value: "$(A)-$$(A)-$(NONE)"}, {name: M, valueFrom: {fieldRef: {fieldPath: metadata.name}}}], \
            command: ["$(B)", "$(M)"]
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

    /// As verifyRunAsNonRoot has it.
    @Test(arguments: [
        ("runAsUser: 0", "1000", "container's runAsUser breaks non-root policy"), ("runAsUser: 7", "root", nil),
        ("", "", "container has runAsNonRoot and image will run as root"),
        ("", "0", "container has runAsNonRoot and image will run as root"),
        ("", "00", "container has runAsNonRoot and image will run as root"),
        ("", "+0:5", "container has runAsNonRoot and image will run as root"),
        ("", ":5", "container has runAsNonRoot and image will run as root"), ("", "1000", nil), ("", "1000:0", nil),
        (
            "", "root:root",
            "container has runAsNonRoot and image has non-numeric user (root), cannot verify user is non-root"
        ),
    ])
    func nobodyRunsAsRootWhereNoneMay(user: String, imageUser: String, reason: String?) throws {
        let own = try plan(container(", securityContext: {runAsNonRoot: true, \(user)}"))
        #expect(own.refusal(own.containers[0], imageUser: imageUser) == reason)
        let pod = try plan(
            "{securityContext: {runAsNonRoot: true, \(user)}, containers: [{name: c, image: i}]}"
        )
        #expect(pod.refusal(pod.containers[0], imageUser: imageUser) == reason)
        let free = try plan(container(", securityContext: {\(user)}"))
        #expect(free.refusal(free.containers[0], imageUser: imageUser) == nil)
    }

    /// An image's name becomes a part of a request's path.
    @Test(arguments: ["BAD IMAGE", "a/../../v1.24/info", "a\r\n", "a?b", "a#b", "/a", "a/", "a//b", ".", "\u{e9}"])
    func imagesAreNames(name: String) {
        #expect(!ContainerPlan.isImage(name))
    }

    @Test(arguments: ["a", "r.example:5000/a/b:1.2", "a@sha256:0123", "[::1]:5000/a", "a__b/c-d:v1_x"])
    func imagesNamesAreTaken(name: String) {
        #expect(ContainerPlan.isImage(name))
    }

    /// A volume's name becomes a directory's.
    @Test(arguments: [
        ("{name: ../../x, emptyDir: {}}", "volumes[0].name \"../../x\" is no name"),
        ("{name: .., emptyDir: {}}", "volumes[0].name \"..\" is no name"),
        ("{name: a.b, emptyDir: {}}", "volumes[0].name \"a.b\" is no name"),
        ("{emptyDir: {}}", "volumes[0].name \"\" is no name"),
        ("{name: a, emptyDir: {}}, {name: a, hostPath: {path: /}}", "volumes[1].name a is another volume's too"),
        ("{name: a, emptyDir: {}, hostPath: {path: /}}", "volumes[0] has more than one source"),
        ("{name: a, emptyDir: {medium: Memory}, hostPath: {path: /}}", "volumes[0] has more than one source"),
        ("{name: a, nfs: {path: /}}", "volumes[0].nfs is not supported"),
        ("{name: a}", "volumes[0] has no source that is supported"),
        ("{name: a, emptyDir: {sizeLimit: x}}", "volumes[0].emptyDir.sizeLimit is no quantity"),
    ])
    func wrongVolumesAreRefused(volumes: String, message: String) {
        let text = failure("{containers: [{name: c, image: \"i:1\"}], volumes: [\(volumes)]}")
        #expect(text.contains("spec." + message), "\(text)")
    }

    @Test func onePathHasOneMount() {
        let mounts = ", volumeMounts: [{name: a, mountPath: /m}, {name: a, mountPath: /m}]"
        let text = failure("{containers: [{name: c, image: \"i:1\"\(mounts)}], volumes: [{name: a, emptyDir: {}}]}")
        #expect(text.hasSuffix("spec.containers[0].volumeMounts[1].mountPath /m is another mount's too"))
        let colon = mounts.replacingOccurrences(of: "/m}]", with: "/m:ro}]")
        let other = failure("{containers: [{name: c, image: \"i:1\"\(colon)}], volumes: [{name: a, emptyDir: {}}]}")
        #expect(other.hasSuffix("spec.containers[0].volumeMounts[1].mountPath has a ':' in it"))
    }

    @Test func theNamespaceOfWhatIsUsedCounts() throws {
        let spec = "{containers: [{name: c, image: \"i:1\"}], volumes: [{name: v, configMap: {name: m}}]}"
        func map(_ value: String, _ more: String) -> String {
            "{kind: ConfigMap, metadata: {name: m\(more)}, data: {k: \(value)}}\n---\n"
        }
        func files(_ extra: String) throws -> [VolumePlan.File]? {
            let plan = try plan(spec, metadata: "{name: p, namespace: shop}", extra: extra)
            return if case .files(let files, _) = plan.volumes[0].source { files } else { nil }
        }
        let a = VolumePlan.File(path: "k", bytes: [0x61], mode: 0o644)
        #expect(try files(map("a", ", namespace: shop") + map("b", ", namespace: other")) == [a])
        #expect(try files(map("b", "") + map("a", ", namespace: shop")) == [a])
        #expect(try files(map("a", "")) == [a])
        let shop = "{name: p, namespace: shop}"
        let other = map("a", ", namespace: other")
        #expect(failure(spec, metadata: shop, extra: other).contains("there is no ConfigMap m"))
        #expect(failure(spec, extra: map("a", "") + map("b", "")).contains("there are two ConfigMaps m"))
        #expect(failure(spec, extra: map("a", ", namespace: 1")).contains("metadata.namespace is a number"))
    }

    @Test(arguments: [
        (", ports: [{containerPort: 1, name: BAD_name}]", "ports[0].name \"BAD_name\" is no name of a port"),
        (", ports: [{containerPort: 1, hostPort: 8}, {containerPort: 2, hostPort: 8}]", "hostPort 8 (TCP) comes twice"),
        (", resources: {requests: {cpu: 2}, limits: {cpu: 1}}", "resources.requests.cpu is more than the limit"),
        (
            ", env: [{name: A, value: x, valueFrom: {fieldRef: {fieldPath: metadata.name}}}]",
            "env[0].valueFrom may not be specified when `value` is not empty"
        ),
    ])
    func whatTheAPIRefusesIsRefused(more: String, message: String) {
        let text = failure(container(more))
        #expect(text.contains(message), "\(text)")
    }

    @Test func standardInputIsClosedOnceWhereSaid() throws {
        #expect(try plan(container(", stdin: true, stdinOnce: true")).containers[0].closesStandardInput)
        #expect(try !plan(container(", stdin: true")).containers[0].closesStandardInput)
    }

    /// What a sandbox is told: the limits that there are, unlike the pod's cgroup, which needs all of them.
    @Test func theSandboxIsToldTheSum() throws {
        let limits = "resources: {limits: {cpu: 100m, memory: 1Mi}}"
        let spec = "{containers: [{name: a, image: i, \(limits)}, {name: b, image: i}]}"
        let plan = try plan(spec)
        #expect(plan.sum == CgroupPlan(cpuShares: 102, cpuQuota: 10_000, memoryLimit: 1 << 20))
        #expect(plan.cgroup == CgroupPlan(cpuShares: 102))
        #expect(try self.plan(container()).sum == CgroupPlan())
    }

    @Test(arguments: [
        ("100m", 100), ("1", 1000), ("1.5", 1500), ("0.0001", 1), ("2k", 2_000_000), ("1e3", 1_000_000), ("-1", nil),
        ("x", nil), ("", nil),
        ("1Xi", nil), ("99999999999999999999E", nil), ("175m", 175), ("1.", 1000), (".5", 500),
        ("+1", 1000), (".", nil),
        ("1E", nil), ("1E1", 10_000), ("1e-3", 1), ("0.0010000001", 2), ("1u", 1), ("0e999", 0), ("1e999", nil),
        ("1e-999", 1), ("1e-9223372036854775808", nil), ("1e", nil), ("1 ", nil), ("1m1", nil), ("1Ki", 1_024_000),
        (String(repeating: "9", count: 200), nil),
    ])
    func quantities(text: String, milli: Int?) {
        #expect(Quantity.milli(text) == milli)
    }

    /// They are decimal numbers: nothing is lost, and nothing is added.
    @Test func quantitiesAreExact() {
        for number in 1...20_000 {
            #expect(Quantity.milli("\(number)m") == number)
            #expect(Quantity.milli("0.\(String(number + 100_000).dropFirst())") == (number + 99) / 100)
        }
        #expect(Quantity.whole("9007199254740993") == 9_007_199_254_740_993)
        #expect(Quantity.whole("4611686018427387903") == (1 << 62) - 1)
        #expect(Quantity.whole("4Ei") == nil)
        #expect(Quantity.whole("1.5Gi") == 3 << 29)
    }

    /// What generateName says is the beginning of a name, and made unique.
    @Test func namesAreGenerated() throws {
        let long = String(repeating: "x", count: 70)
        for (beginning, kept) in [("pi-", "pi-"), (long, String(long.prefix(58)))] {
            let names = try (0..<4).map { _ in try plan(container(), metadata: "{generateName: \(beginning)}").name }
            #expect(Set(names).count > 1)
            for name in names { #expect(name.hasPrefix(kept) && name.count == kept.count + 5, "\(name)") }
        }
        #expect(try plan(container(), metadata: "{name: p, generateName: q}").name == "p")
        #expect(failure(container(), metadata: "{}").contains("is no name of a pod"))
    }

    @Test func hostnamesAreChecked() throws {
        #expect(try plan("{hostname: \"\", containers: [{name: c, image: i}]}").hostname == "p")
        for name in ["a.b c", "Foo_Bar", "a b"] {
            let said = failure("{hostname: \"\(name)\", containers: [{name: c, image: i}]}")
            #expect(said.contains("spec.hostname \"\(name)\" is no"))
        }
        let alias = "{hostAliases: [{ip: 1.2.3.4, hostnames: [\"a b\\nevil\"]}], containers: [{name: c, image: i}]}"
        #expect(failure(alias).contains("spec.hostAliases[0].hostnames has one"))
    }

    /// What is done anyway may be said.
    @Test func defaultsMayBeSaid() throws {
        let spec = """
            {setHostnameAsFQDN: false, subdomain: "", os: {name: linux},
             containers: [{name: c, image: i, securityContext: {procMount: Default}}]}
            """
        #expect(try plan(spec).name == "p")
        let other = failure("{subdomain: x, os: {name: windows}, containers: [{name: c, image: i}]}")
        #expect(other.hasSuffix("spec.os.name is not supported; spec.subdomain is not supported"))
    }

    @Test(arguments: [
        ("[{hostPort: 80}]", "containerPort is missing"),
        ("[{containerPort: 80, hostIP: nonsense}]", "hostIP is no IP address"),
        ("[{containerPort: 80, name: a}, {containerPort: 81, name: a}]", "name a is another port's too"),
    ])
    func portsAreChecked(ports: String, problem: String) {
        #expect(failure(container(", ports: \(ports)")).contains(problem))
    }

    @Test func whatDoesNotGoTogether() {
        let port = "{hostNetwork: true, containers: [{name: c, image: i, ports: [{containerPort: 80, hostPort: 81}]}]}"
        #expect(failure(port).contains("hostPort is not the containerPort"))
        let security = ", securityContext: {privileged: true, allowPrivilegeEscalation: false}"
        #expect(failure(container(security)).contains("allowPrivilegeEscalation cannot be false"))
    }

    /// A ConfigMap's binaryData is for volumes alone; a path in a volume has to be one, and a subPath to be there.
    @Test func whatOfAConfigMapGoesWhere() throws {
        let map = "{kind: ConfigMap, metadata: {name: m}, data: {k: text}, binaryData: {b: aGk=}}"
        let environment = try plan(container(", envFrom: [{configMapRef: {name: m}}]"), extra: map).containers[0]
            .environment
        #expect(environment.map(\.name) == ["k"])
        func volume(_ items: String, _ subPath: String) -> String {
            """
            {volumes: [{name: v, configMap: {name: m\(items)}}],
             containers: [{name: c, image: i, volumeMounts: [{name: v, mountPath: /v, subPath: "\(subPath)"}]}]}
            """
        }
        let items = ", items: [{key: k, path: ./a/}]"
        guard case .files(let files, _) = try plan(volume(items, "a"), extra: map).volumes[0].source else {
            Issue.record("no files")
            return
        }
        #expect(files.map(\.path) == ["a"])
        // To the kernel a '/' with an accent on it is one, too.
        for path in [".", "..x", "/\u{301}x", "../\u{301}x", "a/../\u{301}x"] {
            let items = ", items: [{key: k, path: \"\(path)\"}]"
            #expect(failure(volume(items, ""), extra: map).contains("is not a relative path"), "\(path)")
        }
        #expect(failure(volume("", "../\u{301}x"), extra: map).contains("is not a relative path"))
        #expect(failure(volume(items, "k"), extra: map).contains("subPath k is not in the volume v"))
        #expect(failure(volume("", "k"), extra: map) == "")
    }

    @Test func namesAreChecked() {
        #expect(failure(container(), metadata: "{name: \"A_b\"}").contains("is no name of a pod"))
        for name in ["a..b", ".a", "a-.b"] {
            #expect(failure(container(), metadata: "{name: \"\(name)\"}").contains("is no name of a pod"))
        }
        #expect(failure(container(), metadata: "{name: p, namespace: a.b}").contains("is no name of a namespace"))
        // A uid may be another pod's: none is taken.
        #expect((try? plan(container(), metadata: "{name: p, uid: \"../../x\"}"))?.uid == "1234")
        #expect(failure(container(), metadata: "{name: p, namespace: \"a/b\"}").contains("is no name of a namespace"))
    }
}
