// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

import Kernel
import Samples
import Synchronization

/// What the host's own files say, sampled once for all readers and kept for a short while.
///
/// The host's figures only bound a container's; what is the container's own is never kept.
final class HostSampler: Sendable {
    /// Where the host's files are.
    let proc: Path
    let system: Path

    private let memInfoCache: Cached<MemInfo>
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
        memInfoCache = Cached(proc.appending("meminfo"), limit: 65536, maxAge: 10 * millisecond) {
            MemInfo(parsing: $0.span)
        }
        // Frequencies are what changes in it.
        cpuInfoCache = Cached(proc.appending("cpuinfo"), limit: 16 << 20, maxAge: 1000 * millisecond) {
            CPUInfo(parsing: $0.span)
        }
        onlineCache = Cached(system.appending("cpu/online"), limit: 65536, maxAge: 50 * millisecond) {
            CPUSet(parsingList: $0.span) ?? CPUSet([0])
        }
        nodesOnlineCache = Cached(system.appending("node/online"), limit: 65536, maxAge: 1000 * millisecond) {
            CPUSet(parsingList: $0.span) ?? CPUSet([0])
        }
        disksCache = Cached(proc.appending("diskstats"), limit: 4 << 20, maxAge: 1000 * millisecond) {
            DiskName.parse($0.span)
        }
        overcommitCache = Cached(proc.appending("sys/vm/overcommit_ratio"), limit: 64, maxAge: 1000 * millisecond) {
            Limit(parsing: $0.span)?.value ?? 50
        }
        nodesCache = Cached(maxAge: 10 * millisecond)
    }

    var memInfo: MemInfo { memInfoCache.value() ?? MemInfo() }
    var cpuInfo: CPUInfo { cpuInfoCache.value() ?? CPUInfo() }
    var online: CPUSet { onlineCache.value() ?? CPUSet([0]) }
    var nodesOnline: CPUSet { nodesOnlineCache.value() ?? CPUSet([0]) }
    var disks: [DiskName] { disksCache.value() ?? [] }
    var overcommitRatio: UInt64 { overcommitCache.value() ?? 50 }

    /// meminfo of each memory node, by number.
    var nodes: [Int: MemInfo] {
        nodesCache.value {
            var result: [Int: MemInfo] = [:]
            for node in nodesOnline.numbers {
                let path = system.appending(Path("node/node\(node)/meminfo"))
                guard let bytes = try? Fd.contents(of: path, limit: 65536) else { continue }
                result[node] = MemInfo(parsingNode: bytes.span)
            }
            return result
        } ?? [:]
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
    private let parse: @Sendable ([UInt8]) -> Value?
    private let state = Mutex(State())

    init(_ path: Path, limit: Int, maxAge: UInt64, parse: @escaping @Sendable ([UInt8]) -> Value?) {
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
        parse = { _ in nil }
    }

    /// The last value that could be had; nil where there was none yet.
    func value() -> Value? {
        value {
            guard let bytes = try? file?.contents(limit: limit) else { return nil }
            return parse(bytes)
        }
    }

    func value(_ produce: () -> Value?) -> Value? {
        let now = Clock.monotonic
        return state.withLock { state in
            if let value = state.value, now &- state.readAt < maxAge { return value }
            if let fresh = produce() { state.value = fresh }
            state.readAt = now
            return state.value
        }
    }
}

extension MemInfo {
    /// Whether the host has a pool of huge pages: else no container's share of it need be looked at.
    var hasHugePages: Bool {
        lines.contains {
            $0.value > 0 && ($0.name.elementsEqual("HugePages_Total".utf8) || $0.name.elementsEqual("Hugetlb".utf8))
        }
    }
}
