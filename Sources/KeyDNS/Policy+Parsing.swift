// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

import Resolver

extension Policy {
    /// Reads `name = value` lines in sections; `#` and `;` begin comments.
    ///
    /// `isFlat`: the file must be one that `rendered` made: complete, with its last line.
    package init(parsing bytes: [UInt8], isFlat: Bool = false) throws(PolicyError) {
        guard bytes.count <= Self.maximumLength else {
            throw PolicyError(line: 0, "longer than \(Self.maximumLength) bytes")
        }
        self.init()
        if isFlat { zones = [] }
        var parser = PolicyParser(isFlat: isFlat)
        for line in bytes.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false) {
            try parser.take(line, into: &self)
        }
        try parser.finish(&self)
    }
}

/// The state between two lines of a policy file.
private struct PolicyParser {
    private enum Section: Equatable {
        case general
        case zone(Int)
        case end
    }

    let isFlat: Bool
    private var section = Section.general
    private var line = 0
    /// Of each zone's section; 0 where the cluster has none.
    private var sections = [0]
    private var hasCluster = false
    private var seen: [[UInt8]] = []

    init(isFlat: Bool) { self.isFlat = isFlat }

    private func error(_ message: String) -> PolicyError { PolicyError(line: line, message) }

    private static func trimmed(_ bytes: ArraySlice<UInt8>) -> ArraySlice<UInt8> {
        var bytes = bytes
        let isBlank = { (byte: UInt8) in byte == 0x20 || byte == 9 || byte == 13 }
        while let first = bytes.first, isBlank(first) { bytes.removeFirst() }
        while let last = bytes.last, isBlank(last) { bytes.removeLast() }
        return bytes
    }

    mutating func take(_ raw: ArraySlice<UInt8>, into policy: inout Policy) throws(PolicyError) {
        line += 1
        // A remark begins a line, or stands behind a blank.
        var text = Self.trimmed(raw)
        if !isFlat,
            let remark = zip(text.indices, text.indices.dropFirst()).first(where: { before, mark in
                text[mark] == UInt8(ascii: "#") && (text[before] == 0x20 || text[before] == 9)
            })
        {
            text = Self.trimmed(text[..<remark.1])
        }
        guard let first = text.first, first != UInt8(ascii: "#"), first != UInt8(ascii: ";") else { return }
        guard section != .end else { throw error("something follows [end]") }
        if first == UInt8(ascii: "[") {
            guard text.last == UInt8(ascii: "]") else { throw error("a section needs a closing ']'") }
            seen = []
            return try begin(section: text.dropFirst().dropLast(), &policy)
        }
        guard let equals = text.firstIndex(of: UInt8(ascii: "=")) else {
            throw error("neither 'name = value' nor '[section]': \(Self.shown(text))")
        }
        let name = Self.trimmed(text[..<equals])
        let value = Self.trimmed(text[(equals + 1)...])
        guard !value.isEmpty else { throw error("\(Self.shown(name)) has no value") }
        let shown = Self.shown(name)
        if shown != "source" {
            guard !seen.contains(Array(name)) else { throw error("\(shown) stands twice") }
            seen.append(Array(name))
        }
        if case .zone(let index) = section {
            try set(shown, value, zone: &policy.zones[index])
        } else {
            try set(shown, value, &policy)
        }
    }

    mutating func finish(_ policy: inout Policy) throws(PolicyError) {
        line = 0
        if isFlat {
            guard section == .end else { throw error("incomplete: there is no [end]") }
            guard policy.zones.allSatisfy({ $0.domain != nil && $0.servers != nil }) else {
                throw error("a zone without a domain or servers")
            }
        }
        if !isFlat {
            if policy.cache == nil, policy.rateLimit > 0 || policy.staleSeconds > 0 {
                throw error("\(policy.rateLimit > 0 ? "rate-limit" : "stale") needs a cache, and 'cache = none' is set")
            }
            for (index, zone) in policy.zones.enumerated() {
                line = sections[index]
                try check(zone, isCluster: index == 0, policy)
            }
        }
        for (index, zone) in policy.zones.enumerated() where zone.domain != nil {
            if policy.zones[..<index].contains(where: { $0.domain == zone.domain }) {
                line = isFlat ? 0 : sections[index]
                throw error("the zone \(zone.domain?.description ?? "") stands twice")
            }
        }
    }

