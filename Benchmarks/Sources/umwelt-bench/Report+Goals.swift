// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

extension Report {
    /// What the project set out to reach, and whether this run did: not a test, a run on a busy machine falls short.
    var goals: [String] {
        var lines: [String] = []
        lines += atLeast("meminfo p50, same core", 5, .whole, 1, .sameCore, \.p50)
        lines += atLeast("meminfo p50, unpinned", 3, .whole, 1, .unpinned, \.p50)
        for readers in [2, 8] {
            lines += atLeast(
                "meminfo reads/s, \(readers) readers, unpinned",
                3.5,
                .whole,
                readers,
                .unpinned,
                \.readsPerSecond,
                isRate: true
            )
        }
        lines += atLeast("meminfo CPU of daemon and reader, same core", 4, .whole, 1, .sameCore, \.cpu)
        lines += atLeast("meminfo CPU of daemon and reader, unpinned", 2, .whole, 1, .unpinned, \.cpu)
        lines.append(slowest)
        lines += memoryGoals
        return lines
    }

    private func verdict(_ isReached: Bool) -> String { isReached ? "PASS" : "short" }

    private func atLeast(
        _ name: String,
        _ goal: Double,
        _ pattern: Pattern,
        _ readers: Int,
        _ placement: Placement,
        _ figure: KeyPath<Figures, Double>,
        isRate: Bool = false
    ) -> [String] {
        let wanted = Case(file: .meminfo, pattern: pattern, readers: readers, placement: placement)
        guard let result = results.first(where: { $0.0 == wanted })?.1 else { return [] }
        return [Server.path, .caller].compactMap { server in
            guard let peerToOurs = result.ratio(of: .lxcfs, to: server, figure) else { return nil }
            let reached = isRate ? 1 / peerToOurs : peerToOurs
            return "\(verdict(reached >= goal)): \(name), by \(server): \(ratio(reached)) times better than lxcfs"
                + " (goal \(ratio(goal)))"
        }
    }

    private var slowest: String {
        var least: (ratio: Double, name: String)?
        for (wanted, result) in results {
            for server in [Server.path, .caller] {
                guard let found = result.ratio(of: .lxcfs, to: server, \.p50) else { continue }
                let name =
                    "\(wanted.file.name) by \(server), \(wanted.pattern.name), \(wanted.readers) readers,"
                    + " \(wanted.placement.rawValue)"
                if found < least?.ratio ?? .infinity { least = (found, name) }
            }
        }
        guard let least else { return "no file was compared" }
        return
            "\(verdict(least.ratio >= 1)): no p50 slower than lxcfs's; the least is \(ratio(least.ratio)) times (\(least.name))"
    }

    private var memoryGoals: [String] {
        guard let ours = memory.first, let after = ours.after else { return [] }
        var lines = [
            "\(verdict(after.size.all <= 6144)): resident \(after.size.all) kB after \(after.containers) containers (goal 6144)"
        ]
        if let more = ours.afterMore {
            // Flat: less than a page for each 20 containers, which is the allocator's play.
            let growth = Int(more.size.all) - Int(after.size.all)
            lines.append(
                "\(verdict(growth <= 512)): resident \(more.size.all) kB after \(more.containers), \(growth) kB more (goal:"
                    + " flat, within 512)"
            )
        }
        return lines
    }
}
