// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

import Kernel
import Synchronization

/// Keeps the load averages of the containers whose loadavg somebody reads, every five seconds; the others cost nothing.
final class LoadSampler: Sendable {
    private static let periodMilliseconds: Int32 = 5000
    /// A container nobody has asked about for this long is left alone; its average starts from its CPU time when it is
    /// asked for again.
    private static let patienceNs: UInt64 = 1_800_000_000_000
    /// How many are kept at a time; the ones asked for last.
    private static let limit = 1024

    private let table: ContainerTable
    private let renderer: Renderer

    init(table: ContainerTable, renderer: Renderer) {
        self.table = table
        self.renderer = renderer
    }

    /// Runs until `stop` becomes readable.
    func run(until stop: borrowing Fd) {
        while (try? stop.waitReadable(milliseconds: Self.periodMilliseconds)) == false { tick() }
    }

    func tick() {
        let now = Clock.monotonic
        var wanted: [(container: Container, readAt: UInt64)] = []
        for container in table.all {
            guard let readAt = container.state.withLock({ $0.lastLoadRead }) else { continue }
            if now &- readAt > Self.patienceNs {
                container.state.withLock {
                    $0.load = nil
                    $0.loadAccount = nil
                    $0.lastLoadRead = nil
                }
            } else {
                wanted.append((container, readAt))
            }
        }
        wanted.sort { $0.readAt > $1.readAt }
        for (container, _) in wanted.prefix(Self.limit) {
            guard let cgroup = container.state.withLock({ $0.cgroup }) else { continue }
            _ = try? renderer.load(container, cgroup, renderer.census(container, cgroup))
        }
    }
}
