// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

import Cgroups
import Kernel
import Samples
import Synchronization

/// Which container a caller belongs to, by its cgroup.
///
/// In this order:
/// 1. its cgroup is at or beneath a registered container's, and no pid or cgroup namespace of its own makes it a
///    container in that one: that container;
/// 2. its pid and mount namespaces are the host's, or its pid and cgroup namespaces and its root directory: the host;
/// 3. it has a cgroup namespace that was made for its container, and is inside it: the container whose cgroup is that
///    namespace's root;
/// 4. it is at or beneath the cgroup of its pid namespace's init: the container with that cgroup;
/// 5. it came from elsewhere (nsenter), or shares another container's pid namespace: the container in whose mount
///    namespace it is, by that namespace's oldest process;
/// 6. nothing but its pid namespace is a container's (nsenter -p): the container of that namespace's init.
package final class Identity: Sendable {
    /// Who asks.
    enum Subject: Sendable {
        case host
        case container(Container)
    }

    /// When a container began, and what its time namespace adds to the boot clock.
    package struct Start: Equatable, Sendable {
        /// In nanoseconds of the boot clock.
        package var bootNs: UInt64
        /// In nanoseconds; not 0 only in a time namespace whose boot clock was shifted.
        package var clockOffsetNs: Int64 = 0
        /// The first process of its pid namespace, without which nothing of it goes on; 0: it has no such namespace, or
        /// that is not known.
        ///
        /// Another process may have the number by now.
        package var initPID: Int32 = 0
    }

    /// All processes of the node would have to be looked at, which was done too often of late.
    private struct Postponed: Error {}

    private struct CallerEntry: Sendable {
        var handle: ProcessSource.Handle
        /// A hash of what /proc/PID/cgroup said.
        var cgroup: Int
        /// nil: not to be looked at.
        var namespaces: ProcessSource.Namespaces?
        var subject: Subject
        /// Of the monotonic clock: when its cgroup was last read, and when its namespaces were last looked at.
        var cgroupReadAt: UInt64
        var checkedAt: UInt64
    }

    private struct Callers: Sendable {
        var entries: [Int32: CallerEntry] = [:]
        /// Changes when all is forgotten: what was found out before is not kept after.
        var generation: UInt64 = 0
    }

    private struct NamespacePair: Hashable {
        var pid: UInt64
        var mount: UInt64
    }

    /// What tells of a container's processes that they are in it: a process that has just started is known by it.
    private struct Family: Hashable {
        var namespaces: ProcessSource.Namespaces
        /// A hash of /proc/PID/cgroup.
        var cgroup: Int
    }

    /// The container of a family, for as long as its pid namespace's first process lives, and stays in its cgroup: no
    /// namespace has its number until then.
    private struct FamilyHome: Sendable {
        var container: Container
        var first: ProcessSource.Handle
        var cgroup: Int
        /// Of the monotonic clock.
        var foundAt: UInt64
        var generation: UInt64
    }

    /// A family is looked for again after a minute, as if it was new.
    private static let familyTrustNs: UInt64 = 60_000_000_000
    /// Callers, first processes and families known at a time; of the former two, each holds two descriptors.
    private let limit: Int
    /// A thread that has just asked is taken to be in the cgroup it was in.
    ///
    /// Who reads several files in a row (free, top, a loop) is looked up once. No thread id comes back so soon: the kernel
    /// gives them out in a circle.
    private static let cgroupTrustNs: UInt64 = 3_000_000
    /// And in the namespaces it was in.
    private static let namespaceTrustNs: UInt64 = 50_000_000
    private static let processLimit = 65536
    /// From a caller to its init.
    private static let ancestorLimit = 32
    /// How long a caller that asks no more is remembered.
    private static let idleNs: UInt64 = 10_000_000_000

    private let processes: ProcessSource
    private let hostNamespaces: ProcessSource.Namespaces
    private let hostRoot: FileStatus?
    private let table: ContainerTable
    private let callers = Mutex(Callers())
    /// For a pair of pid and mount namespace: the process that stands for the container, kept open as proof of life.
    private let homes = Mutex<[NamespacePair: ProcessSource.Handle]>([:])
    private let families = Mutex<[Family: FamilyHome]>([:])
    /// For looking at all processes of the node, which a container can ask for by making namespaces, while others wait.
    let walks = Mutex(Allowance())

    init(processes: ProcessSource, table: ContainerTable) {
        self.processes = processes
        self.table = table
        limit = min(max((ProcessLimits.openFiles ?? 1024) / 16, 16), 2048)
        let hosts = processes.hosts
        hostNamespaces =
            hosts.lazy.compactMap { try? $0.namespaces() }.first
            ?? ProcessSource.Namespaces(pid: 0, cgroup: 0, mount: 0, time: 0)
        hostRoot = hosts.lazy.compactMap { try? $0.rootDirectory() }.first
    }

    /// ESRCH where the thread has ended.
    ///
    /// Pid 0 (a caller that the daemon's pid namespace does not show) counts as the host.
    func subject(of pid: Int32) throws(Errno) -> Subject {
        guard pid > 0 else { return .host }
        let now = Clock.monotonic
        let (known, generation) = callers.withLock { ($0.entries[pid], $0.generation) }
        if let known, now &- known.cgroupReadAt < Self.cgroupTrustNs { return known.subject }
        if let known, let text = try? known.handle.cgroupText(), text.hashValue == known.cgroup {
            let isFresh = known.namespaces == nil || now &- known.checkedAt < Self.namespaceTrustNs
            if isFresh || (try? known.handle.namespaces()) == known.namespaces {
                callers.withLock { callers in
                    callers.entries[pid]?.cgroupReadAt = now
                    if !isFresh { callers.entries[pid]?.checkedAt = now }
                }
                return known.subject
            }
        }
        let handle = try processes.handle(pid)
        let text = try handle.cgroupText()
        let namespaces = try? handle.namespaces()
        let family = namespaces.map { Family(namespaces: $0, cgroup: text.hashValue) }
        let subject: Subject
        if let container = family.flatMap({ container(of: $0, now, generation) }) {
            subject = .container(container)
        } else {
            let own = Membership(parsing: text.span)
            do throws(Postponed) {
                subject = try resolve(handle, own, namespaces)
            } catch {
                // Not kept: it is looked for again.
                return guess(handle, own, namespaces)
            }
            if let family { remember(subject, of: family, handle, now, generation) }
        }
        let entry = CallerEntry(
            handle: handle,
            cgroup: text.hashValue,
            namespaces: namespaces,
            subject: subject,
            cgroupReadAt: now,
            checkedAt: now
        )
        callers.withLock { callers in
            guard callers.generation == generation else { return }
            if callers.entries.count >= limit {
                // Half of them, so that it is seldom.
                let reads = callers.entries.values.map(\.cgroupReadAt).sorted()
                let median = reads[reads.count / 2]
                callers.entries = callers.entries.filter { $0.value.cgroupReadAt > median }
            }
            callers.entries[pid] = entry
        }
        return subject
    }

    /// Forgets what was derived from the registered containers, after one came or went.
    func invalidate() {
        callers.withLock { callers in
            callers.entries.removeAll()
            callers.generation &+= 1
        }
        families.withLock { $0.removeAll() }
    }

    /// Has the caller be looked up anew.
    func forget(_ pid: Int32) { callers.withLock { $0.entries[pid] = nil } }

    private func container(of family: Family, _ now: UInt64, _ generation: UInt64) -> Container? {
        guard let known = families.withLock({ $0[family] }), known.generation == generation,
            now &- known.foundAt < Self.familyTrustNs, (try? known.first.cgroupText())?.hashValue == known.cgroup,
            !known.container.isGone
        else { return nil }
        return known.container
    }

    private func remember(
        _ subject: Subject,
        of family: Family,
        _ caller: ProcessSource.Handle,
        _ now: UInt64,
        _ generation: UInt64
    ) {
        guard case .container(let container) = subject, let first = try? initProcess(caller, family.namespaces),
            let cgroup = try? first.cgroupText()
        else { return }
        let home = FamilyHome(
            container: container,
            first: first,
            cgroup: cgroup.hashValue,
            foundAt: now,
            generation: generation
        )
        families.withLock { families in
            if families.count >= limit { families.removeAll() }
            families[family] = home
        }
    }

    /// Forgets processes that have ended, and callers that have not asked for ten seconds; what they hold of containers goes
    /// with them.
    func sweep() {
        func hasEnded(_ process: ProcessSource.Handle) -> Bool { (try? process.cgroupText()) == nil }
        let now = Clock.monotonic
        let idle = callers.withLock { $0.entries }.filter { now &- $0.value.cgroupReadAt > Self.namespaceTrustNs }
        let over = idle.filter { now &- $0.value.cgroupReadAt > Self.idleNs || hasEnded($0.value.handle) }
        callers.withLock { callers in
            for (pid, entry) in over where callers.entries[pid]?.handle === entry.handle { callers.entries[pid] = nil }
        }
        let families = families.withLock { $0 }.filter { hasEnded($0.value.first) }
        self.families.withLock { all in for key in families.keys { all[key] = nil } }
        let homes = homes.withLock { $0 }.filter { !isHome($0.value, of: $0.key) }
        self.homes.withLock { all in for key in homes.keys { all[key] = nil } }
    }

    private func resolve(
        _ caller: ProcessSource.Handle,
        _ own: Membership,
        _ namespaces: ProcessSource.Namespaces?
    ) throws(Postponed) -> Subject {
        let registered = table.registered(covering: own)
        // Only what is more privileged than the daemon hides its namespaces from it: no container is.
        guard let namespaces else { return registered.map { .container($0) } ?? .host }
        if let registered {
            guard isInAnother(namespaces, than: registered) else { return .container(registered) }
        } else if isHost(caller, namespaces) {
            return .host
        }
        let initProcess = try initProcess(caller, namespaces)
        let isInherited = initProcess.map { isCgroupNamespaceInherited($0, by: namespaces) } ?? false
        if namespaces.cgroup != hostNamespaces.cgroup, !isInherited, let root = namespaceRoot(caller, own), !root.isRoot
        {
            return container(root, of: caller)
        }
        let initTop = initProcess.flatMap { top(of: $0) }.flatMap { $0.isRoot ? nil : $0 }
        if let initProcess, let initTop {
            let isShared = (try? initProcess.namespaces())?.mount != namespaces.mount
            if own.isAtOrBeneath(initTop) || !isShared { return container(initTop, of: initProcess) }
        }
        if namespaces.mount != hostNamespaces.mount, let oldest = try oldestProcess(in: namespaces),
            let theirs = try? oldest.namespaces(), !isHost(oldest, theirs), let top = top(of: oldest), !top.isRoot
        {
            return container(top, of: oldest)
        }
        if let initTop { return container(initTop, of: initProcess) }
        if let registered { return .container(registered) }
        return own.isRoot ? .host : container(own, of: nil)
    }

    /// Where the caller is most likely: at the root of its cgroup namespace, else in a container that has its very cgroup.
    private func guess(
        _ caller: ProcessSource.Handle,
        _ own: Membership,
        _ namespaces: ProcessSource.Namespaces?
    ) -> Subject {
        if let namespaces, namespaces.cgroup != hostNamespaces.cgroup, let root = namespaceRoot(caller, own),
            !root.isRoot
        {
            return container(root, of: caller)
        }
        return own.isRoot ? .host : container(own.strippingInitScope(), of: caller)
    }

    /// Whether what has these namespaces, inside a registered container's cgroup, is a container of its own there, as its
    /// pid or cgroup namespace shows.
    private func isInAnother(_ namespaces: ProcessSource.Namespaces, than container: Container) -> Bool {
        let first = container.pid
        guard first > 0, let theirs = try? processes.handle(first).namespaces() else { return false }
        return (namespaces.pid != theirs.pid && namespaces.pid != hostNamespaces.pid)
            || (namespaces.cgroup != theirs.cgroup && namespaces.cgroup != hostNamespaces.cgroup)
    }

    /// Whether the container that `initProcess` began was given no cgroup namespace of its own, inside one that was: as
    /// Docker in Docker does on v1.
    ///
    /// Such a namespace's root is the outer container's.
    private func isCgroupNamespaceInherited(
        _ initProcess: ProcessSource.Handle,
        by caller: ProcessSource.Namespaces
    ) -> Bool {
        guard let own = try? initProcess.namespaces(), own.cgroup == caller.cgroup else { return false }
        return isCgroupNamespaceInherited(initProcess, own)
    }

    private func isCgroupNamespaceInherited(
        _ process: ProcessSource.Handle,
        _ own: ProcessSource.Namespaces
    ) -> Bool {
        guard let parent = processes.parent(of: process.pid), parent > 0,
            let theirs = try? processes.handle(parent).namespaces()
        else { return false }
        return theirs.cgroup == own.cgroup
    }

    /// The process that began the container with these cgroups, whoever of it asks: a service of it may have a mount
    /// namespace of its own, a sandbox in it a pid namespace, and either is younger.
    ///
    /// Processes of the host in the same cgroups (a login shell, a unit's), and who started the container from there, do not
    /// count.
    private func firstProcess(in top: Membership) -> ProcessSource.Handle? {
        guard let members = try? table.cgroup(top).processes() else { return nil }
        let pid = oldest(of: members) { process, namespaces in
            // 0: it has ended, and nobody has waited for it yet.
            namespaces.mount != 0 && !isHost(process, namespaces) && !process.startsElsewhere
        }
        return pid.flatMap { try? processes.handle($0) }
    }

    private func isHost(_ caller: ProcessSource.Handle, _ namespaces: ProcessSource.Namespaces) -> Bool {
        guard namespaces.pid == hostNamespaces.pid else { return false }
        if namespaces.mount == hostNamespaces.mount { return true }
        guard namespaces.cgroup == hostNamespaces.cgroup else { return false }
        // A service of the host with a private /tmp has a mount namespace of its own, and the host's root in it.
        guard let hostRoot, let root = try? caller.rootDirectory() else { return false }
        return root.device == hostRoot.device && root.inode == hostRoot.inode
    }

    /// `member`: the process by which it was found.
    private func container(_ top: Membership, of member: ProcessSource.Handle?) -> Subject {
        // The process found may have been of a registered container all along, or of one inside it.
        if let registered = table.registered(covering: top) {
            let isInside = registered.membership.map { !$0.isAtOrBeneath(top) } ?? false
            guard isInside, let member, let namespaces = try? member.namespaces(),
                isInAnother(namespaces, than: registered)
            else { return .container(registered) }
        }
        return .container(
            table.discovered(top, start: (firstProcess(in: top) ?? member).flatMap(start)) {
                processes.isRunning($0.initPID, since: $0.bootNs)
            }
        )
    }

    /// When the container of which `process` is the first process began.
    func start(_ process: ProcessSource.Handle) -> Start? {
        guard let bootNs = processes.start(of: process.pid) else { return nil }
        var start = Start(bootNs: bootNs)
        let numbers = (try? process.contents(of: "status")).map { ProcessStatus(parsing: $0.span).namespacePIDs } ?? []
        if numbers.count > 1, numbers.last == 1 { start.initPID = process.pid }
        if let namespaces = try? process.namespaces(), namespaces.time != hostNamespaces.time,
            let offsets = try? process.contents(of: "timens_offsets")
        {
            start.clockOffsetNs = TimeOffsets(parsing: offsets.span).boottimeNs
        }
        return start
    }

    /// The cgroup of the container whose first process this is.
    func top(of process: ProcessSource.Handle) -> Membership? {
        guard let text = try? process.cgroupText() else { return nil }
        let own = Membership(parsing: text.span)
        if let namespaces = try? process.namespaces(), namespaces.cgroup != hostNamespaces.cgroup,
            !isCgroupNamespaceInherited(process, namespaces), let root = namespaceRoot(process, own)
        {
            return root
        }
        return own.strippingInitScope()
    }

    /// The root of the process's cgroup namespace; nil where the process is not inside it.
    ///
    /// The kernel prints paths as the reading thread's cgroup namespace has them, so this thread enters it for the read.
    private func namespaceRoot(_ process: ProcessSource.Handle, _ own: Membership) -> Membership? {
        guard let namespace = try? process.namespace("cgroup"),
            let inside = try? enter(namespace, { () throws(Errno) in try process.cgroupText() })
        else { return nil }
        return own.namespaceRoot(seenInside: Membership(parsing: inside.span))
    }

    private func enter(
        _ namespace: borrowing Fd,
        _ body: () throws(Errno) -> [UInt8]
    ) throws(Errno) -> [UInt8] {
        guard let home = try? Fd.open("/proc/thread-self/ns/cgroup") else { throw .noEntry }
        return try Namespace.inside(namespace, home: home, body)
    }

    private func initProcess(
        _ caller: ProcessSource.Handle,
        _ namespaces: ProcessSource.Namespaces
    ) throws(Postponed) -> ProcessSource.Handle? {
        guard namespaces.pid != hostNamespaces.pid else { return nil }
        return try home(NamespacePair(pid: namespaces.pid, mount: 0)) { () throws(Postponed) in
            if let namespace = try? caller.namespace("pid"), let pid = Namespace.initPID(of: namespace) { return pid }
            if let pid = initAbove(caller, namespaces) { return pid }
            return try oldest { $1.pid == namespaces.pid }
        }
    }

    /// The init of the caller's pid namespace where the caller descends from it, or is it.
    ///
    /// Who came in from outside (nsenter) does not.
    private func initAbove(_ caller: ProcessSource.Handle, _ namespaces: ProcessSource.Namespaces) -> Int32? {
        var process = caller
        for _ in 0..<Self.ancestorLimit {
            guard (try? process.namespaces())?.pid == namespaces.pid, let status = try? process.contents(of: "status")
            else { return nil }
            if ProcessStatus(parsing: status.span).namespacePIDs.last == 1 { return process.pid }
            guard let parent = processes.parent(of: process.pid), parent > 0,
                let handle = try? processes.handle(parent)
            else { return nil }
            process = handle
        }
        return nil
    }

    private func oldestProcess(
        in namespaces: ProcessSource.Namespaces
    ) throws(Postponed) -> ProcessSource.Handle? {
        try home(NamespacePair(pid: 0, mount: namespaces.mount)) { () throws(Postponed) in
            try oldest { $1.mount == namespaces.mount }
        }
    }

    /// The process that started first of those in the namespaces asked for.
    ///
    /// Looks at every process of the node: for the rare caller that no cheaper rule places, once for each container.
    private func oldest(
        where matches: (ProcessSource.Handle, ProcessSource.Namespaces) -> Bool
    ) throws(Postponed) -> Int32? {
        let began = Clock.monotonic
        guard walks.withLock({ $0.allowsMore(at: began) }) else { throw Postponed() }
        let result = oldest(of: processes.processes(limit: Self.processLimit), where: matches)
        let now = Clock.monotonic
        walks.withLock { $0.spend(now &- began, at: now) }
        return result
    }

    private func oldest(
        of candidates: [Int32],
        where matches: (ProcessSource.Handle, ProcessSource.Namespaces) -> Bool
    ) -> Int32? {
        var result: (pid: Int32, start: UInt64)?
        for pid in candidates {
            guard let start = processes.start(of: pid), start < result?.start ?? .max,
                let handle = try? processes.handle(pid), let namespaces = try? handle.namespaces(),
                matches(handle, namespaces)
            else { continue }
            result = (pid, start)
        }
        return result?.pid
    }

    /// Whether the process lives, in the namespace that it stands for.
    ///
    /// A process that has ended and is not waited for yet still has a cgroup, but no mount namespace, whose number the
    /// kernel gives to the next one.
    private func isHome(_ process: ProcessSource.Handle, of key: NamespacePair) -> Bool {
        guard (try? process.cgroupText()) != nil, let namespaces = try? process.namespaces() else { return false }
        return key.mount != 0 ? namespaces.mount == key.mount : namespaces.pid == key.pid
    }

    /// The process that started first of those in a mount namespace, and at or beneath these cgroups.
    ///
    /// The number of a namespace that is gone is given to the next one.
    func oldestProcess(inMountNamespace inode: UInt64, ofThoseIn membership: Membership) -> Int32? {
        oldest(of: processes.processes(limit: Self.processLimit)) { process, namespaces in
            guard namespaces.mount == inode, let text = try? process.cgroupText() else { return false }
            return Membership(parsing: text.span).isAtOrBeneath(membership)
        }
    }

    /// The mount namespace in which others may go on when the container's first process ends; nil where it is the host's, or
    /// the process is the first of its pid namespace, which ends with it.
    func refuge(of process: ProcessSource.Handle) -> UInt64? {
        guard let mount = try? process.namespaces().mount, mount > 0, mount != hostNamespaces.mount,
            let status = try? process.contents(of: "status")
        else { return nil }
        return ProcessStatus(parsing: status.span).namespacePIDs.last == 1 ? nil : mount
    }

    private func home(
        _ key: NamespacePair,
        find: () throws(Postponed) -> Int32?
    ) throws(Postponed) -> ProcessSource.Handle? {
        if let known = homes.withLock({ $0[key] }), isHome(known, of: key) { return known }
        guard let pid = try find(), let handle = try? processes.handle(pid) else { return nil }
        homes.withLock { homes in
            if homes.count >= limit { homes.removeAll() }
            homes[key] = handle
        }
        return handle
    }
}
