// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

import Attachment
import Kernel
import NodeLink
import Samples

/// Gives running containers their views and takes them away; what `attach` and `detach` share.
struct Attacher {
    let daemon: DaemonClient
    let state: StateDirectory
    let mounts: ViewMounts

    /// `isLast`: there is one container to see to.
    init(state: StateDirectory, isLast: Bool = false) throws {
        self.state = state
        do { daemon = try DaemonClient(socket: state.socket, hold: false) } catch is DaemonClient.Absent {
            throw Failure.failed("no umweltd listens at \(state.socket); start it: systemctl start umweltd")
        }
        do throws(Errno) { mounts = try ViewMounts(isLast: isLast) } catch {
            throw Failure.failed("cannot look at mount namespaces: \(error)")
        }
    }

    var mountPoint: Path { Path(daemon.greeting.mountPoint) }

    /// The container that `target` means: a process's number, or a container's id or name.
    func container(_ target: String) throws(Failure) -> EngineContainer {
        let known = EngineStates(stateDirectory: state.path).containers()
        if let pid = Int32(target), pid > 0, known.allSatisfy({ $0.id != target && $0.name != target }) {
            guard FileTree.isThere(Path("/proc/\(pid)/ns")) else { throw .failed("there is no process \(pid)") }
            return try container(of: pid, known)
        }
        switch known.match(target) {
        case .one(let container): return container
        case .several(let ids):
            throw .failed(
                "\(target) can be any of \(ids.joined(separator: ", ")); write more of the id, or its process's number"
            )
        case .none:
            if let registered = try registered().first(where: { $0.id == target && $0.pid > 0 }) {
                return EngineContainer(id: registered.id, engine: "-", pid: registered.pid)
            }
            if let pid = CgroupSearch.firstProcess(of: target) { return try container(of: pid, known, id: target) }
            throw .failed("no running container has the id or name \(target), nor is it a process's number")
        }
    }

    /// The container that a process is in: that of the oldest process in its mount namespace.
    private func container(
        of pid: Int32,
        _ known: [EngineContainer],
        id: String? = nil
    ) throws(Failure) -> EngineContainer {
        guard let namespace = MountSurvey.namespace(of: pid) else {
            throw .failed("cannot look at process \(pid): it has ended, or is more privileged than this command")
        }
        try refuseHost(namespace, of: pid)
        let first = CgroupSearch.oldestProcess(inMountNamespace: namespace) ?? pid
        if let container = known.first(where: { $0.pid == first || $0.pid == pid }) { return container }
        return EngineContainer(id: id ?? "pid-\(first)", engine: "-", pid: first)
    }

    /// Refuses the machine's mount namespace, the daemon's and this command's own; all where the machine's cannot be told.
    private func refuseHost(_ namespace: UInt64, of pid: Int32) throws(Failure) {
        func inode(_ pid: String) -> UInt64? { (try? FileStatus.of(Path("/proc/\(pid)/ns/mnt")))?.inode }
        // A security policy can hide process 1; then the first kernel thread is there, where this is the machine's pid namespace.
        let isKernel = (try? Fd.contents(of: "/proc/2/comm", limit: 64))?.elementsEqual("kthreadd\n".utf8) == true
        guard let machine = inode("1") ?? (isKernel ? inode("2") : nil), let own = inode("self"),
            let daemons = inode("\(daemonProcess)")
        else {
            throw .failed("cannot tell the host's mount namespace from a container's: /proc/1/ns/mnt cannot be read")
        }
        guard ![machine, own, daemons].contains(namespace) else {
            throw .failed("process \(pid) is in the host's own mount namespace: there is no container to attach to")
        }
    }

    /// One of the daemon's processes that is there: each can have ended since it was asked.
    private var daemonProcess: Int32 {
        for pid in [daemon.greeting.keeper, daemon.greeting.pid]
        where (try? FileStatus.of(Path("/proc/\(pid)/ns/mnt"))) != nil { return pid }
        let greeting = try? DaemonClient(socket: state.socket, hold: false).greeting
        return greeting?.keeper ?? 0
    }

    /// What became of one container.
    struct Outcome: Equatable {
        var placed: [Path] = []
        /// Were there already.
        var present: [Path] = []
        /// `path (type)`.
        var leftAlone: [String] = []
        /// What the container had mounted on a dead view, and has no more: `path (why)`.
        var lost: [String] = []
    }

    /// One at a time: two would each find the places free.
    private func lock() throws(Failure) -> Fd {
        let lock = try state.lockFile(state.attachLock)
        do throws(Errno) { try lock.lock() } catch { throw .failed("cannot lock \(state.attachLock): \(error)") }
        return lock
    }

