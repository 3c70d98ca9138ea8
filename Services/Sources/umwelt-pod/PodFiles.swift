// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

import Documents
import LocalFiles
import PodDNS
import Pods
import Terminal

/// What a pod has on the node's disk: its volumes, its hosts file, its logs.
struct PodFiles: Sendable {
    /// Directories of all pods.
    static let defaultRoot = "/var/lib/umwelt-pods"
    static let defaultLogs = "/var/log/pods"

    var directory: String
    var logs: String
    private let uid: String

    init(root: String, logsRoot: String, namespace: String, name: String, uid: String) {
        directory = root + "/" + uid
        logs = "\(logsRoot)/\(namespace)_\(name)_\(uid)"
        self.uid = uid
    }

    /// As an engine's labels or annotations have it; nil where a pod of ours cannot have such ones.
    ///
    /// An image has labels of its own, and whoever makes a pod its annotations: what they say is removed with the pod.
    init?(marks: [String: String], namespace: String, name: String, uid: String) {
        let root = marks[Labels.managed] ?? ""
        let logsRoot = marks[Labels.logsRoot] ?? Self.defaultLogs
        guard root.hasPrefix("/"), logsRoot.hasPrefix("/"), [namespace, name, uid].allSatisfy(Self.isName) else {
            return nil
        }
        self.init(root: root, logsRoot: logsRoot, namespace: namespace, name: name, uid: uid)
    }

    /// Letters a to z, digits, and further on `-` and `.`: no path.
    private static func isName(_ text: String) -> Bool {
        func isLetter(_ byte: UInt8) -> Bool { (0x61...0x7a).contains(byte) || (0x30...0x39).contains(byte) }
        return text.utf8.first.map(isLetter) == true && text.utf8.allSatisfy { isLetter($0) || "-.".utf8.contains($0) }
    }

    var hosts: String { directory + "/etc-hosts" }
    func volume(_ name: String) -> String { directory + "/volumes/" + name }
    func terminationLog(_ container: String, _ attempt: Int) -> String {
        "\(directory)/containers/\(container)/\(attempt)"
    }

    static func logName(_ container: String, _ attempt: Int) -> String { "\(container)/\(attempt).log" }
    func log(_ container: String, _ attempt: Int) -> String { logs + "/" + Self.logName(container, attempt) }

    /// Removes what a container has left that was removed.
    func forget(_ container: String, _ attempt: Int) {
        for path in [terminationLog(container, attempt), log(container, attempt)] {
            try? LocalDirectory.remove(path)
        }
    }

    static func note(in directory: String) -> String { directory + "/pod.json" }
    /// Its name once the pod is being removed.
    static func removalNote(in directory: String) -> String { directory + "/removed.json" }

    /// Whether nobody removes the pod.
    var isWanted: Bool { LocalFile.exists(Self.note(in: directory)) }

    /// Says to the run that looks after the pod, if one does, that it is being removed: it starts no container any more.
    func giveUp() { LocalFile.rename(Self.note(in: directory), to: Self.removalNote(in: directory)) }

    /// Makes all of it; what a failure leaves is removed by `remove`.
    ///
    /// The note comes first, and stays locked until this process ends.
    func make(_ plan: PodPlan, note: Value) throws(Failure) {
        do throws(FileError) {
            try LocalDirectory.make(directory, mode: 0o750)
            try LocalFile.replace(Self.note(in: directory), with: Array(note.jsonText.utf8))
            _ = LocalFile.lock(Self.note(in: directory))
            try LocalDirectory.make(directory + "/volumes", mode: 0o750)
            try LocalDirectory.make(logs)
            for container in plan.allContainers {
                try LocalDirectory.make("\(logs)/\(container.name)")
                try LocalDirectory.make("\(directory)/containers/\(container.name)")
            }
            try LocalFile.replace(hosts, with: Array(hostsText(plan, []).utf8))
            for volume in plan.volumes { try makeVolume(volume, plan) }
        } catch {
            throw .failed("cannot prepare pod \(plan.title): \(error)")
        }
        for volume in plan.volumes {
            guard case .hostPath(let path, let type) = volume.source else { continue }
            try checkHostPath(path, type, volume.name)
        }
    }

    private func makeVolume(_ volume: VolumePlan, _ plan: PodPlan) throws(FileError) {
        let path = self.volume(volume.name)
        switch volume.source {
        case .hostPath: return
        case .emptyDir(let isMemory, let size):
            try LocalDirectory.make(path, mode: 0o777)
            if isMemory { try LocalDirectory.mountMemory(path, sizeLimit: size) }
        case .files(let files, let isSecret):
            try LocalDirectory.make(path, mode: 0o777)
            if isSecret { try LocalDirectory.mountMemory(path, sizeLimit: 4 << 20) }
            for file in files {
                let target = path + "/" + file.path
                if let end = target.utf8.lastIndex(of: UInt8(ascii: "/")) {
                    try LocalDirectory.make(String(target[..<end]))
                }
                try LocalFile.replace(target, with: file.bytes, mode: UInt32(clamping: file.mode))
            }
        }
        guard let group = plan.fsGroup else { return }
        var isReadOnly = false
        if case .files = volume.source { isReadOnly = true }
        try LocalDirectory.giveToGroup(path, group, isReadOnly: isReadOnly)
    }

