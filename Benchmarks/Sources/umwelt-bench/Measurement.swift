// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

/// How a file is read.
enum Pattern: Hashable {
    /// open, read into 64 KiB, close, without a pause.
    case whole
    /// open, fstat, read 4 KiB until the end, close, without a pause.
    case stdio
    /// As `whole`, once in so many milliseconds.
    case every(milliseconds: UInt64)

    var periodNs: UInt64 {
        if case .every(let milliseconds) = self { return milliseconds * 1_000_000 }
        return 0
    }

    var name: String {
        switch self {
        case .whole: "open-read-close"
        case .stdio: "stdio"
        case .every(let milliseconds): "one each \(milliseconds) ms"
        }
    }
}

/// Where daemon and readers run.
enum Placement: String {
    /// As shipped: nobody pins anything.
    case unpinned
    /// Daemon and readers are confined to CPU 0 from their start.
    case sameCore = "same core"
    /// The readers are confined to CPU 0, the daemon is not.
    case readerPinned = "reader pinned"
}

/// One comparison.
struct Case: Hashable {
    var file: ServedFile
    var pattern: Pattern
    var readers: Int
    var placement: Placement
}

/// What one burst, or the median of several, says.
struct Figures {
    /// Latency in us.
    var p50, p90, p99: Double
    var readsPerSecond: Double
    /// CPU time of one read in us.
    var readerCPU, daemonCPU: Double

    var cpu: Double { readerCPU + daemonCPU }

    init(reads: UInt64, wallNs: UInt64, readerNs: UInt64, daemonNs: UInt64, latenciesNs: [UInt32]) {
        let sorted = latenciesNs.sorted()
        func quantile(_ part: Double) -> Double {
            sorted.isEmpty ? 0 : Double(sorted[min(Int(Double(sorted.count) * part), sorted.count - 1)]) / 1000
        }
        (p50, p90, p99) = (quantile(0.5), quantile(0.9), quantile(0.99))
        readsPerSecond = Double(reads) * 1e9 / Double(wallNs)
        readerCPU = Double(readerNs) / Double(reads) / 1000
        daemonCPU = Double(daemonNs) / Double(reads) / 1000
    }

    /// The median of each figure.
    init(medianOf all: [Figures]) {
        func median(_ path: KeyPath<Figures, Double>) -> Double { Statistics.median(all.map { $0[keyPath: path] }) }
        (p50, p90, p99) = (median(\.p50), median(\.p90), median(\.p99))
        readsPerSecond = median(\.readsPerSecond)
        (readerCPU, daemonCPU) = (median(\.readerCPU), median(\.daemonCPU))
    }
}

enum Statistics {
    static func median(_ values: [Double]) -> Double {
        let sorted = values.sorted()
        guard !sorted.isEmpty else { return .nan }
        let middle = sorted.count / 2
        return sorted.count % 2 == 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2
    }
}

/// The bursts of one comparison, by server; those of one index were taken next to each other.
struct Result {
    var bursts: [Server: [Figures]] = [:]

    func median(_ server: Server) -> Figures? { bursts[server].map { Figures(medianOf: $0) } }

    /// The median of the paired ratios, `server` being 1.
    func ratio(of peer: Server, to server: Server, _ figure: KeyPath<Figures, Double>) -> Double? {
        guard let peers = bursts[peer], let ours = bursts[server] else { return nil }
        return Statistics.median(zip(peers, ours).map { $0[keyPath: figure] / max($1[keyPath: figure], 1e-9) })
    }
}
