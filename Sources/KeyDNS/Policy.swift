// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

package import Resolver

/// What is done with the kernel's questions: the file that an operator writes, and the flat one that a helper reads.
package struct Policy: Equatable, Sendable {
    /// Everything a helper does has ended after so long.
    package var deadlineMilliseconds = 3000
    package var lifetime = LifetimeRule()
    /// Seconds for which an address that is no longer fresh may be given while no server answers; 0: never.
    package var staleSeconds: UInt32 = 0
    /// Questions to servers for one name in one second; 0: no limit.
    package var rateLimit: UInt32 = 0
    /// The family asked for first where one address is wanted.
    package var prefersV6 = false
    /// A parent process that rejects the key when the helper is killed.
    package var hasGuard = false
    package var logs = true
    /// The helper for all other names; nil: they are rejected.
    package var fallback: [UInt8]? = Array("/sbin/key.dns_resolver".utf8)
    /// The file that helpers share; nil: none.
    package var cache: [UInt8]? = Self.usualCache
    /// The kubelet's configuration file; nil: where the kubelet that runs says, or one of the usual paths.
    package var kubeletConfig: [UInt8]?
    package var zones: [Zone] = []

    // MARK: In the flat file alone

    /// Chosen once for a node, so that nodes spread over pods.
    package var seed: UInt64 = 0
    /// What it was made from.
    package var sources: [Source] = []

    package struct Source: Equatable, Sendable {
        package var path: [UInt8]
        /// A digest of the content.
        package var digest: UInt64

        package init(path: [UInt8], digest: UInt64) {
            self.path = path
            self.digest = digest
        }
    }

    package static var usualCache: [UInt8] { Array("/run/umwelt/keydns.cache".utf8) }
    package static let maximumLength = 65536
    package static let maximumZones = 64
    package static let maximumSources = 64
    package static let maximumDeadlineMilliseconds = 30_000

    /// The cluster's zone alone, from the kubelet.
    package init() { zones = [Self.cluster] }

    /// `svc` is what Kubernetes' own short names end in.
    package static var cluster: Zone {
        var zone = Zone(domain: nil)
        zone.relative = [DNSName("svc")].compactMap { $0 }
        return zone
    }

    /// The zone of a name: the longest that fits; nil where it is none's.
    package func zone(of query: KeyQuery) -> Zone? {
        var best = -1
        var longest = -1
        for index in zones.indices {
            guard let labels = zones[index].matches(query), labels > longest else { continue }
            (best, longest) = (index, labels)
        }
        return best >= 0 ? zones[best] : nil
    }

    /// Whether a description that DNS can have no name for ends in one of the zones all the same.
    package func claims(_ description: [UInt8]) -> Bool {
        var text = description.map { $0 &- UInt8(ascii: "A") < 26 ? $0 | 0x20 : $0 }
        while text.last == UInt8(ascii: ".") { text.removeLast() }
        return zones.contains { zone in
            ((zone.domain.map { [$0] } ?? []) + zone.relative).contains { name in
                text.suffix(name.text.count + 1).elementsEqual([UInt8(ascii: ".")] + name.folded.text)
            }
        }
    }

    /// The types to ask for where the key's own words leave it open.
    package func types(_ query: KeyQuery, _ callout: Callout) -> (types: [RecordType], all: Bool) {
        let both: [RecordType] = prefersV6 ? [.aaaa, .a] : [.a, .aaaa]
        switch query.family ?? callout.family {
        case .v4: return ([.a], false)
        case .v6: return ([.aaaa], false)
        case nil: return (both, callout.wantsList)
        }
    }
}

/// What is wrong with a policy file, and where.
package struct PolicyError: Error, Equatable, Sendable, CustomStringConvertible {
    /// From 1; 0 for the file as a whole.
    package var line: Int
    package var message: String

    package init(line: Int, _ message: String) {
        self.line = line
        self.message = message
    }

    package var description: String { line > 0 ? "line \(line): \(message)" : message }
}
