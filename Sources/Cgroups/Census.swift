// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

package import Kernel
import Samples

/// A container's threads, counted.
package struct Census: Equatable, Sendable {
    /// Running or runnable (state R).
    package var running: UInt64 = 0
    /// In uninterruptible sleep (state D), as the load average counts it.
    package var blocked: UInt64 = 0
    package var threads: UInt64 = 0
    /// The id of the thread that started last, as the container sees it; 0 where there is none.
    package var newestThread: UInt64 = 0

    package init() {}
}

extension Cgroup {
    /// Counts the container's threads by walking its own cgroups.
    ///
    /// Reads /proc/TID/stat of these threads and no others.
    ///
    /// Takes some 10 us for each thread. Bounded: of more than 4096 threads as many are looked at, evenly spread, and the
    /// result is scaled; cgroups nested deeper than 16, or beyond the first 1024, are left out. A thread that
    /// ends meanwhile is skipped.
    ///
    /// `proc` is the /proc of the pid namespace that this process is in.
    package func census(proc: Path = "/proc") throws(CgroupError) -> Census {
        let node = try identifyingNode()
        return try walk(node, node.version == .v1 ? "tasks" : "cgroup.threads").census(proc: proc)
    }

    /// The numbers of the container's processes, ascending, with those in cgroups of its own below.
    ///
    /// Reads cgroup.procs of these cgroups, as many as `census` does; at most 65536 processes.
    package func processes() throws(CgroupError) -> [Int32] {
        try walk(try identifyingNode(), "cgroup.procs").threads.compactMap { Int32(exactly: $0) }.sorted()
    }

    private func walk(_ node: Node, _ file: Path) throws(CgroupError) -> ThreadWalk {
        var walk = ThreadWalk(file: file)
        let path = node.path
        do {
            try walk.visit(try Fd.open(path, [.directory]), depth: 0)
        } catch {
            throw CgroupError(.list, path, error == .noEntry || error == .noDevice ? .gone : .system(error))
        }
        return walk
    }
}

/// The ids of the threads in a subtree, or of its processes.
private struct ThreadWalk {
    static let lookLimit = 4096
    private static let keptLimit = 65536
    private static let depthLimit = 16
    private static let cgroupLimit = 1024

    let file: Path
    private(set) var threads: [UInt64] = []
    private var count: UInt64 = 0
    private var cgroups = 0

    init(file: Path) { self.file = file }

    mutating func visit(_ directory: borrowing Fd, depth: Int) throws(Errno) {
        cgroups += 1
        collect(try directory.contents(of: file, limit: 1 << 20))
        guard depth < Self.depthLimit else { return }
        for entry in try directory.entries(limit: 4096) where entry.type == 4 {  // DT_DIR
            guard cgroups < Self.cgroupLimit else { return }
            // One that was removed meanwhile has no threads.
            guard let child = try? directory.open(Path(entry.name), [.directory, .noFollow]) else { continue }
            try? visit(child, depth: depth + 1)
        }
    }

    private mutating func collect(_ text: [UInt8]) {
        var reader = Reader(text.span)
        while var line = reader.line() {
            // 0: a thread that this pid namespace does not show.
            guard let thread = line.number(), thread != 0 else { continue }
            count += 1
            if threads.count < Self.keptLimit { threads.append(thread) }
        }
    }

    func census(proc: Path) -> Census {
        var census = Census()
        census.threads = count
        var starts: [(ticks: UInt64, thread: UInt64)] = []
        let step = max((threads.count + Self.lookLimit - 1) / Self.lookLimit, 1)
        var looked: UInt64 = 0
        for index in stride(from: 0, to: threads.count, by: step) {
            let thread = threads[index]
            guard let stat = Self.stat(thread, proc) else { continue }
            looked += 1
            if stat.state == UInt8(ascii: "R") { census.running += 1 }
            if stat.state == UInt8(ascii: "D") { census.blocked += 1 }
            starts.append((stat.startTicks, thread))
        }
        if step > 1 || count > UInt64(threads.count) {
            census.running = census.running.scaled(by: count, over: max(looked, 1))
            census.blocked = census.blocked.scaled(by: count, over: max(looked, 1))
        }
        // Threads that start in the same tick (10 ms): the greater id is most likely the later.
        starts.sort { ($0.ticks, $0.thread) < ($1.ticks, $1.thread) }
        census.newestThread = Self.newestNumber(starts.map(\.thread), proc)
        return census
    }

    /// The id of the newest of these threads, in the order of their starts, in the container's pid namespace: its oldest
    /// thread's.
    ///
    /// Who made that namespace may be in the container's cgroup too, and older (unshare, a supervisor). So where the oldest
    /// thread is in this process's own namespace, one that is not tells the number; a container with the host's pid
    /// namespace has none.
    private static func newestNumber(_ threads: [UInt64], _ proc: Path) -> UInt64 {
        guard let first = threads.first, let last = threads.last else { return 0 }
        let depth = max(status(first, proc).count, 1)
        guard depth == 1 else {
            let numbers = status(last, proc)
            return numbers.isEmpty ? 0 : numbers[min(depth, numbers.count) - 1]
        }
        let newest = threads.suffix(makersLimit).reversed().map { status($0, proc) }
        return newest.first { $0.count > 1 }?[1] ?? newest.first?.first ?? 0
    }

    /// How many of the newest threads are looked at for one in a namespace below.
    private static let makersLimit = 8

    private static func stat(_ thread: UInt64, _ proc: Path) -> ProcessStat? {
        (try? Fd.open(proc.appending(Path("\(thread)/stat"))).withContents(limit: 4096) { ProcessStat(parsing: $0) })
            ?? nil
    }

    private static func status(_ thread: UInt64, _ proc: Path) -> [UInt64] {
        (try? Fd.contents(of: proc.appending(Path("\(thread)/status")), limit: 8192))
            .map { ProcessStatus(parsing: $0.span).namespacePIDs } ?? []
    }
}
