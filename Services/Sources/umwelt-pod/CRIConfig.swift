// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

import CRI
import PodDNS
import Pods
import Terminal

/// What the kubelet would ask of the runtime for a pod (kuberuntime_sandbox.go, kuberuntime_container.go).
struct CRIConfig: Sendable {
    var plan: PodPlan
    var files: PodFiles
    var dns: Rendering.Lists
    var isSystemd: Bool
    /// The kubelet's --root-dir, below which seccomp profiles are.
    var kubeletRoot: String
    var nodeMemory: Int
    var cgroups: NodeCgroups
    var procViews: [(container: String, node: String)]
    /// Labels of ours on the sandbox.
    var marks: [String: String]

    private var namespaces: Runtime_V1_NamespaceOption {
        var option = Runtime_V1_NamespaceOption()
        option.network = plan.isOnHostNetwork ? .node : .pod
        option.ipc = plan.isInHostIPC ? .node : .pod
        option.pid = plan.isInHostPID ? .node : plan.sharesProcesses ? .pod : .container
        return option
    }

    var sandbox: Runtime_V1_PodSandboxConfig {
        var config = Runtime_V1_PodSandboxConfig()
        config.metadata.name = plan.name
        config.metadata.namespace = plan.namespace
        config.metadata.uid = plan.uid
        config.metadata.attempt = 0
        config.hostname = plan.hostname
        config.logDirectory = files.logs
        // Always there, even with nothing in it.
        var lists = Runtime_V1_DNSConfig()
        lists.servers = dns.servers.map(\.description)
        lists.searches = dns.searches.map(\.description)
        lists.options = dns.options.map(\.description)
        config.dnsConfig = lists
        config.portMappings = plan.containers.flatMap(\.ports).map { port in
            var mapping = Runtime_V1_PortMapping()
            mapping.containerPort = Int32(clamping: port.container)
            mapping.hostPort = Int32(clamping: port.host)
            mapping.hostIp = port.address
            mapping.protocol = port.transport == "UDP" ? .udp : port.transport == "SCTP" ? .sctp : .tcp
            return mapping
        }
        config.labels = Labels.map(plan.labels).merging(Labels.identity(plan)) { $1 }
        config.annotations = Labels.map(plan.annotations).merging(marks) { $1 }
        config.linux.cgroupParent = plan.cgroupParent(isSystemd: isSystemd)
        config.linux.sysctls = Labels.map(plan.sysctls)
        let sum = plan.sum
        config.linux.resources.cpuPeriod = Int64(CgroupPlan.cpuPeriod)
        config.linux.resources.cpuQuota = Int64(sum.cpuQuota ?? 0)
        config.linux.resources.cpuShares = Int64(sum.cpuShares)
        config.linux.resources.memoryLimitInBytes = Int64(sum.memoryLimit ?? 0)
        config.linux.overhead = Runtime_V1_LinuxContainerResources()
        var security = Runtime_V1_LinuxSandboxSecurityContext()
        security.namespaceOptions = namespaces
        security.privileged = plan.allContainers.contains { $0.security.isPrivileged == true }
        security.seccomp.profileType = .runtimeDefault
        if let user = plan.security.runAsUser { security.runAsUser.value = Int64(user) }
        if let group = plan.security.runAsGroup { security.runAsGroup.value = Int64(group) }
        security.supplementalGroups = groups
        config.linux.securityContext = security
        return config
    }

    private var groups: [Int64] { (plan.fsGroup.map { [Int64($0)] } ?? []) + plan.supplementalGroups.map { Int64($0) } }

    /// One container; `reference` is what the runtime calls its image.
    func container(
        _ container: ContainerPlan,
        attempt: Int,
        reference: String,
        imageUser: String
    ) throws(Failure) -> Runtime_V1_ContainerConfig {
        var config = Runtime_V1_ContainerConfig()
        config.metadata.name = container.name
        config.metadata.attempt = UInt32(clamping: attempt)
        config.image.image = reference
        config.image.userSpecifiedImage = container.image
        config.command = container.command
        config.args = container.arguments
        config.workingDir = container.workingDirectory
        config.envs = container.environment.map { variable in
            var pair = Runtime_V1_KeyValue()
            pair.key = variable.name
            pair.value = variable.value
            return pair
        }
        config.mounts = try mounts(container, attempt)
        config.labels = Labels.identity(plan).merging([Labels.containerName: container.name]) { $1 }
        config.annotations = Labels.annotations(container, attempt, of: plan)
        config.logPath = PodFiles.logName(container.name, attempt)
        config.stdin = container.hasStandardInput
        config.stdinOnce = container.closesStandardInput
        config.tty = container.hasTerminal
        config.linux.resources = resources(container)
        config.linux.securityContext = security(container, imageUser)
        return config
    }

