// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

import Cgroups
import Kernel
import ProcView
import Samples
import Synchronization

/// Produces what a container reads: samples its cgroups and the host now, and renders.
struct Renderer: Sendable {
    /// How long a count of the container's threads serves for procs_running and the like, at least; and the part of the
    /// CPU that counting may take at most (one in so many).
    private static let censusMaxAgeNs: UInt64 = 1_000_000_000
    private static let censusShare: UInt64 = 100

    let host: HostSampler

    /// ENOENT where the container's process is not known yet, or its cgroups are gone.
    func content(_ file: ProcFile, of container: Container) throws(Errno) -> [UInt8] {
        let now = Clock.monotonic
        let cgroup = try container.state.withLock { (state) -> Result<Cgroup, Errno> in
            state.lastRead = now
            return state.cgroup.map { .success($0) } ?? .failure(.noEntry)
        }.get()
        switch file {
        case .meminfo:
            let memory = host.memory
            return memory.layout.text(try figures(cgroup, memory.info)).bytes
        case .swaps: return Swaps.text(try figures(cgroup, host.memory.info)).bytes
        case .cpuinfo:
            let visible = try visible(cgroup)
            return CPUInfoView.text(host.cpuInfo(of: visible), visible: visible).bytes
        case .stat: return try stat(container, cgroup)
        case .uptime:
            let account = try account(container, cgroup)
            return Uptime.text(uptimeNs: container.uptimeNs, idleNs: account.idleNs).bytes
        case .loadavg: return try loadavg(container, cgroup)
        case .diskstats:
            return Diskstats.text(try sample([]) { () throws(CgroupError) in try cgroup.io() }, names: host.disks).bytes
        case .slabinfo: return Slabinfo.text().bytes
        case .pressureCPU: return Pressure.text(try pressure(.cpu, cgroup)).bytes
        case .pressureMemory: return Pressure.text(try pressure(.memory, cgroup)).bytes
        case .pressureIO: return Pressure.text(try pressure(.io, cgroup)).bytes
        }
    }

    /// A file below /sys/devices/system of which the host's content is not simply passed on.
    func content(_ node: SysTree.Node, host bytes: () throws(Errno) -> [UInt8], of container: Container) throws(Errno)
        -> [UInt8]
    {
        guard let cgroup = container.state.withLock({ $0.cgroup }) else { throw .noEntry }
        switch node.treatment {
        case .verbatim: return try bytes()
        case .visibleCPUs: return CPULists.online(try visible(cgroup)).bytes
        case .noCPUs: return CPULists.offline().bytes
        case .cpuList:
            let visible = try visible(cgroup)
            let listed = try bytes()
            return CPULists.list(listed.span, visible: visible).bytes
        case .cpuMask:
            let visible = try visible(cgroup)
            let mask = try bytes()
            return CPULists.mask(mask.span, visible: visible).bytes
        case .nodeList:
            let visible = try visibleNodes(cgroup)
            let listed = try bytes()
            return CPULists.list(listed.span, visible: visible).bytes
        case .nodeMeminfo:
            let nodes = try visibleNodes(cgroup)
            return NodeMeminfo.text(
                try figures(cgroup, host.memory.info),
                node: node.memoryNode ?? 0,
                hostNodes: host.nodes,
                visible: nodes
            ).bytes
        }
    }

    /// Whether the container sees an entry that belongs to a CPU or a memory node.
    func isVisible(_ node: SysTree.Node, to container: Container) -> Bool {
        guard node.depends else { return true }
        guard let cgroup = container.state.withLock({ $0.cgroup }) else { return false }
        if let cpu = node.cpu, (try? visible(cgroup).contains(cpu)) != true { return false }
        if let cpus = node.policyCPUs, (try? visible(cgroup).intersection(cpus).isEmpty) != false { return false }
        if let memoryNode = node.memoryNode, (try? visibleNodes(cgroup).contains(memoryNode)) != true { return false }
        return true
    }

    func visible(_ cgroup: Cgroup) throws(Errno) -> CPUSet {
        let sample = try sample(CPUSample()) { () throws(CgroupError) in try cgroup.cpuLimits() }
        return VisibleCPUs.of(sample, hostOnline: host.online)
    }

    private func visibleNodes(_ cgroup: Cgroup) throws(Errno) -> CPUSet {
        let sample = try sample(CPUSample()) { () throws(CgroupError) in try cgroup.cpuLimits() }
        return NodeMeminfo.visible(sample, hostOnline: host.nodesOnline)
    }

    private func figures(_ cgroup: Cgroup, _ info: MemInfo) throws(Errno) -> MemoryFigures {
        let memory = try sample(MemorySample()) { () throws(CgroupError) in
            try cgroup.memory(swap: info.hasSwap, hugetlb: info.hasHugePages)
        }
        return MemoryFigures(
            host: info,
            memory: memory,
            overcommitRatio: host.overcommitRatio,
            pageSize: PageSize.bytes
        )
    }

