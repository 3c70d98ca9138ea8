// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

package import PodDNS

/// A pod to run on this node: what its manifest says, checked.
package struct PodPlan: Sendable {
    package enum RestartPolicy: String, Sendable {
        case always = "Always"
        case onFailure = "OnFailure"
        case never = "Never"
    }

    package var name = ""
    package var namespace = "default"
    package var uid = ""
    package var labels: [(key: String, value: String)] = []
    package var annotations: [(key: String, value: String)] = []
    /// Empty on the node's network.
    package var hostname = ""
    package var isOnHostNetwork = false
    package var isInHostPID = false
    package var isInHostIPC = false
    package var sharesProcesses = false
    package var runtimeHandler = ""
    package var restartPolicy = RestartPolicy.always
    /// Seconds from SIGTERM to SIGKILL.
    package var graceSeconds = 30
    package var initContainers: [ContainerPlan] = []
    package var containers: [ContainerPlan] = []
    package var volumes: [VolumePlan] = []
    package var hostAliases: [(ip: String, names: [String])] = []
    package var security = SecurityPlan()
    package var fsGroup: Int?
    package var supplementalGroups: [Int] = []
    package var sysctls: [(key: String, value: String)] = []
    package var dns = Pod()
    /// Fields that have no effect here, by name.
    package var notes: [String] = []

    package init() {}

    package var allContainers: [ContainerPlan] { initContainers + containers }

    /// Why a container may not run as its image's user (`verifyRunAsNonRoot`, pkg/kubelet/kuberuntime), in the kubelet's
    /// words; nil where it may.
    ///
    /// `imageUser` as an image has it: USER, UID, either with `:GROUP`, or nothing, which is root.
    package func refusal(_ container: ContainerPlan, imageUser: String) -> String? {
        guard container.security.runAsNonRoot ?? security.runAsNonRoot ?? false else { return nil }
        if let user = container.security.runAsUser ?? security.runAsUser {
            return user == 0 ? "container's runAsUser breaks non-root policy" : nil
        }
        let user = imageUser.prefix { $0 != ":" }
        guard !user.isEmpty, let number = Int(user) else {
            return user.isEmpty
                ? "container has runAsNonRoot and image will run as root"
                : "container has runAsNonRoot and image has non-numeric user (\(user)), cannot verify user is non-root"
        }
        return number == 0 ? "container has runAsNonRoot and image will run as root" : nil
    }

    /// Who a container runs as where neither it nor the pod says so: what its image says, else root (`getImageUser`,
    /// pkg/kubelet/kuberuntime).
    package static func user(ofImage imageUser: String) -> String {
        let user = imageUser.prefix { $0 != ":" }
        return user.isEmpty ? "0" : String(user)
    }

    /// `NAMESPACE/NAME`, for messages.
    package var title: String { "\(namespace)/\(name)" }

    /// Guaranteed, Burstable or BestEffort (pkg/apis/core/v1/helper/qos).
    package var qosClass: String {
        let all = allContainers
        if all.allSatisfy({ $0.resources.isEmpty }) { return "BestEffort" }
        return all.allSatisfy(\.resources.isGuaranteed) ? "Guaranteed" : "Burstable"
    }

    /// The pod's cgroup below the kubelet's own names, by the runtime's driver.
    package func cgroupParent(isSystemd: Bool) -> String {
        let quality = qosClass == "Guaranteed" ? "" : qosClass.lowercased()
        guard isSystemd else { return "/kubepods" + (quality.isEmpty ? "" : "/\(quality)") + "/pod\(uid)" }
        let id = String(uid.map { $0 == "-" ? "_" : $0 })
        let slice = quality.isEmpty ? "kubepods" : "kubepods-\(quality)"
        return "/kubepods.slice" + (quality.isEmpty ? "" : "/\(slice).slice") + "/\(slice)-pod\(id).slice"
    }
}

/// What a container or pod says of users and privileges; nil where nothing is said.
package struct SecurityPlan: Equatable, Sendable {
    package var runAsUser: Int?
    package var runAsGroup: Int?
    package var runAsNonRoot: Bool?
    package var isPrivileged: Bool?
    package var hasReadOnlyRoot: Bool?
    package var allowsEscalation: Bool?
    package var addCapabilities: [String] = []
    package var dropCapabilities: [String] = []
    /// RuntimeDefault, Unconfined, or Localhost with its path.
    package var seccompType: String?
    package var seccompPath: String?

    package init() {}
}