    /// What can be said of a zone only when all is known.
    private func check(_ zone: Zone, isCluster: Bool, _ policy: Policy) throws(PolicyError) {
        let title = isCluster ? "[cluster]" : "[zone \(zone.domain?.description ?? "")]"
        if !isCluster, zone.servers?.isEmpty != false { throw error("\(title) needs 'servers ='") }
        if zone.options.patience >= UInt64(policy.deadlineMilliseconds) * 1_000_000, zone.servers?.count ?? 0 > 1 {
            throw error("\(title): with a patience that is not less than the deadline no second server is ever asked")
        }
        guard zone.strategy == .namespace else { return }
        if policy.fallback == nil {
            throw error("\(title): the strategy 'namespace' runs the fallback, and 'fallback = none' is set")
        }
        if let name = zone.domain?.text, name.count > 200 || name.contains(UInt8(ascii: "/")) {
            throw error("\(title): with the strategy 'namespace' it names a file: no '/', and at most 200 bytes")
        }
        if let servers = zone.servers, servers.count > 3 {
            throw error(
                "\(title): with the strategy 'namespace' glibc asks the first three servers, not \(servers.count)"
            )
        }
        if let server = zone.servers?.first(where: { $0.port != Server.standardPort }) {
            throw error(
                "\(title): with the strategy 'namespace' glibc asks, at port \(Server.standardPort) alone: \(server)"
            )
        }
    }

    private mutating func begin(section text: ArraySlice<UInt8>, _ policy: inout Policy) throws(PolicyError) {
        let words = Self.words(text)
        let kind = words.first.map(Self.shown)
        switch (kind ?? "", words.count) {
        case ("cluster", 1):
            guard !hasCluster else { throw error("[cluster] stands twice") }
            hasCluster = true
            sections[0] = line
            if isFlat { policy.zones = [Policy.cluster] + policy.zones }
            section = .zone(0)
        case ("zone", 2):
            guard let domain = DNSName(Array(words[1])), domain != .root else {
                throw error("no domain name: \(Self.shown(words[1]))")
            }
            guard policy.zones.count < Policy.maximumZones else {
                throw error("more than \(Policy.maximumZones) zones")
            }
            policy.zones.append(Zone(domain: domain))
            sections.append(line)
            section = .zone(policy.zones.count - 1)
        case ("end", 1) where isFlat: section = .end
        default: throw error("no section [\(Self.shown(text))]; there are [cluster] and [zone NAME]")
        }
    }

    // MARK: Settings

