// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

package import Cgroups
package import FuseServer
package import FuseWire
package import Kernel
import Samples
import Synchronization

/// The tree of files: `containers/<id>/{proc,sys}` by path, and `{proc,sys}` by caller, laid out as LXCFS lays it out.
package final class UmweltFS: FileSystem {
    package let table: ContainerTable
    private let identity: Identity
    private let processes: ProcessSource
    private let host: HostSampler
    /// Kept for as long as they are read.
    private let hostFiles: HostFiles?
    private let renderer: Renderer
    private let sysTree: SysTree
    private let loadSampler: LoadSampler
    /// Of the host's files, as its own processes see them.
    private let hostSizes = Mutex(FileSizes())
    /// Files that are large for one caller or another.
    private let largeByCaller: Mutex<Set<ProcFile>>
    /// Shown as the time of every file, in seconds since the epoch.
    private let startedAt: UInt64

    /// Names that never change are kept by the kernel for an hour; those of containers and CPUs are asked for each time.
    private static var longNs: UInt64 { 3_600_000_000_000 }
    /// How long a container may be registered without a process.
    private static var patienceNs: UInt64 { 120_000_000_000 }

    /// A tree without containers yet.
    ///
    /// - Parameters:
    ///   - hierarchies: Where the host's cgroups are.
    ///   - proc: `/proc` with all processes that will ask.
    ///   - system: `/sys/devices/system`.
    ///   - hostFiles: The host's own files; nil: those of `proc` and `system`.
    ///   - journal: Where registered containers outlive the process; those that are there are registered.
    ///   - accounts: Where what containers are told of their CPU times outlives the process.
    package init(
        hierarchies: Hierarchies,
        proc: Path = "/proc",
        system: Path = "/sys/devices/system",
        hostFiles: HostFiles? = nil,
        journal: TableJournal? = nil,
        accounts: AccountStore? = nil
    ) {
        let table = ContainerTable(hierarchies: hierarchies, journal: journal, accounts: accounts)
        let processes = ProcessSource(root: proc)
        self.table = table
        self.processes = processes
        identity = Identity(processes: processes, table: table)
        self.hostFiles = hostFiles
        let system = hostFiles?.system ?? system
        let host = HostSampler(proc: hostFiles?.proc ?? proc, system: system)
        self.host = host
        // One that was open before this process began is not noted here; the host's is the largest.
        largeByCaller = Mutex(Set(ProcFile.allCases.filter { $0.canBeLarge && host.isLarge($0) }))
        renderer = Renderer(host: host)
        sysTree = SysTree(root: system)
        loadSampler = LoadSampler(table: table, renderer: renderer)
        startedAt = Clock.real / 1_000_000_000
    }

    /// Keeps load averages until `stop` becomes readable; to be called on a thread of its own.
    package func runLoadSampler(until stop: borrowing Fd) { loadSampler.run(until: stop) }

    /// The CPU a thread last ran on, for the placement of the loop threads.
    package func lastCPU(of thread: Int32) -> Int? { processes.lastCPU(of: thread) }

    /// Pages that the largest file needs: what a request should be able to carry.
    package static func pagesWanted(proc: Path = "/proc", system: Path = "/sys/devices/system") -> UInt16 {
        let size = HostSampler(proc: proc, system: system).cpuInfo.blocks.reduce(0) { $0 + $1.text.count + 1 }
        return UInt16(clamping: max(1, min(size / 4096 + 1, 256)))
    }

    /// New memory for accounts of this machine's containers.
    package static func makeAccountStore(system: Path = "/sys/devices/system") throws(Errno) -> AccountStore {
        let text = (try? Fd.contents(of: system.appending("cpu/possible"), limit: 65536)) ?? []
        return try AccountStore(cpus: max(1, CPUSet(parsingList: text.span)?.count ?? 1))
    }

    // MARK: Containers

    /// Names the first process of a registered container.
    ///
    /// ESRCH where there is no such process, ENOENT where there is no such container.
    package func attach(id: [UInt8], pid: Int32) throws(Errno) {
        guard let container = table.container(id: id) else { throw .noEntry }
        let process = try processes.handle(pid)
        _ = try process.cgroupText()
        guard let membership = identity.top(of: process) else { throw .noProcess }
        try table.attach(
            container,
            pid: pid,
            membership: membership,
            start: identity.start(process),
            refuge: identity.refuge(of: process)
        )
        identity.invalidate()
    }

    /// Whether there was such a container.
    package func deregister(id: [UInt8]) -> Bool {
        defer { identity.invalidate() }
        return table.deregister(id: id)
    }

    /// Whether the registered container's first process is the one that was named, and not another of its number.
    package func hasItsProcess(_ container: Container) -> Bool {
        guard let startNs = container.processStartNs else { return false }
        return processes.start(of: container.pid) == startNs
    }

    /// Has the container go on with the oldest of those of its processes that are in the first one's mount namespace, in the
    /// place of that, which has ended; returns it, nil where there is none.
    ///
    /// Looks at every process of the node.
    package func goOn(id: [UInt8]) -> Int32? {
        guard let container = table.container(id: id), let refuge = container.refuge,
            let membership = container.membership,
            let pid = identity.oldestProcess(inMountNamespace: refuge, ofThoseIn: membership),
            let startNs = processes.start(of: pid)
        else { return nil }
        table.goOn(container, with: pid, startNs: startNs)
        identity.invalidate()
        return pid
    }

    /// Forgets registered containers whose process was not named for two minutes (who registered them is gone), and discovered
    /// ones whose cgroups are gone; returns the ids of those whose process has ended.
    package func sweep() -> [[UInt8]] {
        let now = Clock.monotonic
        var ended: [[UInt8]] = []
        for container in table.registered {
            if container.pid > 0 {
                if !hasItsProcess(container) { ended.append(container.id) }
            } else if now.subtracting(orMin: container.madeAt) > Self.patienceNs {
                _ = deregister(id: container.id)
            }
        }
        table.sweep()
        return ended
    }

    /// Forgets what is known of processes that have ended.
    package func forgetEnded() { identity.sweep() }

    /// What the process would read in `path` (below `proc/` or `sys/`).
    ///
    /// EACCES where this process may not look into that one: what it sees cannot be known.
    package func view(_ path: [UInt8], for pid: Int32) throws(Errno) -> [UInt8] {
        // One that has ended and is not waited for yet is in no container any more, and reads nothing.
        if try processes.handle(pid).namespaces().mount == 0 { throw .noProcess }
        let caller = Caller(pid: pid)
        var node = NodeID(key: 0, entry: .root).rawValue
        for component in path.split(separator: UInt8(ascii: "/")) {
            node = try lookup(Array(component), in: node, for: caller).attributes.node
        }
        return try open(node, for: caller).content
    }

    // MARK: FileSystem

    /// It counts against the container, whichever of its processes asks; a process of the host is on its own.
    package func open(_ node: UInt64, for caller: Caller) throws(Errno) -> (content: [UInt8], owner: UInt64) {
        let id = NodeID(rawValue: node)
        var attempts = 3
        while true {
            attempts -= 1
            let subject = try subject(id.key, caller)
            do throws(Errno) {
                let content = try content(of: id, for: subject)
                if case .container(let container) = subject { return (content, UInt64(container.key)) }
                return (content, 1 << 32 | UInt64(UInt32(bitPattern: caller.pid)))
            } catch {
                // The cgroup that the caller was in a moment ago is gone: it is in another one by now.
                guard error == .noEntry, id.key == 0, attempts > 0, case .container = subject else { throw error }
                identity.forget(caller.pid)
            }
        }
    }

    package func lookup(_ name: [UInt8], in parent: UInt64, for caller: Caller) throws(Errno) -> Entry {
        let parent = NodeID(rawValue: parent)
        if parent == NodeID(key: 0, entry: .containers) {
            guard let container = table.container(id: name) else { throw .noEntry }
            return Entry(attributes: attributes(NodeID(key: container.key, entry: .root), directory), timeoutNs: 0)
        }
        if parent.entry.isSysfs {
            guard let node = sysTree.node(parent.entry), let child = sysTree.child(name, of: node),
                isVisible(child.node, parent.key, caller)
            else { throw .noEntry }
            return Entry(
                attributes: attributes(NodeID(key: parent.key, entry: child.id), child.node),
                timeoutNs: child.node.depends ? 0 : Self.longNs
            )
        }
        for child in fixedChildren(of: parent) where child.name == name {
            let id = NodeID(key: parent.key, entry: child.entry)
            return Entry(attributes: try attributes(of: id.rawValue, for: caller), timeoutNs: Self.longNs)
        }
        throw .noEntry
    }

    package func attributes(of node: UInt64, for caller: Caller) throws(Errno) -> Attributes {
        let id = NodeID(rawValue: node)
        if id.entry.isSysfs {
            guard let node = sysTree.node(id.entry) else { throw .noEntry }
            return attributes(id, node)
        }
        if let file = id.entry.procFile {
            var result = attributes(id, 0o100000 | file.permissions)
            (result.size, result.areSteady) = size(of: file, id, caller)
            return result
        }
        switch id.entry {
        case .root, .proc, .pressure, .sys, .devices, .system: return attributes(id, directory)
        case .containers where id.key == 0: return attributes(id, 0o040700)
        default: throw .noEntry
        }
    }

    package func linkTarget(of node: UInt64, for caller: Caller) throws(Errno) -> [UInt8] {
        guard let node = sysTree.node(NodeID(rawValue: node).entry), node.type == .link else { throw .invalidArgument }
        return try Fd.open(sysTree.root, [.path, .directory]).linkTarget(of: Path(node.path))
    }

    package func entries(of node: UInt64, for caller: Caller) throws(Errno) -> [DirectoryEntry] {
        let id = NodeID(rawValue: node)
        if id == NodeID(key: 0, entry: .containers) {
            return table.registered.map {
                DirectoryEntry(
                    name: $0.id,
                    node: NodeID(key: $0.key, entry: .root).rawValue,
                    type: 4,
                    position: UInt64($0.key)
                )
            }
        }
        if id.entry.isSysfs {
            sysTree.look(for: host.online)
            guard let node = sysTree.node(id.entry), node.type == .directory else { throw .notDirectory }
            return sysTree.children(of: node).compactMap { child in
                guard isVisible(child.node, id.key, caller) else { return nil }
                return DirectoryEntry(
                    name: Array(child.node.name),
                    node: NodeID(key: id.key, entry: child.id).rawValue,
                    type: child.node.type.rawValue,
                    position: child.id.position
                )
            }
        }
        return fixedChildren(of: id).enumerated().map { index, child in
            DirectoryEntry(
                name: child.name,
                node: NodeID(key: id.key, entry: child.entry).rawValue,
                type: child.entry.procFile == nil ? 4 : 8,
                position: UInt64(index) + 1
            )
        }
    }

    private func content(of id: NodeID, for subject: Identity.Subject) throws(Errno) -> [UInt8] {
        if let file = id.entry.procFile {
            let content: [UInt8]
            switch subject {
            case .host: content = try host.content(of: file)
            case .container(let container): content = try renderer.content(file, of: container)
            }
            if file.canBeLarge { note(content.count, of: file, id.key, subject) }
            return content
        }
        guard id.entry.isSysfs, let node = sysTree.node(id.entry) else { throw .isDirectory }
        guard node.type == .file else { throw .isDirectory }
        let bytes = { () throws(Errno) in
            try Fd.contents(of: self.sysTree.root.appending(Path(node.path)), limit: 65536)
        }
        switch subject {
        case .host: return try bytes()
        case .container(let container): return try renderer.content(node, host: bytes, of: container)
        }
    }

    // MARK: Details

    private var directory: UInt32 { 0o040555 }

    private func attributes(_ id: NodeID, _ mode: UInt32) -> Attributes {
        Attributes(node: id.rawValue, mode: mode, size: 0, links: mode & 0o040000 == 0 ? 1 : 2, time: startedAt)
    }

    /// Not 0, as the kernel's own have it, and not less than the content.
    ///
    /// Of a file of no size sendfile(2) takes nothing, and says that it was all (filemap_splice_read()); at the size cp and
    /// tail end.
    ///
    /// By path a node is its container's, and the kernel keeps the size until an open finds another. By caller, one node is
    /// everybody's: where it is large for one, no size of it holds for long. The host's file is never read for it.
    private func size(of file: ProcFile, _ id: NodeID, _ caller: Caller) -> (bytes: UInt64, isSteady: Bool) {
        guard file.canBeLarge else { return (Attributes.nominalSize, true) }
        var bytes = Attributes.nominalSize
        if let subject = try? subject(id.key, caller) {
            if case .container = subject, !withSizes(of: subject, { $0.isKnown(file) }) {
                _ = try? content(of: id, for: subject)
            }
            bytes = withSizes(of: subject) { $0.tell(file, isKept: id.key != 0) }
        }
        return (bytes, id.key != 0 || !largeByCaller.withLock { $0.contains(file) })
    }

    package func isTold(size bytes: Int, of node: UInt64) -> Bool {
        let id = NodeID(rawValue: node)
        guard let file = id.entry.procFile, file.canBeLarge else { return true }
        guard id.key != 0 else { return FileSizes.shown(bytes) == Attributes.nominalSize }
        guard let container = table.container(key: id.key) else { return true }
        return container.state.withLock { $0.sizes.isTold(bytes, of: file) }
    }

    private func note(_ bytes: Int, of file: ProcFile, _ key: UInt32, _ subject: Identity.Subject) {
        withSizes(of: subject) { $0.note(bytes, of: file) }
        if key == 0, FileSizes.shown(bytes) > Attributes.nominalSize {
            largeByCaller.withLock { _ = $0.insert(file) }
        }
    }

    private func withSizes<Result>(of subject: Identity.Subject, _ body: (inout FileSizes) -> Result) -> Result {
        switch subject {
        case .host: hostSizes.withLock { body(&$0) }
        case .container(let container): container.state.withLock { body(&$0.sizes) }
        }
    }

    private func attributes(_ id: NodeID, _ node: SysTree.Node) -> Attributes {
        var result: Attributes
        switch node.type {
        case .directory: result = attributes(id, directory)
        case .file:
            result = attributes(id, 0o100000 | node.permissions)
            result.size = Attributes.nominalSize
        case .link: result = attributes(id, 0o120777)
        }
        return result
    }

    private func subject(_ key: UInt32, _ caller: Caller) throws(Errno) -> Identity.Subject {
        if key == 0 { return try identity.subject(of: caller.pid) }
        guard let container = table.container(key: key) else { throw .noEntry }
        return .container(container)
    }

    private func isVisible(_ node: SysTree.Node, _ key: UInt32, _ caller: Caller) -> Bool {
        guard node.depends else { return true }
        switch try? subject(key, caller) {
        case .host: return true
        case .container(let container): return renderer.isVisible(node, to: container)
        case nil: return false
        }
    }

    /// What this code names itself; below sys/devices/system the host's tree begins.
    private func fixedChildren(of parent: NodeID) -> [(name: [UInt8], entry: EntryID)] {
        func named(_ name: StaticString, _ entry: EntryID) -> (name: [UInt8], entry: EntryID) {
            (Array(name.description.utf8), entry)
        }
        switch parent.entry {
        case .root where parent.key == 0:
            return [named("containers", .containers), named("proc", .proc), named("sys", .sys)]
        case .root: return [named("proc", .proc), named("sys", .sys)]
        case .proc:
            return ProcFile.allCases.filter { !$0.isPressure }.map { ($0.name, EntryID($0)) }
                + [named("pressure", .pressure)]
        case .pressure: return ProcFile.allCases.filter(\.isPressure).map { ($0.name, EntryID($0)) }
        case .sys: return [named("devices", .devices)]
        case .devices: return [named("system", .system)]
        case .system:
            return (["cpu", "node"] as [StaticString]).map {
                named($0, EntryID(sysfsPath: Array($0.description.utf8)))
            }
        default: return []
        }
    }
}
