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
    private static let depthLimit = 16

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
        if let found = running() { return found }
        var settings = KubeletSettings()
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

    private func running() -> KubeletSettings? {
        let proc = root + procDirectory
        let processes = ((try? LocalFile.names(in: proc)) ?? []).compactMap { Int32($0) }.sorted()
        var candidates: [KubeletProcess] = []
        for process in processes {
            guard let bytes = try? LocalFile.contents(of: "\(proc)/\(process)/cmdline", limit: Self.fileLimit) else {
                continue
            }
            let words = Self.commandLine(bytes)
            guard let arguments = Self.kubeletArguments(words),
                let candidate = KubeletProcess(process, words: words, arguments: arguments, proc: proc)
            else { continue }
            candidates.append(candidate)
        }
        candidates = KubeletProcess.preferred(candidates)
        guard let process = candidates.first else { return nil }
        var settings = KubeletSettings()
        settings.process = process.number
        guard candidates.count == 1 else {
            let numbers = candidates.map { "\($0.number)" }.joined(separator: ", ")
            settings.problems = ["more than one kubelet runs (processes \(numbers)): which holds cannot be known"]
            return settings
        }
        settings.hasOwnFiles = !process.sharesFiles
        let place = process.place(root: root)
        var (arguments, source) = (process.arguments, "process \(process.number)")
        if let path = arguments.last(where: { $0.hasPrefix(Self.flagFileOption) }) {
            source = process.absolute(String(path.dropFirst(Self.flagFileOption.count)))
            arguments = read(source, below: place, &settings).map { Self.flags($0, of: source) } ?? []
            settings.files.append(source)
        }
        let told = KubeletArguments(arguments, source: source)
        guard process.isK3s else {
            apply(told, of: process, below: place, to: &settings)
            return settings
        }
        // Its configuration comes first, as if it stood before its arguments.
        apply(k3sConfiguration(below: place, &settings), of: process, below: place, to: &settings)
        settings.override(with: told.settings)
        return settings
    }

    private func k3sConfiguration(below place: String, _ settings: inout KubeletSettings) -> KubeletArguments {
        let names = ((try? LocalFile.names(in: place + K3s.configDirectory)) ?? []).sorted()
        let dropIns = names.filter { $0.hasSuffix(".yaml") || $0.hasSuffix(".yml") }
        let paths = [K3s.configFile] + dropIns.prefix(Self.dropInLimit).map { "\(K3s.configDirectory)/\($0)" }
        var configurations: [Value] = []
        for path in paths where LocalFile.exists(place + path) {
            guard let bytes = read(path, below: place, &settings) else { continue }
            settings.files.append(path)
            do throws(DocumentError) { configurations += try Value.documents(bytes).prefix(1) } catch {
                settings.problems.append("\(path): \(error)")
            }
        }
        return KubeletArguments(K3s.kubeletArguments(configurations: configurations), source: "k3s' configuration")
    }

    /// How kubelite, which is microk8s' kubelet and all else, is told where its kubelet's flags are.
    private static let flagFileOption = "--kubelet-args-file="

    /// The flags in such a file, a line each; its variable is the directory above the file's own.
    private static func flags(_ bytes: [UInt8], of path: String) -> [String] {
        let data = "/" + path.split(separator: "/").dropLast(2).joined(separator: "/")
        return String(decoding: bytes, as: UTF8.self).split(whereSeparator: \.isNewline)
            .map { String($0.trimmingPrefix { $0.isWhitespace }) }
            .filter { !$0.hasPrefix("#") }
            .map { $0.replacing("${SNAP_DATA}", with: data) }
    }

    /// The words of /proc/PID/cmdline: each ends with a NUL, and may be empty.
    private static func commandLine(_ bytes: [UInt8]) -> [String] {
        let words = bytes.split(separator: 0, omittingEmptySubsequences: false)
        return K3s.words((bytes.last == 0 ? words.dropLast() : words[...]).map { String(decoding: $0, as: UTF8.self) })
    }

    /// The kubelet's arguments in a command line; nil where it is no kubelet's.
    package static func kubeletArguments(_ words: [String]) -> [String]? {
        guard let program = words.first?.split(separator: "/").last else { return nil }
        switch program {
        case "kubelet": return Array(words.dropFirst())
        // hyperkube and the like: the verb comes first.
        case "hyperkube", "kubelite":
            return program == "kubelite" || words.dropFirst().first == "kubelet" ? Array(words.dropFirst()) : nil
        case "k3s", "k3s-server", "k3s-agent", "rke2": return K3s.kubeletArguments(words)
        default: return nil
        }
    }

    /// Flags hold over drop-ins, which hold over the file.
    ///
    /// `process`: whose they are, where it runs; the usual directories are for one that was told of no file.
    private func apply(
        _ arguments: KubeletArguments,
        of process: KubeletProcess? = nil,
        below place: String,
        to settings: inout KubeletSettings
    ) {
        func absolute(_ path: String) -> String {
            process?.absolute(path) ?? (path.hasPrefix("/") ? path : "/" + path)
        }
        if let path = arguments.configFile.map(absolute), let bytes = read(path, below: place, &settings) {
            do throws(DocumentError) {
                settings.override(with: try KubeletSettings(configuration: bytes, path: path))
            } catch { settings.problems.append(error.description) }
        }
        var directories = arguments.configDirectory.map { [absolute($0)] } ?? []
        if process != nil, arguments.configFile == nil, directories.isEmpty {
            directories = Self.usualDirectories.filter { LocalFile.exists(place + $0) }
        }
        for directory in directories { addDropIns(directory, below: place, to: &settings) }
        settings.override(with: arguments.settings)
    }

    /// The drop-ins as cmd/kubelet/app/server.go merges them.
    private func addDropIns(_ directory: String, below place: String, to settings: inout KubeletSettings) {
        do throws(FileError) {
            for path in try dropIns(in: directory, below: place).prefix(Self.dropInLimit) {
                guard let bytes = read(path, below: place, &settings) else { continue }
                do throws(DocumentError) {
                    settings.override(with: try KubeletSettings(configuration: bytes, path: path))
                } catch { settings.problems.append(error.description) }
            }
        } catch { settings.problems.append("\(directory): cannot be read: \(error.reason)") }
    }

    /// `*.conf` in the directory and those in it, by name (filepath.WalkDir, which follows no link to a directory).
    private func dropIns(in directory: String, below place: String, depth: Int = 0) throws(FileError) -> [String] {
        var result: [String] = []
        for name in try LocalFile.names(in: place + directory) {
            let path = directory + "/" + name
            if LocalDirectory.kind(place + path) == .directory {
                guard depth < Self.depthLimit, LocalFile.link(place + path) == nil else { continue }
                result += try dropIns(in: path, below: place, depth: depth + 1)
            } else if name.hasSuffix(".conf") {
                result.append(path)
            }
        }
        return result
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
