// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

package import Documents
internal import LocalFiles

/// Finds what the kubelet of this node was told: by its process, or by the files that installers leave.
///
/// Reads files of the node, each bounded; blocks as they do.
package struct KubeletFinder: Sendable {
    private static let fileLimit = 1 << 20
    private static let dropInLimit = 256

    /// Prefixed to every path: "" for this node.
    package var root: String
    /// Where processes are, below `root`.
    package var procDirectory: String

    /// A finder of the node whose files are below `root`.
    package init(root: String = "", procDirectory: String = "/proc") {
        self.root = root
        self.procDirectory = procDirectory
    }

    /// Configuration files by those who put them there, the most common first.
    package static let usualFiles = [
        "/var/lib/kubelet/config.yaml",  // kubeadm, kind, minikube
        "/etc/kubernetes/kubelet/config.json",  // EKS, Amazon Linux 2023
        "/etc/kubernetes/kubelet/kubelet-config.json",  // EKS, Amazon Linux 2
        "/etc/kubernetes/kubelet-config.yaml",  // kubespray
        "/home/kubernetes/kubelet-config.yaml",  // GKE
        "/etc/default/kubeletconfig.json",  // AKS
        "/etc/kubernetes/kubelet.conf",  // OpenShift; kubeadm has a kubeconfig there
        "/var/snap/microk8s/current/args/kubelet-config.yaml",
        "/var/lib/kubelet/kubelet-config.yaml",
    ]

    /// Drop-in directories that a kubelet within another program is given.
    package static let usualDirectories = [
        "/var/lib/rancher/k3s/agent/etc/kubelet.conf.d", "/var/lib/rancher/rke2/agent/etc/kubelet.conf.d",
    ]

    /// Files of flags that systemd units read, for a kubelet that does not run now.
    package static let flagFiles = [
        "/var/lib/kubelet/kubeadm-flags.env", "/etc/default/kubelet", "/etc/sysconfig/kubelet",
    ]

    /// What the running kubelet was told; where none runs, what the files say that one would be started with.
    ///
    /// Nothing found is no error: everything is nil then. What is there and cannot be read is in `problems`.
    package func find() -> KubeletSettings {
        let (found, doubts) = running()
        if let found { return found }
        var settings = KubeletSettings()
        settings.problems = doubts
        for path in Self.usualFiles where LocalFile.exists(root + path) {
            guard let bytes = read(path, below: root, &settings) else { continue }
            do throws(DocumentError) {
                settings.override(with: try KubeletSettings(configuration: bytes, path: path))
                break
            } catch {
                // A kubeconfig in the place where others have the configuration is nothing to mention.
                if !error.description.hasSuffix("a KubeletConfiguration is expected") {
                    settings.problems.append(error.description)
                }
            }
        }
        for path in Self.usualDirectories where LocalFile.exists(root + path) {
            addDropIns(path, below: root, to: &settings)
        }
        for path in Self.flagFiles where LocalFile.exists(root + path) {
            guard let bytes = read(path, below: root, &settings) else { continue }
            let arguments = KubeletArguments(Self.words(bytes), source: path)
            apply(arguments, below: root, to: &settings)
            settings.files.append(path)
        }
        return settings
    }

    /// What one file says, as `--kubelet-config FILE` names it.
    package static func read(file path: String) throws(DocumentError) -> KubeletSettings {
        let bytes: [UInt8]
        do throws(FileError) { bytes = try LocalFile.contents(of: path, limit: fileLimit, waits: true) } catch {
            throw DocumentError("\(path): cannot be read: \(error.reason)")
        }
        return try KubeletSettings(configuration: bytes, path: path)
    }

    // MARK: The running one

    /// The running kubelet's settings, and who was not believed to be it.
    private func running() -> (KubeletSettings?, doubts: [String]) {
        let proc = root + procDirectory
        var doubts: [String] = []
        let processes = ((try? LocalFile.names(in: proc)) ?? []).compactMap { Int32($0) }.sorted()
        for process in processes {
            guard let bytes = try? LocalFile.contents(of: "\(proc)/\(process)/cmdline", limit: Self.fileLimit),
                let arguments = Self.kubeletArguments(named(Self.commandLine(bytes), "\(proc)/\(process)"))
            else { continue }
            if let doubt = doubt("\(proc)/\(process)") {
                doubts.append("process \(process) calls itself a kubelet, but \(doubt): it is not believed")
                continue
            }
            var settings = KubeletSettings()
            settings.process = process
            // Its files as it sees them: in kind or k3d the kubelet is in a container of its own.
            let own = "\(proc)/\(process)/root"
            let place = LocalFile.exists(own + "/") ? own : root
            apply(KubeletArguments(arguments, source: "process \(process)"), below: place, to: &settings)
            if settings.files.isEmpty {
                for path in Self.usualDirectories where LocalFile.exists(place + path) {
                    addDropIns(path, below: place, to: &settings)
                }
            }
            return (settings, doubts)
        }
        return (nil, doubts)
    }

    /// A command line with the program's own name in it: what is in its place is the process's word.
    private func named(_ words: [String], _ directory: String) -> [String] {
        guard var program = LocalFile.link(directory + "/exe") else { return root.isEmpty ? [] : words }
        if program.hasSuffix(" (deleted)") { program.removeLast(" (deleted)".count) }
        return [program] + words.dropFirst()
    }

    /// Why a process is not this node's kubelet, which anybody can call a program; nil where it may be.
    ///
    /// The node is where the first process is: a kubelet in a container has a node of its own there.
    private func doubt(_ directory: String) -> String? {
        if root.isEmpty, LocalFile.owner(directory) != 0 { return "it is not root's" }
        for namespace in ["pid", "user"] {
            let first = LocalFile.link(root + procDirectory + "/1/ns/" + namespace)
            if LocalFile.link(directory + "/ns/" + namespace) != first { return "it is in a container" }
        }
        return nil
    }

    /// The words of /proc/PID/cmdline: each ends with a NUL, and may be empty.
    private static func commandLine(_ bytes: [UInt8]) -> [String] {
        let words = bytes.split(separator: 0, omittingEmptySubsequences: false)
        return (bytes.last == 0 ? words.dropLast() : words[...]).map { String(decoding: $0, as: UTF8.self) }
    }

    /// The kubelet's arguments in a command line; nil where it is no kubelet's.
    package static func kubeletArguments(_ words: [String]) -> [String]? {
        guard let program = words.first?.split(separator: "/").last else { return nil }
        switch program {
        case "kubelet": return Array(words.dropFirst())
        // hyperkube and the like: the verb comes first.
        case "hyperkube", "kubelite":
            return program == "kubelite" || words.dropFirst().first == "kubelet" ? Array(words.dropFirst()) : nil
        // k3s and rke2 hand flags on as --kubelet-arg=NAME=VALUE, and have two of their own.
        case "k3s", "k3s-server", "k3s-agent", "rke2":
            return words.indices.dropFirst().flatMap { index -> [String] in
                let word = words[index]
                let next = index + 1 < words.count ? words[index + 1] : ""
                for name in ["--kubelet-arg", "--cluster-dns", "--cluster-domain", "--resolv-conf", "--node-ip"] {
                    let value: String
                    if word == name {
                        value = next
                    } else if word.hasPrefix(name + "=") {
                        value = String(word.dropFirst(name.count + 1))
                    } else {
                        continue
                    }
                    return [name == "--kubelet-arg" ? "--" + value : "\(name)=\(value)"]
                }
                return []
            }
        default: return nil
        }
    }

    /// Flags hold over drop-ins, which hold over the file.
    private func apply(_ arguments: KubeletArguments, below place: String, to settings: inout KubeletSettings) {
        if let path = arguments.configFile, let bytes = read(path, below: place, &settings) {
            do throws(DocumentError) {
                settings.override(with: try KubeletSettings(configuration: bytes, path: path))
            } catch { settings.problems.append(error.description) }
        }
        if let path = arguments.configDirectory { addDropIns(path, below: place, to: &settings) }
        settings.override(with: arguments.settings)
    }

    /// `*.conf`, by name, as cmd/kubelet/app/server.go merges them.
    private func addDropIns(_ directory: String, below place: String, to settings: inout KubeletSettings) {
        do throws(FileError) {
            for name in try LocalFile.names(in: place + directory).filter({ $0.hasSuffix(".conf") }).prefix(
                Self.dropInLimit
            ) {
                let path = directory + "/" + name
                guard let bytes = read(path, below: place, &settings) else { continue }
                do throws(DocumentError) {
                    settings.override(with: try KubeletSettings(configuration: bytes, path: path))
                } catch { settings.problems.append(error.description) }
            }
        } catch { settings.problems.append("\(directory): cannot be read: \(error.reason)") }
    }

    private func read(_ path: String, below place: String, _ settings: inout KubeletSettings) -> [UInt8]? {
        do { return try LocalFile.contents(of: place + path, limit: Self.fileLimit) } catch {
            settings.problems.append("\(path): cannot be read: \(error.reason)")
            return nil
        }
    }

    /// The words of an environment file: `KUBELET_EXTRA_ARGS="--node-ip=10.0.0.1 ..."`.
    static func words(_ bytes: [UInt8]) -> [String] {
        let lines = String(decoding: bytes, as: UTF8.self).split(whereSeparator: \.isNewline)
        return lines.filter { !$0.hasPrefix("#") }.flatMap { line -> [String] in
            let value = line.drop { $0 != "=" }.dropFirst()
            return value.split(separator: " ").map { word in
                String(word.filter { $0 != "\"" && $0 != "'" })
            }
        }
    }
}