    /// The kubelet's words (pkg/volume/hostpath).
    private func checkHostPath(_ path: String, _ type: String, _ volume: String) throws(Failure) {
        func fail(_ what: String) -> Failure {
            .failed("volume \(volume): hostPath type check failed: \(path) is not \(what)")
        }
        let kind = LocalDirectory.kind(path)
        do throws(FileError) {
            switch type {
            case "DirectoryOrCreate": if kind == nil { try LocalDirectory.make(path) }
            case "FileOrCreate": if kind == nil { try LocalFile.replace(path, with: []) }
            default: break
            }
        } catch { throw .failed("volume \(volume): \(error)") }
        switch type {
        case "DirectoryOrCreate" where kind != nil && kind != .directory, "Directory" where kind != .directory:
            throw fail("a directory")
        case "FileOrCreate" where kind != nil && kind != .file, "File" where kind != .file: throw fail("a file")
        case "Socket" where kind != .socket: throw fail("a socket file")
        case "CharDevice" where kind != .characterDevice: throw fail("a character device")
        case "BlockDevice" where kind != .blockDevice: throw fail("a block device")
        default: break
        }
    }

    /// The node's path of what a container mounts.
    func source(_ mount: MountPlan, _ plan: PodPlan) throws(Failure) -> String {
        guard let volume = plan.volumes.first(where: { $0.name == mount.volume }) else {
            throw .failed("\(mount.volume) is no volume of the pod")
        }
        var base = self.volume(mount.volume)
        if case .hostPath(let path, _) = volume.source { base = path }
        guard !mount.subPath.isEmpty else { return base }
        // A link in the volume, which a container may have made, must not lead out of it: each step is looked at before
        // the next one is made.
        guard let top = LocalDirectory.resolved(base) else {
            throw .failed("volume \(mount.volume): \(base): no such file or directory")
        }
        let inside = top == "/" ? top : top + "/"
        // As open as the volume is, for whoever may write there (`SafeMakeDir`, pkg/volume/util/subpath).
        let mode = (LocalDirectory.mode(top) ?? 0o755) & 0o2777
        var path = top
        for part in mount.subPath.split(separator: "/") {
            let next = path + "/" + part
            if LocalDirectory.kind(next) == nil {
                do throws(FileError) { try LocalDirectory.make(next, mode: mode) } catch {
                    throw .failed("volume \(mount.volume): subPath \(mount.subPath): \(error)")
                }
            }
            guard let real = LocalDirectory.resolved(next), real == top || real.hasPrefix(inside) else {
                throw .failed("volume \(mount.volume): subPath \(mount.subPath) leads out of the volume")
            }
            path = real
        }
        return path
    }

    /// The kubelet's /etc/hosts (`nodeHostsFileContent`, `managedHostsFileContent`), with the pod's own addresses.
    private func hostsText(_ plan: PodPlan, _ addresses: [String]) -> String {
        var text: String
        if plan.isOnHostNetwork {
            text = "# Kubernetes-managed hosts file (host network).\n"
            text +=
                (try? LocalFile.contents(of: "/etc/hosts", limit: 1 << 20)).map { String(decoding: $0, as: UTF8.self) }
                ?? ""
        } else {
            text = """
                # Kubernetes-managed hosts file.
                127.0.0.1\tlocalhost
                ::1\tlocalhost ip6-localhost ip6-loopback
                fe00::\tip6-localnet
                fe00::\tip6-mcastprefix
                fe00::1\tip6-allnodes
                fe00::2\tip6-allrouters

                """
        }
        if !plan.hostname.isEmpty { for address in addresses { text += "\(address)\t\(plan.hostname)\n" } }
        if !plan.hostAliases.isEmpty {
            text += "\n# Entries added by HostAliases.\n"
            for alias in plan.hostAliases { text += "\(alias.ip)\t\(alias.names.joined(separator: "\t"))\n" }
        }
        return text
    }

    /// Writes /etc/hosts again with the pod's own addresses, once the sandbox has them.
    func addAddresses(_ addresses: [String], _ plan: PodPlan) throws(Failure) {
        guard !plan.isOnHostNetwork, !addresses.isEmpty else { return }
        do throws(FileError) { try LocalFile.overwrite(hosts, with: Array(hostsText(plan, addresses).utf8)) } catch {
            throw .failed("cannot prepare pod \(plan.title): \(error)")
        }
    }

    /// Removes all of it; of a directory that has no note of ours, nothing.
    func remove() throws(Failure) {
        let isOurs = [Self.note(in: directory), Self.removalNote(in: directory)].contains(where: LocalFile.exists)
        do throws(FileError) { try LocalDirectory.remove(logs) } catch {
            throw .failed("cannot remove what the pod left: \(error)")
        }
        guard isOurs else { return _ = LocalDirectory.removeIfEmpty(directory) }
        for name in (try? LocalFile.names(in: directory + "/volumes")) ?? [] { LocalDirectory.unmount(volume(name)) }
        do throws(FileError) {
            // The note last: what could not be removed can be found again.
            for name in ["volumes", "containers"] { try LocalDirectory.remove(directory + "/" + name) }
            try LocalDirectory.remove(directory)
        } catch { throw .failed("cannot remove what the pod left: \(error)") }
    }
}
