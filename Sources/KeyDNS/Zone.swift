// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

package import Resolver

/// Names that are answered by servers of their own.
package struct Zone: Equatable, Sendable {
    /// How its names are resolved.
    package enum Strategy: String, Sendable {
        /// By the resolver of this program.
        case resolver
        /// By the stock helper, in a mount namespace with a resolv.conf of the zone.
        case namespace
    }

    /// nil: the kubelet's clusterDomain, not yet known.
    package var domain: DNSName?
    /// nil: the kubelet's clusterDNS, not yet known.
    package var servers: [Server]?
    package var strategy: Strategy = .resolver
    /// Short names that are the zone's too, by what they end in: `svc` for `smb.default.svc`.
    package var relative: [DNSName] = []
    /// What is put behind a short name; nil: the domain.
    package var search: [DNSName]?
    package var ndots = 5
    package var options = ResolverOptions()
    /// Who said which servers it has, for people; in the flat file alone.
    package var origin: String?

    package static let maximumServers = 8
    package static let maximumNames = 16

    package init(domain: DNSName?, servers: [Server]? = nil) {
        self.domain = domain
        self.servers = servers
    }

    /// Whether a name is the zone's, and how many labels of the zone it ends in.
    package func matches(_ query: KeyQuery) -> Int? {
        guard let domain else { return nil }
        if query.name.isWithin(domain) { return domain.labelCount + 1 }
        // With nothing to put behind it a short name means nothing here.
        guard !query.isAbsolute, search?.isEmpty != true,
            relative.contains(where: { query.name.isWithin($0) && query.name != $0 })
        else { return nil }
        return 0
    }

    /// The absolute names that one of this zone may mean.
    ///
    /// A short name means nothing outside the zone: it is not asked for as it stands.
    package func candidates(_ query: KeyQuery) -> [DNSName] {
        guard let domain, !query.name.isWithin(domain) else { return [query.name] }
        let search = search ?? [domain]
        return SearchRules(search: search, ndots: ndots).candidates(query.name, isAbsolute: false).filter { name in
            name.isWithin(domain) || search.contains { name.isWithin($0) && $0 != .root }
        }
    }

    /// The resolv.conf of its mount namespace; `seconds` bound what glibc does.
    package func resolvConf(deadlineMilliseconds: Int) -> ResolvConf {
        var result = ResolvConf()
        result.servers = Array((servers ?? []).prefix(3))
        result.search = search ?? domain.map { [$0] } ?? []
        result.ndots = ndots
        result.timeout = 1
        result.attempts = max(1, min(2, deadlineMilliseconds / 1000 / max(result.servers.count, 1)))
        return result
    }
}
