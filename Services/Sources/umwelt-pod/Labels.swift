// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

/// The kubelet's labels and annotations (pkg/kubelet/types/labels.go), and one of our own.
enum Labels {
    static let podName = "io.kubernetes.pod.name"
    static let podNamespace = "io.kubernetes.pod.namespace"
    static let podUID = "io.kubernetes.pod.uid"
    static let containerName = "io.kubernetes.container.name"
    static let gracePeriod = "io.kubernetes.pod.terminationGracePeriod"
    /// Says that this pod is ours; its value is the directory of pods.
    static let managed = "umwelt.dev/pod-root"
    static let logsRoot = "umwelt.dev/pod-logs"
    static let cgroupParent = "umwelt.dev/cgroup-parent"
    /// What the pod says of its DNS, for `umwelt dns explain`: an object with dnsPolicy, hostNetwork and dnsConfig.
    static let dns = "umwelt.dev/dns"
}
