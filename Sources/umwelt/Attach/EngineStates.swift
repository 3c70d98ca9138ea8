// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

import FoundationEssentials
import Kernel
import Samples

/// Finds running containers in the state directories of runtimes and engines; asks no daemon.
struct EngineStates {
    /// `/`, or a fixture.
    var root = "/"
    /// Where `umwelt run` has its own.
    var stateDirectory = StateDirectory.standard
    /// Whether a process of that number runs, and when it started (field 22 of /proc/PID/stat); nil where none does.
    var startOf: (Int32) -> UInt64? = { pid in
        guard let text = try? Fd.contents(of: Path("/proc/\(pid)/stat"), limit: 4096),
            let close = text.lastIndex(of: UInt8(ascii: ")"))
        else { return nil }
        let fields = text[(close + 1)...].split(separator: 32)
        // Behind the name comes field 3, the state.
        guard fields.count > 19, fields[0].first != UInt8(ascii: "Z") else { return nil }
        return UInt64(String(decoding: fields[19], as: UTF8.self))
    }

    /// By how much a process's own clock since boot is ahead of the machine's, in the units of its start (time namespaces).
    var clockOffset: (Int32) -> Int64 = { pid in
        let text = (try? Fd.contents(of: Path("/proc/\(pid)/timens_offsets"), limit: 4096)) ?? []
        return TimeOffsets(parsing: text.span).boottimeNs / 10_000_000
    }

    /// The user who made a process's user namespace.
    var namespaceOwner: (Int32) -> UInt32? = { pid in
        do throws(Errno) { return try Namespace.owner(of: Fd.open(Path("/proc/\(pid)/ns/user"))) } catch { return nil }
    }

    /// Whether a runtime noted this start of the process: as the machine tells it, or as its own clock does.
    private func isStart(_ noted: UInt64, of pid: Int32, _ now: UInt64) -> Bool {
        guard noted != now else { return true }
        let offset = clockOffset(pid)
        return offset != 0 && (Int64(clamping: noted) &- Int64(clamping: now) &- offset).magnitude <= 2
    }

    private static let directoryLimit = 65536
    private static let fileLimit = 8 << 20

    /// All, sorted by engine and id; those that have ended are left out.
    func containers() -> [EngineContainer] {
        var result: [EngineContainer] = []
        for place in places {
            for name in names(in: place.directory) {
                guard var container = container(at: place.directory + "/" + name, id: name, place),
                    !result.contains(where: { $0.pid == container.pid })
                else { continue }
                describe(&container)
                result.append(container)
            }
        }
        return result.sorted { ($0.engine, $0.id) < ($1.engine, $1.id) }
    }

    /// A directory with one directory for each container.
    private struct Place {
        var directory: String
        var engine: String
        /// Whose it is; what others than root say there is believed of their own processes alone.
        var user: UInt32 = 0

        init(_ directory: String, _ engine: String) { (self.directory, self.engine) = (directory, engine) }
    }

    /// The engines' own come before those all share.
    private var places: [Place] {
        var result = [
            Place(stateDirectory + "/runtime/runc", "umwelt"), Place(stateDirectory + "/runtime/crun", "umwelt"),
        ]
        for runtime in ["runtime-runc", "runtime-crun", "runtime-io.containerd.runc.v2"] {
            result.append(Place("/run/docker/\(runtime)/moby", "docker"))
        }
        result.append(Place("/var/run/docker/runtime-runc/moby", "docker"))
        for runtime in ["runc", "crun"] {
            for namespace in names(in: "/run/containerd/\(runtime)") {
                let engine = namespace == "k8s.io" ? "cri" : namespace == "moby" ? "docker" : "containerd"
                result.append(Place("/run/containerd/\(runtime)/\(namespace)", engine))
            }
        }
        for runtime in ["runc", "crun"] { result.append(Place("/run/" + runtime, runtime)) }
        for name in names(in: "/run/user") {
            guard let user = UInt32(name) else { continue }
            for runtime in ["runc", "crun"] {
                var place = Place("/run/user/\(user)/\(runtime)", runtime)
                place.user = user
                result.append(place)
            }
        }
        return result
    }

    private func names(in directory: String) -> [String] {
        let opened = try? Fd.open(Path(root + directory), [.readOnly, .directory])
        guard let entries = try? opened?.entries(limit: Self.directoryLimit) else { return [] }
        return entries.filter { $0.type == 4 || $0.type == 0 || $0.type == 10 }
            .map { String(decoding: $0.name, as: UTF8.self) }.sorted()
    }

    /// `user`: whose file it has to be; 0: anybody's.
    private func json<Value: Decodable>(_ type: Value.Type, at path: String, _ user: UInt32) -> Value? {
        // What others than root put there can be a pipe or a device, which is not to be opened.
        guard let file = try? Fd.open(Path(root + path), .path), let status = try? file.status(), status.isRegular,
            [0, status.user].contains(user),
            let bytes = try? Fd.contents(of: Path("/proc/self/fd/\(file.raw)"), limit: Self.fileLimit)
        else { return nil }
        return try? JSONDecoder().decode(type, from: Data(bytes))
    }

    // MARK: Runtimes

    /// runc's state.json (libcontainer.State).
    private struct RuncState: Decodable {
        struct Config: Decodable {
            var labels: [String]?
            var mounts: [BundleConfig.Mount]?
        }
        var id: String
        var init_process_pid: Int32
        var init_process_start: UInt64?
        var config: Config?
    }

