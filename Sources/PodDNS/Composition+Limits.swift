// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

extension Composition {
    /// `formDNSConfigFitsLimits`: the nameservers first.
    mutating func fit(_ behaviour: Behaviour) {
        fitServers()
        fitSearches(behaviour)
    }

    private mutating func fitServers() {
        guard servers.count > Limits.nameservers else { return }
        dropped += servers.dropFirst(Limits.nameservers).map { Dropped(.server, $0, .count(limit: Limits.nameservers)) }
        servers = Array(servers.prefix(Limits.nameservers))
        let text =
            "Nameserver limits were exceeded, some nameservers have been omitted, the applied nameserver line is: "
        events.append(Event(.pod, "DNSConfigForming", Word(Array(text.utf8) + servers.map(\.word).joined)))
    }

    /// The number first, so that a path which is too long takes up a place; then the paths; then the list, from its end.
    private mutating func fitSearches(_ behaviour: Behaviour) {
        let before = dropped.count
        if searches.count > behaviour.searchPathLimit {
            let limit = behaviour.searchPathLimit
            dropped += searches.dropFirst(limit).map { Dropped(.search, $0, .count(limit: limit)) }
            searches = Array(searches.prefix(limit))
        }
        if behaviour.dropsLongPaths {
            let long = searches.filter { $0.word.count > Limits.searchPath }
            dropped += long.map { Dropped(.search, $0, .pathLength(limit: Limits.searchPath)) }
            if !long.isEmpty { searches.removeAll { $0.word.count > Limits.searchPath } }
        }
        var length = searches.lazy.map(\.word).joinedCount
        while length > behaviour.searchListLimit, let last = searches.popLast() {
            length -= last.word.count + (searches.isEmpty ? 0 : 1)
            dropped.append(Dropped(.search, last, .listLength(limit: behaviour.searchListLimit)))
        }
        guard dropped.count > before else { return }
        let text =
            "Search Line limits were exceeded, some search paths have been omitted, the applied search line is: "
        events.append(Event(.pod, "DNSConfigForming", Word(Array(text.utf8) + searches.map(\.word).joined)))
    }

    /// The limits alone, on lists as they are: what the kubelet's own tests call.
    init(fitting servers: [Word], searches: [Word], _ behaviour: Behaviour = Behaviour()) {
        self.init(Pod(policy: "None"), Kubelet(resolvConf: "", behaviour: behaviour), .contents([]))
        self.servers = servers.map { Entry($0, .podNameserver(index: 0)) }
        self.searches = searches.map { Entry($0, .podSearch(index: 0)) }
        fit(behaviour)
    }
}
