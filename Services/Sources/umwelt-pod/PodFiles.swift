// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

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

    var hosts: String { directory + "/etc-hosts" }
    func volume(_ name: String) -> String { directory + "/volumes/" + name }
    func terminationLog(_ container: String, _ attempt: Int) -> String {
        "\(directory)/containers/\(container)/\(attempt)"
    }

    /// Makes all of it; what a failure leaves is removed by `remove`.
    func make(_ plan: PodPlan) throws(Failure) {
        do throws(FileError) {
            try LocalDirectory.make(directory + "/volumes", mode: 0o750)
            try LocalDirectory.make(directory, mode: 0o750)
            try LocalDirectory.make(logs)
            for container in plan.allContainers {
                try LocalDirectory.make("\(logs)/\(container.name)")
                try LocalDirectory.make("\(directory)/containers/\(container.name)")
            }
            try LocalFile.replace(hosts, with: Array(hostsText(plan).utf8))
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
                let above = target.split(separator: "/").dropLast().map { "/" + $0 }.joined()
                try LocalDirectory.make(above)
                try LocalFile.replace(target, with: file.bytes, mode: UInt32(clamping: file.mode))
            }
        }
        if let group = plan.fsGroup { try LocalDirectory.giveToGroup(path, group) }
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
        let path = base + "/" + mount.subPath
        if LocalDirectory.kind(path) == nil {
            do throws(FileError) { try LocalDirectory.make(path) } catch {
                throw .failed("volume \(mount.volume): subPath \(mount.subPath): \(error)")
            }
        }
        // A link in the volume, which a container may have made, must not lead out of it.
        guard let real = LocalDirectory.resolved(path), let top = LocalDirectory.resolved(base),
            real == top || real.hasPrefix(top + "/")
        else { throw .failed("volume \(mount.volume): subPath \(mount.subPath) leads out of the volume") }
        return real
    }

    /// The kubelet's /etc/hosts (`nodeHostsFileContent`, `managedHostsFileContent`).
    private func hostsText(_ plan: PodPlan) -> String {
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
        if !plan.hostAliases.isEmpty {
            text += "\n# Entries added by HostAliases.\n"
            for alias in plan.hostAliases { text += "\(alias.ip)\t\(alias.names.joined(separator: "\t"))\n" }
        }
        return text
    }

    /// Adds the pod's own address, once the sandbox has it.
    func addAddress(_ addresses: [String], _ hostname: String) {
        guard !addresses.isEmpty, !hostname.isEmpty, var bytes = try? LocalFile.contents(of: hosts, limit: 1 << 20)
        else { return }
        for address in addresses { bytes += Array("\(address)\t\(hostname)\n".utf8) }
        try? LocalFile.overwrite(hosts, with: bytes)
    }

    /// Removes all of it.
    func remove() throws(Failure) {
        for name in (try? LocalFile.names(in: directory + "/volumes")) ?? [] { LocalDirectory.unmount(volume(name)) }
        do throws(FileError) {
            try LocalDirectory.remove(directory)
            try LocalDirectory.remove(logs)
        } catch { throw .failed("cannot remove what the pod left: \(error)") }
    }
}