    /// crun's status.
    private struct CrunStatus: Decodable {
        var pid: Int32
        var processStartTime: UInt64?
        var bundle: String?

        enum CodingKeys: String, CodingKey {
            case pid
            case processStartTime = "process-start-time"
            case bundle
        }
    }

    private func container(at directory: String, id: String, _ place: Place) -> EngineContainer? {
        let pid: Int32
        let start: UInt64?
        var bundle = ""
        var mounts: [BundleConfig.Mount]?
        if let state = json(RuncState.self, at: directory + "/state.json", place.user) {
            (pid, start) = (state.init_process_pid, state.init_process_start)
            bundle = state.config?.labels?.first { $0.hasPrefix("bundle=") }.map { String($0.dropFirst(7)) } ?? ""
            mounts = state.config?.mounts
        } else if let status = json(CrunStatus.self, at: directory + "/status", place.user) {
            (pid, start, bundle) = (status.pid, status.processStartTime, status.bundle ?? "")
        } else {
            return nil
        }
        guard pid > 0, let now = startOf(pid), start == nil || start == 0 || isStart(start ?? 0, of: pid, now)
        else { return nil }
        guard place.user == 0 || namespaceOwner(pid) == place.user else { return nil }
        var container = EngineContainer(id: id, engine: place.engine, pid: pid)
        container.user = place.user
        let config = json(BundleConfig.self, at: bundle + "/config.json", place.user)
        read(config?.annotations ?? [:], &container)
        container.ownDirectories = Self.ownDirectories(bundle, mounts ?? config?.mounts ?? [])
        return container
    }

    // MARK: Engines

    private struct BundleConfig: Decodable {
        struct Mount: Decodable {
            var source: String?
            var destination: String?
        }

        var annotations: [String: String]?
        var mounts: [Mount]?
    }

    /// Where the engine has what it keeps of the container, whatever its data root is: the bundle, and where the files come
    /// from that it makes for every container.
    private static func ownDirectories(_ bundle: String, _ mounts: [BundleConfig.Mount]) -> [String] {
        let files = ["/etc/hostname", "/etc/hosts", "/etc/resolv.conf", "/run/.containerenv"]
        let sources = mounts.filter { files.contains($0.destination ?? "") }.compactMap { $0.source.flatMap(parent) }
        return ([bundle] + sources).reduce(into: []) { if !$0.contains($1), !$1.isEmpty { $0.append($1) } }
    }

    private static func parent(_ path: String) -> String? {
        path.lastIndex(of: "/").map { String(path[..<$0]) }
    }

    /// What CRI runtimes note of a container in its configuration.
    private func read(_ notes: [String: String], _ container: inout EngineContainer) {
        let kind = notes["io.kubernetes.cri.container-type"] ?? notes["io.kubernetes.cri-o.ContainerType"]
        container.isSandbox = kind == "sandbox"
        if notes.keys.contains(where: { $0.hasPrefix("io.kubernetes.cri-o.") }) { container.engine = "cri-o" }
        if notes.keys.contains("io.container.manager"), notes["io.container.manager"] == "libpod" {
            container.engine = "podman"
        }
        let pod = notes["io.kubernetes.cri.sandbox-name"] ?? notes["io.kubernetes.pod.name"]
        let name =
            notes["io.kubernetes.cri.container-name"] ?? notes["io.kubernetes.container.name"] ?? notes["nerdctl/name"]
        if let name { container.name = (pod.map { $0 + "/" } ?? "") + name }
        if container.isSandbox, let pod { container.name = pod }
    }

    private struct DockerConfig: Decodable { var Name: String? }

    private struct PodmanEntry: Decodable {
        var id: String
        var names: [String]?
    }

    /// The names that docker and podman keep elsewhere.
    private func describe(_ container: inout EngineContainer) {
        if container.engine == "docker" {
            // A container in another's network has that one's files.
            let places = ["/var/lib/docker/containers"] + container.ownDirectories.compactMap(Self.parent)
            let configs = places.map { "\($0)/\(container.id)/config.v2.json" }
            let user = container.user
            if let name = configs.lazy.compactMap({ json(DockerConfig.self, at: $0, user)?.Name }).first {
                container.name = name.hasPrefix("/") ? String(name.dropFirst()) : name
            }
        }
        guard container.name.isEmpty else { return }
        // ROOT/overlay-containers/ID/userdata
        for place in container.ownDirectories.compactMap(Self.parent).compactMap(Self.parent) {
            nameByPodman(&container, place)
        }
        for driver in ["overlay", "vfs", "btrfs", "zfs"] {
            for root in ["/var/lib", "/run"] {
                nameByPodman(&container, "\(root)/containers/storage/\(driver)-containers")
            }
        }
    }

    private func nameByPodman(_ container: inout EngineContainer, _ directory: String) {
        // The latter has those that go with their end (podman run --rm).
        for file in ["containers.json", "volatile-containers.json"] where container.name.isEmpty {
            let entries = json([PodmanEntry].self, at: "\(directory)/\(file)", container.user)
            guard let entry = entries?.first(where: { $0.id == container.id }) else { continue }
            container.name = entry.names?.first ?? ""
            container.engine = "podman"
        }
    }
}