    private func mounts(_ container: ContainerPlan, _ attempt: Int) throws(Failure) -> [Runtime_V1_Mount] {
        func mount(_ path: String, _ source: String, isReadOnly: Bool) -> Runtime_V1_Mount {
            var mount = Runtime_V1_Mount()
            mount.containerPath = path
            mount.hostPath = source
            mount.readonly = isReadOnly
            return mount
        }
        var mounts: [Runtime_V1_Mount] = []
        for volume in container.mounts {
            var entry = mount(volume.path, try files.source(volume, plan), isReadOnly: volume.isReadOnly)
            entry.propagation =
                switch volume.propagation {
                case "Bidirectional": .propagationBidirectional
                case "HostToContainer": .propagationHostToContainer
                default: .propagationPrivate
                }
            mounts.append(entry)
        }
        let taken = Set(mounts.map(\.containerPath))
        if !taken.contains("/etc/hosts") { mounts.append(mount("/etc/hosts", files.hosts, isReadOnly: false)) }
        if !taken.contains(container.terminationMessagePath) {
            let log = files.terminationLog(container.name, attempt)
            mounts.append(mount(container.terminationMessagePath, log, isReadOnly: false))
        }
        for view in procViews where !taken.contains(view.container) {
            mounts.append(mount(view.container, view.node, isReadOnly: true))
        }
        return mounts
    }

    private func resources(_ container: ContainerPlan) -> Runtime_V1_LinuxContainerResources {
        var resources = Runtime_V1_LinuxContainerResources()
        resources.cpuPeriod = Int64(CgroupPlan.cpuPeriod)
        resources.cpuQuota = Int64(container.resources.cpuQuota)
        resources.cpuShares = Int64(container.resources.cpuShares)
        resources.memoryLimitInBytes = Int64(container.resources.memoryLimit ?? 0)
        resources.oomScoreAdj = Int64(container.resources.oomScore(quality: plan.qosClass, nodeMemory: nodeMemory))
        // The kubelet's defaults (`calculateLinuxResources`, `ConfigureNoSwap`): who is out of memory ends whole, and nobody
        // swaps.
        if cgroups.isUnified {
            resources.unified["memory.oom.group"] = "1"
            if cgroups.limitsSwap { resources.unified["memory.swap.max"] = "0" }
        } else if cgroups.limitsSwap {
            resources.memorySwapLimitInBytes = resources.memoryLimitInBytes
        }
        return resources
    }

    private func security(
        _ container: ContainerPlan,
        _ imageUser: String
    ) -> Runtime_V1_LinuxContainerSecurityContext {
        let said = container.security
        var security = Runtime_V1_LinuxContainerSecurityContext()
        security.capabilities.addCapabilities = said.addCapabilities
        security.capabilities.dropCapabilities = said.dropCapabilities
        security.privileged = said.isPrivileged ?? false
        security.namespaceOptions = namespaces
        // The image's own, as the kubelet has it: a runtime takes no group alone.
        let user = (said.runAsUser ?? plan.security.runAsUser).map(String.init) ?? PodPlan.user(ofImage: imageUser)
        if let number = Int64(user) { security.runAsUser.value = number } else { security.runAsUsername = user }
        if let group = said.runAsGroup ?? plan.security.runAsGroup { security.runAsGroup.value = Int64(group) }
        security.readonlyRootfs = said.hasReadOnlyRoot ?? false
        security.supplementalGroups = groups
        security.noNewPrivs = said.allowsEscalation == false
        if !security.privileged {
            security.maskedPaths = [
                "/proc/asound", "/proc/acpi", "/proc/kcore", "/proc/keys", "/proc/latency_stats", "/proc/timer_list",
                "/proc/timer_stats", "/proc/sched_debug", "/proc/scsi", "/sys/firmware",
            ]
            security.readonlyPaths = ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"]
        }
        let seccomp = said.seccompType ?? plan.security.seccompType
        switch seccomp {
        case "RuntimeDefault": security.seccomp.profileType = .runtimeDefault
        case "Localhost":
            security.seccomp.profileType = .localhost
            let profile = said.seccompType == nil ? plan.security.seccompPath : said.seccompPath
            security.seccomp.localhostRef = "\(kubeletRoot)/seccomp/\(profile ?? "")"
        default: security.seccomp.profileType = .unconfined
        }
        return security
    }
}
