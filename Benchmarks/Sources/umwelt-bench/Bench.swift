// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

import CBench
import Glibc

/// The daemons, the container, and what was measured.
final class Bench {
    private let options: Options
    private let hierarchies: Hierarchies
    private let directory: String
    private var cleanup = Cleanup()
    /// By placement: those that run where they like, and those confined to CPU 0.
    private var daemons: [Bool: [Daemon]] = [:]
    private let container: Container
    private var served: [String: Set<Server>] = [:]
    let cpus: Int
    private(set) var results: [(Case, Result)] = []
    private(set) var memory: [MemoryUse] = []
    private(set) var throttled: UInt64 = 0

    init(_ options: Options) throws {
        self.options = options
        cpus = min(sysconf(Int32(_SC_NPROCESSORS_ONLN)), 2)
        hierarchies = try Hierarchies()
        hierarchies.removeStale()
        // Whatever happens, no mount outlives this process.
        try System.check("leave the mount namespace", cbench_unshare(1, 0, 0))
        try System.check("make mounts private", cbench_private_mounts())
        var template = Array("/tmp/umwelt-bench.XXXXXX".utf8CString)
        guard let made = mkdtemp(&template) else { throw Failure("cannot make a directory in /tmp") }
        directory = String(cString: made)
        try System.check("mount a tmpfs", cbench_tmpfs(directory))
        container = try Container(hierarchies, cpus: cpus)
        let (directory, container, hierarchies) = (directory, container, hierarchies)
        // Last of all, when nothing is left that a process of a short-lived container could wait for.
        cleanup.add { for _ in 0..<20 where !hierarchies.removeStale() { usleep(50_000) } }
        cleanup.add {
            cbench_unmount(directory)
            rmdir(directory)
        }
        cleanup.add { container.stop() }
    }

    func end() { cleanup.run() }

    /// Starts everything, and looks whether it is what is to be compared.
    func start() throws {
        for isConfined in [false, true] {
            for kind in [Daemon.Kind.umwelt, .lxcfs, .lxcfsFull] {
                let daemon = try makeDaemon(kind, name: "\(kind)\(isConfined ? "0" : "")", cpu: isConfined ? 0 : -1)
                daemons[isConfined, default: []].append(daemon)
            }
        }
        let box = directory + "/box"
        mkdir(box, 0o755)
        var binds: [(source: String, name: String)] = []
        for isConfined in [false, true] {
            for file in ServedFile.all {
                for server in Server.allCases {
                    guard let source = source(of: file, from: server, isConfined) else { continue }
                    binds.append((source, Self.name(file, server, isConfined)))
                    served[file.name, default: []].insert(server)
                }
            }
        }
        try container.start(directory: box, binds: binds) { pid in
            for isConfined in [false, true] { try daemons[isConfined]?[0].register(id: "bench", pid: pid) }
        }
        try checkLimits()
    }

    private func makeDaemon(_ kind: Daemon.Kind, name: String, cpu: Int) throws -> Daemon {
        let daemon = try Daemon(kind, program: options.umweltd, directory: directory, name: name, cpu: cpu)
        cleanup.add { daemon.stop() }
        return daemon
    }

    private func daemon(_ server: Server, _ file: ServedFile, _ isConfined: Bool) -> Daemon? {
        switch server {
        case .host: nil
        case .path, .caller: daemons[isConfined]?[0]
        case .lxcfs: daemons[isConfined]?[file.needsOptions ? 2 : 1]
        case .lxcfsFull: daemons[isConfined]?[2]
        }
    }

    /// The file as the host's mount namespace has it; nil where this server does not have it.
    private func source(of file: ServedFile, from server: Server, _ isConfined: Bool) -> String? {
        if server == .host { return System.exists("/" + file.path) ? "/" + file.path : nil }
        if server == .lxcfsFull, file != .meminfo { return nil }
        guard let mount = daemon(server, file, isConfined)?.mountPoint else { return nil }
        // Known before the container is: the daemon's files by path come with it.
        if server == .path { return "\(mount)/containers/bench/\(file.path)" }
        return System.exists("\(mount)/\(file.path)") ? "\(mount)/\(file.path)" : nil
    }

    private static func name(_ file: ServedFile, _ server: Server, _ isConfined: Bool) -> String {
        "\(file.name) from \(server)\(isConfined ? ", confined" : "")"
    }

