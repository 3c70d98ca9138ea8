// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

import Kernel
import ProcView
import Samples
import Synchronization

/// What the host's own files say, sampled once for all readers and kept for a short while.
///
/// The host's figures only bound a container's; what is the container's own is never kept.
final class HostSampler: Sendable {
    /// Where the host's files are.
    let proc: Path
    let system: Path

    /// The host's meminfo, and how a container's is laid out there.
    struct Memory: Sendable {
        var info = MemInfo()
        var layout = Meminfo(host: MemInfo())
    }

    let bootEpoch = BootEpoch()

    private let memoryCache: Cached<Memory>
    private let cpuInfoCache: Cached<CPUInfo>
    private let onlineCache: Cached<CPUSet>
    private let nodesOnlineCache: Cached<CPUSet>
    private let nodesCache: Cached<[Int: MemInfo]>
    private let disksCache: Cached<[DiskName]>
    private let overcommitCache: Cached<UInt64>

    /// `proc`: `/proc`; `system`: `/sys/devices/system`; or fixtures.
    init(proc: Path, system: Path) {
        self.proc = proc
        self.system = system
        let millisecond: UInt64 = 1_000_000
        memoryCache = Cached(proc.appending("meminfo"), limit: 65536, maxAge: 10 * millisecond) {
            var memory = $1 ?? Memory()
            if !memory.info.update(parsing: $0.span) { memory.layout = Meminfo(host: memory.info) }
            return memory
        }
        // Frequencies are what changes in it.
        cpuInfoCache = Cached(proc.appending("cpuinfo"), limit: 16 << 20, maxAge: 1000 * millisecond) { bytes, _ in
            CPUInfo(parsing: bytes.span)
        }
        onlineCache = Cached(system.appending("cpu/online"), limit: 65536, maxAge: 50 * millisecond) { bytes, _ in
            CPUSet(parsingList: bytes.span) ?? CPUSet([0])
        }
        nodesOnlineCache = Cached(system.appending("node/online"), limit: 65536, maxAge: 1000 * millisecond) {
            bytes,
            _ in
            CPUSet(parsingList: bytes.span) ?? CPUSet([0])
        }
        disksCache = Cached(proc.appending("diskstats"), limit: 4 << 20, maxAge: 1000 * millisecond) { bytes, _ in
            DiskName.parse(bytes.span)
        }
        overcommitCache = Cached(proc.appending("sys/vm/overcommit_ratio"), limit: 64, maxAge: 1000 * millisecond) {
            bytes,
            _ in
            Limit(parsing: bytes.span)?.value ?? 50
        }
        nodesCache = Cached(maxAge: 10 * millisecond)
    }

    var memory: Memory { memoryCache.value() ?? Memory() }
    var cpuInfo: CPUInfo { cpuInfoCache.value() ?? CPUInfo() }
    var online: CPUSet { onlineCache.value() ?? CPUSet([0]) }
    var nodesOnline: CPUSet { nodesOnlineCache.value() ?? CPUSet([0]) }
    var disks: [DiskName] { disksCache.value() ?? [] }
    var overcommitRatio: UInt64 { overcommitCache.value() ?? 50 }

    /// `cpuInfo` with a block of each CPU in sight: read again where one has none and it is older than what is known of the
    /// CPUs that are online, so at most as often as that.
    func cpuInfo(of visible: CPUSet) -> CPUInfo {
        let kept = cpuInfo
        guard kept.blocks.count(where: { visible.contains($0.processor) }) < visible.count else { return kept }
        return cpuInfoCache.value(since: onlineCache.readAt) ?? kept
    }

    /// meminfo of each memory node, by number.
    var nodes: [Int: MemInfo] {
        nodesCache.value { _ in
            var result: [Int: MemInfo] = [:]
            for node in nodesOnline.numbers {
                let path = system.appending(Path("node/node\(node)/meminfo"))
                guard let bytes = try? Fd.contents(of: path, limit: 65536) else { continue }
                result[node] = MemInfo(parsingNode: bytes.span)
            }
            return result
        } ?? [:]
    }

    /// Whether the host's own file has more than 4096 bytes now, which slabinfo has always: it takes the kernel too long to ask.
    func isLarge(_ file: ProcFile) -> Bool {
        if file == .slabinfo { return true }
        return ((try? Fd.contents(of: proc.appending(Path(file.path.description)), limit: 4097)) ?? []).count > 4096
    }

    /// The host's own file as it is, for the host's own processes.
    func content(of file: ProcFile) throws(Errno) -> [UInt8] {
        try Fd.contents(of: proc.appending(Path(file.path.description)), limit: 16 << 20)
    }
}

/// A value read from one file and kept for a while; the file stays open.
private final class Cached<Value: Sendable>: Sendable {
    private struct State {
        var value: Value?
        var readAt: UInt64 = 0
    }

    private let file: Fd?
    private let limit: Int
    private let maxAge: UInt64
    /// From the file's bytes, and the value before.
    private let parse: @Sendable ([UInt8], consuming Value?) -> Value?
    private let state = Mutex(State())

    init(_ path: Path, limit: Int, maxAge: UInt64, parse: @escaping @Sendable ([UInt8], consuming Value?) -> Value?) {
        file = try? Fd.open(path)
        self.limit = limit
        self.maxAge = maxAge
        self.parse = parse
    }

    /// For a value that comes from several files.
    init(maxAge: UInt64) {
        file = nil
        limit = 0
        self.maxAge = maxAge
        parse = { _, _ in nil }
    }

    /// When it was read last, of the monotonic clock.
    var readAt: UInt64 { state.withLock { $0.readAt } }

    /// The last value that could be had, read again where it was read before `moment` of the monotonic clock; nil where there
    /// was none yet.
    func value(since moment: UInt64 = 0) -> Value? {
        value(since: moment) { last in
            guard let bytes = try? file?.contents(limit: limit) else { return last }
            return parse(bytes, last)
        }
    }

    /// `produce` makes the new value, and is given the last.
    func value(since moment: UInt64 = 0, _ produce: (consuming Value?) -> Value?) -> Value? {
        let now = Clock.monotonic
        return state.withLock { state in
            if let value = state.value, now &- state.readAt < maxAge, state.readAt >= moment { return value }
            let last = state.value.take()
            state.value = produce(last)
            state.readAt = now
            return state.value
        }
    }
}
