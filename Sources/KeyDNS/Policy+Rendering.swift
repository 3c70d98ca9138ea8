// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

import Resolver

extension Policy {
    /// The flat file: every setting, no reference to anything else; zones that lack a domain or servers are left out.
    package func rendered() -> [UInt8] {
        var text = """
            # Made by 'umwelt keydns refresh'; changes here are lost at the next one. The policy is in keydns.conf.
            deadline = \(deadlineMilliseconds)ms
            ttl-floor = \(lifetime.floor)s
            ttl-cap = \(lifetime.cap)s
            stale = \(staleSeconds)s
            rate-limit = \(rateLimit)
            prefer = \(prefersV6 ? "ipv6" : "ipv4")
            guard = \(Self.word(hasGuard))
            log = \(Self.word(logs))
            fallback = \(Self.word(fallback))
            cache = \(Self.word(cache))
            seed = \(seed >> 1)

            """
        if let kubeletConfig { text += "kubelet-config = \(Self.word(kubeletConfig))\n" }
        for source in sources.prefix(Self.maximumSources) {
            text += "source = \(source.digest >> 1) \(Self.word(source.path))\n"
        }
        for (index, zone) in zones.enumerated() {
            guard let domain = zone.domain, let servers = zone.servers, !servers.isEmpty else { continue }
            text += index == 0 ? "\n[cluster]\ndomain = \(domain)\n" : "\n[zone \(domain)]\n"
            text += "servers = \(Self.list(servers))\nstrategy = \(zone.strategy.rawValue)\n"
            if let origin = zone.origin, !origin.isEmpty {
                text += "origin = " + origin.map { $0.isNewline ? " " : String($0) }.joined() + "\n"
            }
            text += "relative = \(zone.relative.isEmpty ? "none" : Self.list(zone.relative))\n"
            if let search = zone.search { text += "search = \(search.isEmpty ? "none" : Self.list(search))\n" }
            text += """
                ndots = \(zone.ndots)
                patience = \(zone.options.patience / 1_000_000)ms
                edns = \(Self.word(zone.options.udpSize != nil))
                random-case = \(Self.word(zone.options.randomizesCase))
                rotate = \(Self.word(zone.options.rotates))
                tcp = \(Self.word(zone.options.usesTCP))

                """
        }
        return Array((text + "\n[end]\n").utf8)
    }

    private static func word(_ value: Bool) -> String { value ? "yes" : "no" }

    private static func word(_ path: [UInt8]?) -> String {
        path.map { String(decoding: $0, as: UTF8.self) } ?? "none"
    }

    private static func list(_ values: [some CustomStringConvertible]) -> String {
        values.map(\.description).joined(separator: " ")
    }
}
