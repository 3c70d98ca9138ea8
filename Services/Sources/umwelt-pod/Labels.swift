// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

import Pods

/// The kubelet's labels and annotations (pkg/kubelet/types/labels.go), and one of our own.
enum Labels {
    static let podName = "io.kubernetes.pod.name"
    static let podNamespace = "io.kubernetes.pod.namespace"
    static let podUID = "io.kubernetes.pod.uid"
    static let containerName = "io.kubernetes.container.name"
    static let restartCount = "io.kubernetes.container.restartCount"
    static let terminationMessagePath = "io.kubernetes.container.terminationMessagePath"
    static let terminationMessagePolicy = "io.kubernetes.container.terminationMessagePolicy"
    static let gracePeriod = "io.kubernetes.pod.terminationGracePeriod"
    /// Says that this pod is ours; its value is the directory of pods.
    static let managed = "umwelt.dev/pod-root"
    static let logsRoot = "umwelt.dev/pod-logs"
    static let cgroupParent = "umwelt.dev/cgroup-parent"
    /// What the pod says of its DNS, for `umwelt dns explain`: an object with dnsPolicy, hostNetwork and dnsConfig.
    static let dns = "umwelt.dev/dns"

    /// Whose a sandbox or container is.
    static func identity(_ plan: PodPlan) -> [String: String] {
        [podName: plan.name, podNamespace: plan.namespace, podUID: plan.uid]
    }

    /// A container's annotations (`newContainerAnnotations`).
    static func annotations(_ container: ContainerPlan, _ attempt: Int, of plan: PodPlan) -> [String: String] {
        [
            restartCount: String(attempt), terminationMessagePath: container.terminationMessagePath,
            terminationMessagePolicy: "File", gracePeriod: String(plan.graceSeconds),
        ]
    }

    /// Of a key that comes twice, the last counts.
    static func map(_ pairs: [(key: String, value: String)]) -> [String: String] {
        Dictionary(pairs.map { ($0.key, $0.value) }) { $1 }
    }
}
