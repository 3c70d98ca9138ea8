// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

package import Documents
package import Manifests
package import PodDNS

/// Makes a plan from a manifest's pod: everything it says is taken, or refused by name.
package struct PlanReader {
    private let report = Fields.Report()
    private let handed = Handed()
    private var store: Store
    private let document: PodDocument
    private let behaviour: Behaviour

    /// `behaviour` says by which release's rules its DNS is checked.
    package init(_ document: PodDocument, _ store: Store, _ behaviour: Behaviour = .init()) {
        self.document = document
        self.store = store
        self.behaviour = behaviour
    }

    /// The plan; throws one error that names everything that is wrong or not supported.
    ///
    /// `uid` is the pod's, whatever its manifest says: that of another pod may be in it, and the API server takes none.
    package func plan(namespace: String?, uid: String) throws(DocumentError) -> PodPlan {
        var plan = PodPlan()
        plan.dns = try document.dnsPod(namespace: namespace)
        plan.name = document.generatesName ? Self.generated(document.name) : document.name
        plan.dns.name = Word(plan.name)
        plan.namespace = plan.dns.namespace.description
        var reader = self
        reader.store.namespace = plan.namespace
        reader.readMetadata(&plan, uid: uid)
        reader.readSpec(Fields(document.spec, "spec", report), &plan)
        check(plan)
        guard report.errors.isEmpty else {
            throw DocumentError("\(document.title): " + report.errors.joined(separator: "; "))
        }
        plan.notes = report.notes
        if document.kind != "Pod" {
            plan.notes.append("\(document.title) but for its template, of which one pod is run")
        }
        return plan
    }

    private func readMetadata(_ plan: inout PodPlan, uid: String) {
        let metadata = Fields(document.metadata, "metadata", report)
        plan.uid = uid
        plan.dns.uid = Word(plan.uid)
        plan.labels = metadata.map("labels")
        plan.annotations = metadata.map("annotations")
        report.errors += Validation.labelErrors(plan.labels, metadata.child("labels"))
        report.errors += Validation.annotationErrors(plan.annotations, metadata.child("annotations"))
        for key in ["name", "namespace", "generateName"] { _ = metadata.any(key) }
        // What the API server writes there, and nobody reads here.
        for key in [
            "uid", "creationTimestamp", "resourceVersion", "selfLink", "managedFields", "ownerReferences", "generation",
        ] {
            _ = metadata.any(key)
        }
        metadata.finish()
    }

    private func readSpec(_ spec: Fields, _ plan: inout PodPlan) {
        for key in ["dnsPolicy", "dnsConfig", "hostNetwork"] { _ = spec.any(key) }
        plan.isOnHostNetwork = plan.dns.isOnHostNetwork
        plan.isInHostPID = spec.bool("hostPID") ?? false
        plan.isInHostIPC = spec.bool("hostIPC") ?? false
        plan.sharesProcesses = spec.bool("shareProcessNamespace") ?? false
        plan.runtimeHandler = spec.string("runtimeClassName") ?? ""
        plan.graceSeconds = spec.int("terminationGracePeriodSeconds", in: 0...86400) ?? 30
        if let text = spec.string("restartPolicy") {
            if let policy = PodPlan.RestartPolicy(rawValue: text) {
                plan.restartPolicy = policy
            } else {
                spec.fail("restartPolicy", "is \(text), not Always, OnFailure or Never")
            }
        }
        if let hostUsers = spec.bool("hostUsers"), !hostUsers { spec.fail("hostUsers", "false is not supported") }
        if let token = spec.bool("automountServiceAccountToken"), token {
            spec.fail("automountServiceAccountToken", "is not supported: there is no API server here")
        }
        let said = spec.string("hostname") ?? ""
        if !said.isEmpty, !Self.isLabel(said) {
            spec.fail("hostname", "\"\(said)\" is no hostname (letters a to z, digits and '-')")
        }
        let hostname = said.isEmpty ? plan.name : said
        plan.hostname = plan.isOnHostNetwork ? "" : String(hostname.prefix(63))
        while let last = plan.hostname.last, last == "-" || last == "." { plan.hostname.removeLast() }
        for alias in spec.objects("hostAliases") {
            let ip = alias.string("ip") ?? ""
            if IPAddress(sloppy: ip) == nil { alias.fail("ip", "is no IP address") }
            let names = alias.strings("hostnames") ?? []
            if !names.allSatisfy(Self.isSubdomain) {
                alias.fail("hostnames", "has one that is no name of a host (letters a to z, digits, '-' and '.')")
            }
            plan.hostAliases.append((ip, names))
            alias.finish()
        }
        report.errors += Validation.labelErrors(spec.map("nodeSelector"), spec.child("nodeSelector"))
        spec.moot(
            "nodeName",
            "nodeSelector",
            "affinity",
            "tolerations",
            "schedulerName",
            "priority",
            "priorityClassName",
            "preemptionPolicy",
            "topologySpreadConstraints",
            "serviceAccountName",
            "serviceAccount",
            "enableServiceLinks",
            "imagePullSecrets"
        )
        // What is done anyway.
        spec.takes("setHostnameAsFQDN", .bool(false))
        spec.takes("subdomain", .string(""))
        if let system = spec.object("os") {
            system.takes("name", .string("linux"))
            system.finish()
        }
        readSecurity(spec.object("securityContext"), &plan)
        readVolumes(spec, &plan)
        plan.initContainers = spec.objects("initContainers").map { readContainer($0, plan, isInit: true) }
        plan.containers = spec.objects("containers").map { readContainer($0, plan, isInit: false) }
        spec.finish()
    }

    private func readSecurity(_ fields: Fields?, _ plan: inout PodPlan) {
        guard let fields else { return }
        plan.security.runAsUser = fields.int("runAsUser", in: 0...Int(Int32.max))
        plan.security.runAsGroup = fields.int("runAsGroup", in: 0...Int(Int32.max))
        plan.security.runAsNonRoot = fields.bool("runAsNonRoot")
        plan.fsGroup = fields.int("fsGroup", in: 0...Int(Int32.max))
        // It is for volumes that outlive a pod, of which there are none here.
        if let policy = fields.string("fsGroupChangePolicy"), !["Always", "OnRootMismatch"].contains(policy) {
            fields.fail("fsGroupChangePolicy", "is \(policy), not Always or OnRootMismatch")
        }
        fields.takes("supplementalGroupsPolicy", .string("Merge"))
        if let groups = fields.any("supplementalGroups") {
            plan.supplementalGroups = (groups.array ?? []).compactMap(\.int).filter {
                (0...Int(Int32.max)).contains($0)
            }
            if plan.supplementalGroups.count != groups.array?.count {
                fields.fail("supplementalGroups", "is not a list of group numbers")
            }
        }
        for sysctl in fields.objects("sysctls") {
            plan.sysctls.append((sysctl.string("name") ?? "", sysctl.string("value") ?? ""))
            sysctl.finish()
        }
        readSeccomp(fields.object("seccompProfile"), &plan.security)
        fields.finish()
    }

    private func readSeccomp(_ fields: Fields?, _ security: inout SecurityPlan) {
        guard let fields else { return }
        security.seccompType = fields.string("type")
        security.seccompPath = fields.string("localhostProfile")
        if !["RuntimeDefault", "Unconfined", "Localhost"].contains(security.seccompType) {
            fields.fail("type", "is not RuntimeDefault, Unconfined or Localhost")
        }
        let profile = security.seccompPath ?? ""
        if security.seccompType != "Localhost" {
            if !profile.isEmpty { fields.fail("localhostProfile", "can only be set where type is Localhost") }
        } else if profile.isEmpty {
            fields.fail("localhostProfile", "is missing")
        } else if profile.hasPrefix("/") || Self.steps(profile).contains("..") {
            fields.fail("localhostProfile", "is not a relative path without '..'")
        }
        fields.finish()
    }

    // MARK: Volumes

    private func readVolumes(_ spec: Fields, _ plan: inout PodPlan) {
        var names: Set<String> = []
        for volume in spec.objects("volumes") {
            let name = volume.string("name") ?? ""
            // It becomes a directory's name.
            if !Self.isLabel(name) {
                volume.fail("name", "\"\(name)\" is no name of a volume (letters a to z, digits and '-')")
            }
            if !names.insert(name).inserted { volume.fail("name", "\(name) is another volume's too") }
            var sources: [VolumePlan.Source] = []
            // An empty one is the usual form.
            let hasEmptyDir = volume.has("emptyDir")
            if let fields = volume.object("emptyDir") {
                let medium = fields.string("medium") ?? ""
                if !["", "Memory"].contains(medium) { fields.fail("medium", "\(medium) is not supported") }
                let size = quantity(fields, "sizeLimit", Quantity.whole)
                // On the disk it is a reason to evict the pod, which nobody does here.
                if medium != "Memory" { fields.moot("sizeLimit") }
                sources.append(.emptyDir(isMemory: medium == "Memory", sizeLimit: size))
                fields.finish()
            } else if hasEmptyDir {
                sources.append(.emptyDir(isMemory: false, sizeLimit: nil))
            }
            if let fields = volume.object("hostPath") {
                let path = fields.string("path") ?? ""
                if !path.hasPrefix("/") || Self.steps(path).contains("..") {
                    fields.fail("path", "is not an absolute path without '..'")
                }
                let type = fields.string("type") ?? ""
                let known = [
                    "", "DirectoryOrCreate", "Directory", "FileOrCreate", "File", "Socket", "CharDevice", "BlockDevice",
                ]
                if !known.contains(type) { fields.fail("type", "\(type) is none that Kubernetes has") }
                sources.append(.hostPath(path, type: type))
                fields.finish()
            }
            if let fields = volume.object("configMap") {
                sources.append(files(fields, nameKey: "name", kind: "ConfigMap", store.configMap, isSecret: false))
            }
            if let fields = volume.object("secret") {
                sources.append(files(fields, nameKey: "secretName", kind: "Secret", store.secret, isSecret: true))
            }
            volume.finish()
            if let source = sources.first { plan.volumes.append(VolumePlan(name: name, source: source)) }
            if sources.count > 1 { report.errors.append("\(volume.path) has more than one source") }
            if sources.isEmpty, report.errors.isEmpty {
                report.errors.append(
                    "\(volume.path) has no source that is supported (emptyDir, hostPath, configMap, secret)"
                )
            }
        }
    }

    private func files(
        _ fields: Fields,
        nameKey: String,
        kind: String,
        _ find: (String) -> [(key: String, bytes: [UInt8])]?,
        isSecret: Bool
    ) -> VolumePlan.Source {
        let name = fields.string(nameKey) ?? ""
        let isOptional = fields.bool("optional") ?? false
        let mode = fields.int("defaultMode", in: 0...0o777) ?? 0o644
        let found = find(name)
        if found == nil, !isOptional {
            report.errors.append("\(fields.path): there is no \(kind) \(name) in the manifest")
        }
        var files: [VolumePlan.File] = []
        let items = fields.objects("items")
        if items.isEmpty {
            files = (found ?? []).map { VolumePlan.File(path: $0.key, bytes: $0.bytes, mode: mode) }
        }
        for item in items {
            let key = item.string("key") ?? ""
            let said = item.string("path") ?? ""
            let steps = Self.steps(said).filter { $0 != "." }
            let path = steps.joined(separator: "/")
            // What begins with '..' is for whoever makes the files (`validateLocalNonReservedPath`).
            if steps.isEmpty || said.utf8.first == UInt8(ascii: "/") || steps.contains("..") || said.hasPrefix("..") {
                item.fail("path", "is not a relative path without '..'")
            }
            let own = item.int("mode", in: 0...0o777) ?? mode
            if let entry = found?.first(where: { $0.key == key }) {
                files.append(VolumePlan.File(path: path, bytes: entry.bytes, mode: own))
            } else if !isOptional {
                item.fail("key", "\(key) is not in the \(kind) \(name)")
            }
            item.finish()
        }
        fields.finish()
        return .files(files, isSecret: isSecret)
    }

    // MARK: Containers

    private func quantity(_ fields: Fields, _ key: String, _ read: (String) -> Int?) -> Int? {
        guard let value = fields.any(key) else { return nil }
        let text: String? =
            switch value {
            case .string(let text): text
            case .int(let number): String(number)
            case .double(let number): String(number)
            default: nil
            }
        guard let text, let result = read(text) else {
            fields.fail(key, "is no quantity, as 500m or 64Mi is")
            return nil
        }
        return result
    }

    private func readContainer(_ fields: Fields, _ plan: PodPlan, isInit: Bool) -> ContainerPlan {
        var container = ContainerPlan()
        container.name = fields.string("name") ?? ""
        container.image = fields.string("image") ?? ""
        if container.image.isEmpty {
            fields.fail("image", "is missing")
        } else if !ContainerPlan.isImage(container.image) {
            fields.fail("image", "couldn't parse image name: invalid reference format")
        }
        let name = container.image.split(separator: "/").last ?? ""
        let isLatest = !name.contains("@") && (!name.contains(":") || name.hasSuffix(":latest"))
        container.pullPolicy = isLatest ? .always : .ifNotPresent
        if let text = fields.string("imagePullPolicy") {
            if let policy = ContainerPlan.PullPolicy(rawValue: text) {
                container.pullPolicy = policy
            } else {
                fields.fail("imagePullPolicy", "is \(text), not Always, IfNotPresent or Never")
            }
        }
        readEnvironment(fields, plan, &container)
        let values = Dictionary(container.environment.map { ($0.name, $0.value) }) { $1 }
        func words(_ key: String) -> [String] {
            (fields.strings(key) ?? []).map { hand(Expansion.expand($0, values), fields.child(key)) }
        }
        container.command = words("command")
        container.arguments = words("args")
        container.workingDirectory = fields.string("workingDir") ?? ""
        container.hasStandardInput = fields.bool("stdin") ?? false
        container.closesStandardInput = fields.bool("stdinOnce") ?? false
        container.hasTerminal = fields.bool("tty") ?? false
        container.terminationMessagePath = fields.string("terminationMessagePath") ?? "/dev/termination-log"
        if fields.any("terminationMessagePolicy") != .string("File") { fields.moot("terminationMessagePolicy") }
        if let policy = fields.string("restartPolicy") {
            if isInit, policy == "Always" {
                container.isSidecar = true
            } else {
                fields.fail("restartPolicy", "\(policy) is not supported")
            }
        }
        for mount in fields.objects("volumeMounts") { readMount(mount, plan, &container) }
        var portNames: Set<String> = []
        for port in fields.objects("ports") {
            let transport = port.string("protocol") ?? "TCP"
            if !["TCP", "UDP", "SCTP"].contains(transport) { port.fail("protocol", "is not TCP, UDP or SCTP") }
            if !port.has("containerPort") { port.fail("containerPort", "is missing") }
            let plannedPort = PortPlan(
                container: port.int("containerPort", in: 1...65535) ?? 0,
                host: port.int("hostPort", in: 0...65535) ?? 0,
                address: port.string("hostIP") ?? "",
                transport: transport
            )
            container.ports.append(plannedPort)
            if !plannedPort.address.isEmpty, IPAddress(sloppy: plannedPort.address) == nil {
                port.fail("hostIP", "is no IP address")
            }
            if plan.isOnHostNetwork, plannedPort.host != 0, plannedPort.host != plannedPort.container {
                port.fail("hostPort", "is not the containerPort, which it has to be with hostNetwork")
            }
            if let name = port.string("name"), !name.isEmpty {
                if name.utf8.count > 15 || !Self.isLabel(name) {
                    port.fail("name", "\"\(name)\" is no name of a port (up to 15 of letters a to z, digits and '-')")
                }
                if !portNames.insert(name).inserted { port.fail("name", "\(name) is another port's too") }
            }
            port.finish()
        }
        if let resources = fields.object("resources") { readResources(resources, &container.resources) }
        readSecurity(fields.object("securityContext"), &container)
        fields.finish()
        return container
    }

    private func readResources(_ fields: Fields, _ resources: inout ResourcePlan) {
        // By which nobody evicts a pod here.
        let storage = "ephemeral-storage"
        var storageLimit: Int?
        if let limits = fields.object("limits") {
            resources.cpuLimitMilli = quantity(limits, "cpu", Quantity.milli)
            resources.memoryLimit = quantity(limits, "memory", Quantity.whole)
            storageLimit = quantity(limits, storage, Quantity.whole)
            limits.moot(storage)
            limits.finish()
        }
        if let requests = fields.object("requests") {
            resources.cpuRequestMilli = quantity(requests, "cpu", Quantity.milli)
            resources.memoryRequest = quantity(requests, "memory", Quantity.whole)
            let storageRequest = quantity(requests, storage, Quantity.whole)
            requests.moot(storage)
            requests.finish()
            for (key, request, limit) in [
                ("cpu", resources.cpuRequestMilli, resources.cpuLimitMilli),
                ("memory", resources.memoryRequest, resources.memoryLimit),
                (storage, storageRequest, storageLimit),
            ] {
                if let request, let limit, request > limit { requests.fail(key, "is more than the limit") }
            }
        }
        fields.finish()
    }

    private func readMount(_ fields: Fields, _ plan: PodPlan, _ container: inout ContainerPlan) {
        let mount = MountPlan(
            volume: fields.string("name") ?? "",
            path: fields.string("mountPath") ?? "",
            subPath: fields.string("subPath") ?? "",
            isReadOnly: fields.bool("readOnly") ?? false,
            propagation: fields.string("mountPropagation") ?? "None"
        )
        fields.finish()
        if !plan.volumes.contains(where: { $0.name == mount.volume }) {
            fields.fail("name", "\(mount.volume) is no volume of the pod")
        }
        if !mount.path.hasPrefix("/") { fields.fail("mountPath", "is not an absolute path") }
        if mount.path.contains(":") { fields.fail("mountPath", "has a ':' in it") }
        if container.mounts.contains(where: { $0.path == mount.path }) {
            fields.fail("mountPath", "\(mount.path) is another mount's too")
        }
        if !mount.subPath.isEmpty,
            case .files(let files, _) = plan.volumes.first(where: { $0.name == mount.volume })?.source, !files.isEmpty,
            !files.contains(where: { ($0.path + "/").hasPrefix(mount.subPath + "/") })
        {
            // The kubelet would mount an empty directory.
            fields.fail("subPath", "\(mount.subPath) is not in the volume \(mount.volume)")
        }
        if mount.subPath.hasPrefix("/") || Self.steps(mount.subPath).contains("..") {
            fields.fail("subPath", "is not a relative path without '..'")
        }
        if !["None", "HostToContainer", "Bidirectional"].contains(mount.propagation) {
            fields.fail("mountPropagation", "is not None, HostToContainer or Bidirectional")
        }
        container.mounts.append(mount)
    }

    /// What a pod's processes are handed, in bytes: a few references may expand to more than any memory.
    private final class Handed {
        static let limit = 16 << 20
        var bytes = 0
    }

    /// A word of a command or a variable's value; an error, once, where it is too long (nil), or all of them are.
    private func hand(_ make: @autoclosure () -> String?, _ path: String) -> String {
        guard handed.bytes <= Handed.limit else { return "" }
        guard let text = make(), text.utf8.count <= Expansion.limit else {
            report.errors.append("\(path) is longer than \(Expansion.limit) bytes, which no process can be handed")
            return ""
        }
        handed.bytes += text.utf8.count + 1
        guard handed.bytes <= Handed.limit else {
            report.errors.append("\(path): the pod's commands and variables have more than \(Handed.limit) bytes")
            return ""
        }
        return text
    }

    private func readEnvironment(_ fields: Fields, _ plan: PodPlan, _ container: inout ContainerPlan) {
        var names: [String] = []
        var values: [String: String] = [:]
        func set(_ name: String, _ value: String) {
            if values.updateValue(value, forKey: name) == nil { names.append(name) }
        }
        defer { container.environment = names.map { ($0, values[$0] ?? "") } }
        for source in fields.objects("envFrom") {
            let prefix = source.string("prefix") ?? ""
            for (key, kind, find) in [
                ("configMapRef", "ConfigMap", store.configMapText), ("secretRef", "Secret", store.secret),
            ] {
                guard let reference = source.object(key) else { continue }
                let name = reference.string("name") ?? ""
                let isOptional = reference.bool("optional") ?? false
                if let entries = find(name) {
                    for entry in entries {
                        set(prefix + entry.key, hand(String(decoding: entry.bytes, as: UTF8.self), reference.path))
                    }
                } else if !isOptional {
                    report.errors.append("\(reference.path): there is no \(kind) \(name) in the manifest")
                }
                reference.finish()
            }
            source.finish()
        }
        for variable in fields.objects("env") {
            let name = variable.string("name") ?? ""
            if name.isEmpty || name.contains("=") { variable.fail("name", "is no name of a variable") }
            let value = variable.string("value")
            if let source = variable.object("valueFrom") {
                if value ?? "" != "" { variable.fail("valueFrom", "may not be specified when `value` is not empty") }
                if let value = self.value(source, plan) { set(name, hand(value, source.path)) }
                source.finish()
            } else {
                set(name, hand(Expansion.expand(value ?? "", values), variable.child("value")))
            }
            variable.finish()
        }
    }

    private func value(_ source: Fields, _ plan: PodPlan) -> String? {
        if let field = source.object("fieldRef") {
            let path = field.string("fieldPath") ?? ""
            _ = field.string("apiVersion")
            field.finish()
            switch path {
            case "metadata.name": return plan.name
            case "metadata.namespace": return plan.namespace
            case "metadata.uid": return plan.uid
            default:
                for (prefix, map) in [("metadata.labels['", plan.labels), ("metadata.annotations['", plan.annotations)]
                where path.hasPrefix(prefix) && path.hasSuffix("']") {
                    let key = path.dropFirst(prefix.count).dropLast(2)
                    return map.first { $0.key == key }?.value ?? ""
                }
                field.fail("fieldPath", "\(path) is not supported")
                return nil
            }
        }
        for (key, kind, find) in [
            ("configMapKeyRef", "ConfigMap", store.configMapText), ("secretKeyRef", "Secret", store.secret),
        ] {
            guard let reference = source.object(key) else { continue }
            let name = reference.string("name") ?? ""
            let wanted = reference.string("key") ?? ""
            let isOptional = reference.bool("optional") ?? false
            reference.finish()
            if let entry = find(name)?.first(where: { $0.key == wanted }) {
                return String(decoding: entry.bytes, as: UTF8.self)
            }
            if !isOptional {
                report.errors.append("\(reference.path): there is no \(wanted) in a \(kind) \(name) of the manifest")
            }
            return nil
        }
        return nil
    }

    private func readSecurity(_ fields: Fields?, _ container: inout ContainerPlan) {
        guard let fields else { return }
        container.security.runAsUser = fields.int("runAsUser", in: 0...Int(Int32.max))
        container.security.runAsGroup = fields.int("runAsGroup", in: 0...Int(Int32.max))
        container.security.runAsNonRoot = fields.bool("runAsNonRoot")
        container.security.isPrivileged = fields.bool("privileged")
        container.security.hasReadOnlyRoot = fields.bool("readOnlyRootFilesystem")
        container.security.allowsEscalation = fields.bool("allowPrivilegeEscalation")
        if container.security.isPrivileged == true, container.security.allowsEscalation == false {
            fields.fail("allowPrivilegeEscalation", "cannot be false where privileged is true")
        }
        fields.takes("procMount", .string("Default"))
        if let capabilities = fields.object("capabilities") {
            container.security.addCapabilities = capabilities.strings("add") ?? []
            container.security.dropCapabilities = capabilities.strings("drop") ?? []
            capabilities.finish()
        }
        readSeccomp(fields.object("seccompProfile"), &container.security)
        fields.finish()
    }

    // MARK: As a whole

    private func check(_ plan: PodPlan) {
        if !Self.isSubdomain(plan.name) {
            report.errors.append(
                "metadata.name: \"\(plan.name)\" is no name of a pod (letters a to z, digits, '-' and '.')"
            )
        }
        if !Self.isLabel(plan.namespace) {
            report.errors.append("metadata.namespace: \"\(plan.namespace)\" is no name of a namespace")
        }
        if plan.containers.isEmpty { report.errors.append("spec.containers is empty") }
        var seen: Set<String> = []
        for container in plan.allContainers {
            if !Self.isLabel(container.name) {
                report.errors.append("a container's name is \"\(container.name)\" (letters a to z, digits and '-')")
            }
            if !seen.insert(container.name).inserted {
                report.errors.append("two containers are called \(container.name)")
            }
        }
        var hostPorts: Set<[String]> = []
        for port in plan.containers.flatMap(\.ports) where port.host > 0 {
            if !hostPorts.insert([String(port.host), port.transport, port.address]).inserted {
                report.errors.append("hostPort \(port.host) (\(port.transport)) comes twice")
            }
        }
        report.errors += Validation.errors(plan.dns, behaviour)
        if plan.isInHostPID, plan.sharesProcesses {
            report.errors.append("spec.shareProcessNamespace excludes spec.hostPID")
        }
    }

    /// The names in a path, by bytes as the kernel has it: a '/' with an accent on it is one all the same.
    private static func steps(_ path: String) -> [String] {
        path.utf8.split(separator: UInt8(ascii: "/")).map { String(decoding: $0, as: UTF8.self) }
    }

    /// As the API server makes a name of `metadata.generateName` (k8s.io/apiserver, storage/names).
    private static func generated(_ beginning: String) -> String {
        let letters = Array("bcdfghjklmnpqrstvwxz2456789")
        return beginning.prefix(63 - 5) + String((0..<5).compactMap { _ in letters.randomElement() })
    }

    private static func isLetter(_ byte: UInt8) -> Bool {
        UInt8(ascii: "a")...UInt8(ascii: "z") ~= byte || UInt8(ascii: "0")...UInt8(ascii: "9") ~= byte
    }

    /// RFC 1123's label, and labels with dots between them, as the API server has them.
    private static func isLabel(_ name: String) -> Bool { name.utf8.count <= 63 && isPart(name.utf8[...]) }

    private static func isSubdomain(_ name: String) -> Bool {
        name.utf8.count <= 253
            && name.utf8.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false).allSatisfy(isPart)
    }

    private static func isPart(_ part: Substring.UTF8View) -> Bool {
        guard let first = part.first, let last = part.last else { return false }
        return isLetter(first) && isLetter(last) && part.allSatisfy { isLetter($0) || $0 == UInt8(ascii: "-") }
    }
}