    private func set(_ name: String, _ value: ArraySlice<UInt8>, _ policy: inout Policy) throws(PolicyError) {
        switch name {
        case "deadline":
            policy.deadlineMilliseconds = try milliseconds(name, value, 100...Policy.maximumDeadlineMilliseconds)
        case "ttl-floor":
            let floor = try seconds(name, value, 1...3600)
            guard !seen.contains(Array("ttl-cap".utf8)) || floor <= policy.lifetime.cap else {
                throw error("ttl-floor is more than ttl-cap")
            }
            policy.lifetime = LifetimeRule(floor: floor, cap: policy.lifetime.cap)
        case "ttl-cap":
            let cap = try seconds(name, value, 1...86_400)
            guard cap >= policy.lifetime.floor else { throw error("ttl-cap is less than ttl-floor") }
            policy.lifetime = LifetimeRule(floor: policy.lifetime.floor, cap: cap)
        case "stale": policy.staleSeconds = try seconds(name, value, 0...86_400)
        case "rate-limit": policy.rateLimit = UInt32(clamping: try number(name, value, 0...1_000_000))
        case "prefer": policy.prefersV6 = try isSecond(name, value, "ipv4", "ipv6")
        case "guard": policy.hasGuard = try isSecond(name, value, "no", "yes")
        case "log": policy.logs = try isSecond(name, value, "no", "yes")
        case "fallback": policy.fallback = try path(name, value)
        case "cache":
            policy.cache = try path(name, value)
            // What is found there may be replaced, and is removed in the end.
            if !isFlat, policy.cache != nil, !Self.shown(value).hasSuffix("/keydns.cache") {
                throw error("cache is a path that ends in /keydns.cache, or 'none', not \(Self.shown(value))")
            }
        case "kubelet-config": policy.kubeletConfig = try path(name, value)
        case "seed" where isFlat: policy.seed = UInt64(clamping: try number(name, value, 0...Int.max))
        case "source" where isFlat:
            let words = Self.words(value)
            guard words.count >= 2, let space = value.firstIndex(of: 0x20),
                policy.sources.count < Policy.maximumSources
            else { throw error("source needs a digest and a path") }
            let digest = UInt64(clamping: try number(name, words[0], 0...Int.max))
            policy.sources.append(.init(path: Array(Self.trimmed(value[space...])), digest: digest))
        default:
            throw error(
                "unknown setting '\(name)'; there are deadline, ttl-floor, ttl-cap, stale, rate-limit, prefer, guard, log, "
                    + "fallback, cache, kubelet-config, and sections [cluster] and [zone NAME]"
            )
        }
    }

    private func set(_ name: String, _ value: ArraySlice<UInt8>, zone: inout Zone) throws(PolicyError) {
        let isCluster = section == .zone(0) && hasCluster
        switch name {
        case "domain" where isCluster:
            zone.domain = Self.shown(value) == "kubelet" && !isFlat ? nil : try self.name(value)
            guard zone.domain != .root else { throw error("domain is the root: every name would be the cluster's") }
        case "servers":
            if isCluster, Self.shown(value) == "kubelet" {
                zone.servers = nil
                return
            }
            // There is no cluster.
            if isCluster, Self.shown(value) == "none" {
                zone.servers = []
                return
            }
            let words = Self.words(value)
            guard !words.isEmpty else { throw error("servers has none in it") }
            guard words.count <= Zone.maximumServers else { throw error("more than \(Zone.maximumServers) servers") }
            var servers: [Server] = []
            for word in words {
                guard let server = Server(Array(word)) else {
                    throw error("no server: \(Self.shown(word)); write 10.0.0.1, 10.0.0.1:5353 or [fd00::1]:5353")
                }
                servers.append(server)
            }
            zone.servers = servers
        case "strategy":
            zone.strategy =
                try isSecond(name, value, "resolver", "namespace") ? .namespace : .resolver
        case "relative":
            zone.relative = Self.shown(value) == "none" ? [] : try names(value)
            guard !zone.relative.contains(.root) else {
                throw error("relative has the root in it: every name without a dot at its end would be the zone's")
            }
        case "search": zone.search = Self.shown(value) == "none" ? [] : try names(value)
        case "ndots": zone.ndots = try number(name, value, 0...15)
        case "patience":
            zone.options.patience = UInt64(try milliseconds(name, value, 10...10_000)) * 1_000_000
        case "edns": zone.options.udpSize = try isSecond(name, value, "no", "yes") ? ResolverOptions().udpSize : nil
        case "random-case": zone.options.randomizesCase = try isSecond(name, value, "no", "yes")
        case "rotate": zone.options.rotates = try isSecond(name, value, "no", "yes")
        case "origin" where isFlat: zone.origin = Self.shown(value)
        case "tcp": zone.options.usesTCP = try isSecond(name, value, "no", "yes")
        default:
            throw error(
                "unknown setting '\(name)'; a zone has \(isCluster ? "domain, " : "")servers, strategy, relative, search, "
                    + "ndots, patience, edns, random-case, rotate, tcp"
            )
        }
    }

    // MARK: Values