    /// What brings an account up to now; a reading that may be older than the account's last changes nothing.
    private struct CPUReading {
        var usage: CPUUsage?
        var visible: CPUSet
        var online: Int
        /// How old the container was before and after it.
        var sinceNs: UInt64
        var ageNs: UInt64

        func advance(_ account: inout CPUAccount) {
            account.advance(usage: usage, visible: visible, online: online, sinceNs: sinceNs, ageNs: ageNs)
        }
    }

    private func readCPU(_ container: Container, _ cgroup: Cgroup) throws(Errno) -> CPUReading {
        let since = container.uptimeNs
        let sample = try sample(CPUSample()) { () throws(CgroupError) in try cgroup.cpu() }
        let age = container.uptimeNs
        let online = host.online
        return CPUReading(
            usage: sample.usage,
            visible: VisibleCPUs.of(sample, hostOnline: online),
            online: online.count,
            sinceNs: since,
            ageNs: age
        )
    }

    /// The account brought up to now.
    ///
    /// Reading happens outside the lock.
    private func account(_ container: Container, _ cgroup: Cgroup) throws(Errno) -> CPUAccount {
        let reading = try readCPU(container, cgroup)
        return container.state.withLock { state in
            reading.advance(&state.account)
            state.accountPlace?.save(state.account)
            return state.account
        }
    }

    private func stat(_ container: Container, _ cgroup: Cgroup) throws(Errno) -> [UInt8] {
        let account = try account(container, cgroup)
        let census = census(container, cgroup)
        let tasks = TaskCounts(running: max(census.running, 1), blocked: census.blocked, total: census.threads)
        // Forks are not counted by cgroup, but each takes a pid of the container's pid namespace.
        let processes = container.state.withLock { state in
            state.newestThread = max(state.newestThread, census.newestThread)
            state.accountPlace?.save(newestThread: state.newestThread)
            return state.newestThread
        }
        return StatView.text(
            account,
            bootTime: container.bootTime(host.bootEpoch.now),
            processes: processes,
            tasks: tasks
        ).bytes
    }

    private func loadavg(_ container: Container, _ cgroup: Cgroup) throws(Errno) -> [UInt8] {
        let census = census(container, cgroup)
        let pids = (try? cgroup.pids())?.current ?? census.threads
        let history = try load(container, cgroup, census)
        container.state.withLock { $0.lastLoadRead = Clock.monotonic }
        let tasks = TaskCounts(running: max(census.running, 1), blocked: census.blocked, total: max(pids, 1))
        return LoadAvg.text(history, tasks: tasks, lastPID: census.newestThread).bytes
    }

    /// The load average, begun or brought up to now.
    func load(_ container: Container, _ cgroup: Cgroup, _ census: Census) throws(Errno) -> LoadHistory {
        let reading = try readCPU(container, cgroup)
        let now = Clock.monotonic
        return container.state.withLock { state in
            var account = state.loadAccount ?? state.account
            reading.advance(&account)
            state.loadAccount = account
            let used = account.workNs
            var history = state.load ?? LoadHistory(nowNs: now, ageNs: reading.ageNs, cpuTimeNs: used)
            history.advance(
                nowNs: now,
                active: census.running.adding(orMax: census.blocked),
                cpuTimeNs: used,
                cpus: account.visible.count
            )
            state.load = history
            return history
        }
    }

    /// The container's threads by state, counted now or a moment ago: counting takes time in proportion to them.
    func census(_ container: Container, _ cgroup: Cgroup) -> Census {
        let now = Clock.monotonic
        if let known = container.state.withLock({ $0.census }) {
            let maxAge = max(Self.censusMaxAgeNs, known.costNs.multiplied(orMax: Self.censusShare))
            if now.subtracting(orMin: known.takenAt) < maxAge { return known.counts }
        }
        let counts = (try? cgroup.census()) ?? Census()
        let cost = Clock.monotonic.subtracting(orMin: now)
        container.state.withLock {
            $0.census = Container.TimedCensus(counts: counts, takenAt: now, costNs: cost)
        }
        return counts
    }

    private func pressure(_ resource: PressureResource, _ cgroup: Cgroup) throws(Errno) -> [UInt8]? {
        try sample(nil) { () throws(CgroupError) in try cgroup.pressure(resource) }
    }

    /// A reading, or what stands for it where the container has no cgroup that tells: no limit, and nothing of the host's.
    private func sample<Value>(
        _ unknown: Value,
        _ read: () throws(CgroupError) -> Value
    ) throws(Errno) -> Value {
        do throws(CgroupError) { return try read() } catch {
            if error.cause == .gone { throw .noEntry }
            return unknown
        }
    }
}