    /// A figure of a daemon that took the container for the host would be worth nothing.
    private func checkLimits() throws {
        for server in [Server.path, .caller, .lxcfs, .lxcfsFull] {
            let text = try container.content(Self.name(.meminfo, server, false))
            let expected = ControlGroup.memoryBytes / 1024
            guard System.number("MemTotal", in: text) == expected else {
                throw Failure("\(server) does not say \(expected) kB of memory to a container that has them")
            }
        }
    }

    /// Measures the cases one after the other, the servers of each taking turns, there and back.
    func run(_ cases: [Case], bursts: Int, milliseconds: UInt64) throws {
        for wanted in cases {
            let isConfined = wanted.placement == .sameCore
            let servers = Server.allCases.filter { served[wanted.file.name]?.contains($0) == true }
            var result = Result()
            // The first round warms up and is forgotten.
            for round in -1..<bursts {
                for server in round % 2 == 0 ? servers : servers.reversed() {
                    try System.checkSignals()
                    let figures = try burst(wanted, server, isConfined, milliseconds, isWarmup: round < 0)
                    if round >= 0 { result.bursts[server, default: []].append(figures) }
                }
            }
            results.append((wanted, result))
            options.isVerbose ? System.say(Report.progress(wanted, result)) : ()
        }
        throttled = container.group.throttledCount
    }

    private func burst(
        _ wanted: Case,
        _ server: Server,
        _ isConfined: Bool,
        _ milliseconds: UInt64,
        isWarmup: Bool
    ) throws -> Figures {
        let daemon = daemon(server, wanted.file, isConfined)
        let cpuBefore = daemon?.cpuNs ?? 0
        let isFree = wanted.placement == .unpinned
        let duration = isWarmup ? max(wanted.pattern.periodNs, 20_000_000) : milliseconds * 1_000_000
        let burst = try container.burst(
            Self.name(wanted.file, server, isConfined),
            pattern: wanted.pattern,
            readers: wanted.readers,
            cpu: isFree ? -1 : 0,
            durationNs: duration
        )
        return Figures(
            reads: burst.reads,
            wallNs: burst.wallNs,
            readerNs: burst.cpuNs,
            daemonNs: (daemon?.cpuNs ?? 0) - cpuBefore,
            latenciesNs: burst.latenciesNs
        )
    }

    /// Resident memory of fresh daemons, before and after so many containers.
    func runMemory(containers: Int, more: Int) throws {
        let kinds: [(Daemon.Kind, String)] = [
            (.umwelt, "umweltd"), (.lxcfs, "lxcfs"), (.lxcfsFull, "lxcfs -l --enable-cfs --enable-pidfd"),
        ]
        var fresh: [Daemon] = []
        for (kind, _) in kinds { fresh.append(try makeDaemon(kind, name: "\(kind)-memory", cpu: -1)) }
        memory = zip(kinds, restingMemory(fresh)).map { MemoryUse(name: $0.1, atRest: $1) }
        let crowd = Crowd(hierarchies: hierarchies)
        try crowd.run(containers, from: 0, daemons: fresh)
        for index in memory.indices { memory[index].atOnce = fresh[index].residentMemory }
        for (index, size) in restingMemory(fresh).enumerated() { memory[index].after = (containers, size) }
        guard more > containers else { return }
        try crowd.run(more - containers, from: containers, daemons: [fresh[0]])
        memory[0].afterMore = (more, restingMemory([fresh[0]])[0])
    }

    /// The least of three seconds without readers, of each: umweltd looks each second at what it needs no more.
    private func restingMemory(_ daemons: [Daemon]) -> [MemoryUse.Size] {
        var least = daemons.map(\.residentMemory)
        for _ in 0..<10 {
            usleep(300_000)
            for (index, daemon) in daemons.enumerated() {
                let now = daemon.residentMemory
                if now.all < least[index].all { least[index] = now }
            }
        }
        return least
    }
}

/// What one daemon holds, in kB.
struct MemoryUse {
    typealias Size = (all: UInt64, anonymous: UInt64)

    var name: String
    var atRest: Size
    /// As the last of the first containers ended.
    var atOnce: Size?
    var after: (containers: Int, size: Size)?
    var afterMore: (containers: Int, size: Size)?

    init(name: String, atRest: Size) {
        self.name = name
        self.atRest = atRest
    }
}