    private static func shown(_ bytes: ArraySlice<UInt8>) -> String {
        var text = Array(bytes)
        for index in text.indices where text[index] < 0x20 || text[index] > 0x7e { text[index] = UInt8(ascii: "?") }
        return String(decoding: text, as: UTF8.self)
    }

    private static func words(_ text: ArraySlice<UInt8>) -> [ArraySlice<UInt8>] {
        text.split { $0 == 0x20 || $0 == 9 || $0 == UInt8(ascii: ",") }
    }

    private func name(_ text: ArraySlice<UInt8>) throws(PolicyError) -> DNSName {
        guard let name = DNSName(Array(text)) else { throw error("no domain name: \(Self.shown(text))") }
        return name
    }

    private func names(_ text: ArraySlice<UInt8>) throws(PolicyError) -> [DNSName] {
        var result: [DNSName] = []
        for word in Self.words(text) { result.append(try name(word)) }
        guard !result.isEmpty else { throw error("no name in it; write 'none' for none") }
        guard result.count <= Zone.maximumNames else { throw error("more than \(Zone.maximumNames) names") }
        return result
    }

    private func path(_ name: String, _ value: ArraySlice<UInt8>) throws(PolicyError) -> [UInt8]? {
        if Self.shown(value) == "none" { return nil }
        guard value.first == UInt8(ascii: "/"), value.count < 4096, !value.contains(0) else {
            throw error("\(name) is no absolute path, nor 'none': \(Self.shown(value))")
        }
        return Array(value)
    }

    /// Whether it is the second of two words.
    private func isSecond(
        _ name: String,
        _ value: ArraySlice<UInt8>,
        _ first: String,
        _ second: String
    ) throws(PolicyError) -> Bool {
        let word = Self.shown(value)
        guard word == first || word == second else { throw error("\(name) is \(first) or \(second), not \(word)") }
        return word == second
    }

    private func number(
        _ name: String,
        _ value: ArraySlice<UInt8>,
        _ range: ClosedRange<Int>
    ) throws(PolicyError) -> Int {
        var result = 0
        var isNumber = !value.isEmpty
        for byte in value {
            let digit = byte &- UInt8(ascii: "0")
            let (product, overflow) = result.multipliedReportingOverflow(by: 10)
            let (sum, overflow2) = product.addingReportingOverflow(Int(digit))
            isNumber = isNumber && digit < 10 && !overflow && !overflow2
            result = isNumber ? sum : 0
        }
        guard isNumber, range.contains(result) else {
            throw error(
                "\(name) is a number from \(range.lowerBound) to \(range.upperBound), not \(Self.shown(value))"
            )
        }
        return result
    }

    /// `3s`, `500ms`.
    private func milliseconds(
        _ name: String,
        _ value: ArraySlice<UInt8>,
        _ range: ClosedRange<Int>
    ) throws(PolicyError) -> Int {
        let unit = Self.shown(value.drop { $0 &- UInt8(ascii: "0") < 10 })
        let digits = value.prefix { $0 &- UInt8(ascii: "0") < 10 }
        let factor =
            switch unit {
            case "ms": 1
            case "s": 1000
            case "m": 60_000
            case "h": 3_600_000
            default: 0
            }
        guard factor > 0, digits.count <= 9, !digits.isEmpty else {
            throw error("\(name) is a time like 3s or 500ms, not \(Self.shown(value))")
        }
        let result = try number(name, digits, 0...999_999_999) * factor
        guard range.contains(result) else {
            throw error("\(name) is from \(range.lowerBound)ms to \(range.upperBound)ms, not \(Self.shown(value))")
        }
        return result
    }

    private func seconds(
        _ name: String,
        _ value: ArraySlice<UInt8>,
        _ range: ClosedRange<Int>
    ) throws(PolicyError) -> UInt32 {
        let result = try milliseconds(name, value, (range.lowerBound * 1000)...(range.upperBound * 1000))
        guard result % 1000 == 0 else { throw error("\(name) is in whole seconds, not \(Self.shown(value))") }
        return UInt32(clamping: result / 1000)
    }
}