    func attach(_ container: EngineContainer) throws(Failure) -> Outcome {
        let lock = try lock()
        defer { withExtendedLifetime(lock) {} }
        guard let namespace = MountSurvey.namespace(of: container.pid) else {
            throw .failed("cannot look at \(container.label): it has ended, or is more privileged than this command")
        }
        try refuseHost(namespace, of: container.pid)
        let plan = try plan(of: container)
        var outcome = Outcome()
        for step in plan.steps {
            switch step.standing {
            case .ours: outcome.present.append(step.target)
            case .covered(let type): outcome.leftAlone.append("\(step.target) (\(type))")
            case .shared: outcome.leftAlone.append("\(step.target) (shared with the host)")
            case .free, .stale: break
            }
        }
        guard plan.steps.contains(where: { $0.standing == .free || $0.standing == .stale }) else { return outcome }
        // First: nothing is registered then that would have to be taken back.
        guard (try? MountSurvey.minor(ofOursAt: mountPoint)) != nil else {
            // One that is ending has no mount any more, and says so.
            if daemon.isEnding { _ = try register(container) }
            throw .failed(
                "the files of umweltd at \(mountPoint) cannot be seen here: it runs in another mount namespace, or its mount is gone"
            )
        }
        let (id, isNew) = try register(container)
        let directory = daemon.greeting.mountPoint + "/containers/" + id
        let pid = MountSurvey.unconfined(container.pid)
        do throws(ViewMounts.Failure) {
            let lost: [(place: Path, cause: Errno)]
            (outcome.placed, lost) = try mounts.place(plan, from: Path(directory), in: pid)
            outcome.lost = lost.map { "\($0.place) (\($0.cause))" }
        } catch {
            if isNew { _ = try? daemon.request(.deregister, [id]) }
            throw .failed("cannot put \(error.target) into \(container.label): \(error.cause); nothing was changed")
        }
        // A daemon that ends unmounts first, and then takes away what it finds: these may have come too late for that.
        if daemon.isEnding {
            if let late = try? self.plan(of: container).held { _ = try? mounts.remove(late, from: pid) }
            throw .failed("umweltd ended meanwhile; \(container.label) was not changed")
        }
        guard !outcome.placed.isEmpty || !outcome.present.isEmpty else {
            if isNew { _ = try? daemon.request(.deregister, [id]) }
            throw .failed("\(container.label) has none of the files: there is no /proc or /sys of its own in it")
        }
        return outcome
    }

    /// What was taken away.
    func detach(_ container: EngineContainer) throws(Failure) -> [Path] {
        let lock = try lock()
        defer { withExtendedLifetime(lock) {} }
        let held = try plan(of: container).held
        guard !held.isEmpty else { throw .failed("\(container.label) has no views") }
        let removed: [Path]
        do throws(ViewMounts.Failure) {
            removed = try mounts.remove(held, from: MountSurvey.unconfined(container.pid))
        } catch {
            throw .failed(
                error.cause == .invalidArgument
                    ? "cannot take \(error.target) off \(container.label): it was there when the container's user namespace was made"
                    : "cannot take \(error.target) off \(container.label): \(error.cause)"
            )
        }
        if let known = try registered().first(where: { $0.pid == container.pid && $0.route == "attach" }) {
            _ = try daemon.request(.deregister, [known.id])
        }
        return removed
    }

    func plan(of container: EngineContainer) throws(Failure) -> ViewPlan { try plan(of: container, registered()) }

    /// `registered`: the containers that the daemon knows.
    func plan(of container: EngineContainer, _ registered: [Registered]) throws(Failure) -> ViewPlan {
        do throws(Errno) {
            return ViewPlan(
                mounts: try MountSurvey.mounts(of: MountSurvey.unconfined(container.pid)),
                // The daemon may be in another mount namespace than process 1.
                host: try MountSurvey.mounts(of: daemonProcess) + MountSurvey.mounts(of: 1),
                mountPoint: mountPoint,
                earlier: MountNotes(socket: Path(state.socket)).earlier(than: mountPoint),
                known: Set(registered.map(\.id))
            )
        } catch {
            throw .failed("cannot read the mounts of \(container.label): \(error)")
        }
    }

    private func register(_ container: EngineContainer) throws(Failure) -> (id: String, isNew: Bool) {
        let all = try registered()
        if let known = all.first(where: { $0.pid == container.pid }) { return (known.id, false) }
        // Two engines, or two namespaces of one, may have containers of the same id.
        var id = container.registeredID
        if all.contains(where: { $0.id == id }) { id = "\(id.prefix(110))-\(container.pid)" }
        _ = try daemon.request(.register, [id, "attach", "\(container.pid)"])
        return (id, true)
    }

    struct Registered: Equatable {
        var id: String
        var route: String
        var pid: Int32
    }

    /// The containers that the daemon knows.
    func registered() throws(Failure) -> [Registered] {
        var result: [Registered] = []
        while true {
            let fields = try daemon.request(.containers, ["\(result.count)"]).map {
                String(decoding: $0, as: UTF8.self)
            }
            guard fields.count >= 4 else { return result }
            for start in stride(from: 0, to: fields.count - 3, by: 4) {
                result.append(
                    Registered(id: fields[start], route: fields[start + 1], pid: Int32(fields[start + 2]) ?? 0)
                )
            }
        }
    }
}

extension EngineContainer {
    /// For people.
    var label: String { name.isEmpty ? shortID : name }

    /// An engine's own id is cut, one that people gave is not.
    var shortID: String { hasEngineID ? String(id.prefix(20)) : id }
}
