// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

package import KeyDNS
import Kernel
package import Resolver

/// What a question comes to.
package enum KeyAnswer: Equatable, Sendable {
    package enum Source: String, Sendable {
        case dns
        case cache
        /// The last that was known, while no server answers.
        case stale
    }

    case payload([UInt8], seconds: UInt32, Source)
    case rejected(Rejection)
}

/// Answers questions of one zone with this program's own resolver.
package struct Answering {
    private let policy: Policy
    private let zone: Zone
    private let cache: SharedCache?
    /// CLOCK_BOOTTIME.
    private let deadline: UInt64

    /// What happened, for people; bounded.
    package private(set) var events: [LookupEvent] = []
    package private(set) var questions = 0
    package private(set) var ignored = 0

    package init(_ policy: Policy, zone: Zone, cache: SharedCache?, deadline: UInt64) {
        self.policy = policy
        self.zone = zone
        self.cache = cache
        self.deadline = deadline
    }

    package mutating func answer(_ query: KeyQuery, _ callout: Callout) -> KeyAnswer {
        switch query.kind {
        case .host: host(query, callout)
        case .cell: cell(query, callout)
        case .unknown(let type):
            .rejected(Rejection(Rejection.EINVAL, "the type '\(String(decoding: type, as: UTF8.self))' is not known"))
        }
    }

    // MARK: Hosts

    private mutating func host(_ query: KeyQuery, _ callout: Callout) -> KeyAnswer {
        let (types, all) = policy.types(query, callout)
        let candidates = zone.candidates(query)
        guard let first = candidates.first else {
            return .rejected(Rejection(Rejection.ENODATA, "the name is too long with the zone behind it"))
        }
        let key = CacheRecord.Key(name: candidates.count == 1 ? first : query.name, form: Self.form(types, all))
        cache?.lock(key)
        defer { cache?.unlock(key) }
        let now = Clock.boot
        var record = cache?.record(key)
        if let known = record, now < known.freshUntil, !known.addresses.isEmpty {
            let left = UInt32(clamping: (known.freshUntil - now) / 1_000_000_000 + 1)
            return payload(known.addresses, known.chosen, query, callout, seconds: left, .cache)
        }
        let mayAsk = record?.admits(limit: policy.rateLimit, now: now) ?? true
        guard mayAsk else {
            return stale(record, query, callout)
                ?? .rejected(Rejection(Rejection.EAGAIN, "more than \(policy.rateLimit) questions in this second"))
        }
        switch run(LookupRequest(candidates, types, wantsAllTypes: all)) {
        case .found(let found): return keep(found, key, record, query, callout)
        case .failed(let failure):
            if policy.rateLimit > 0 {
                var counted =
                    record ?? CacheRecord(key: key, freshUntil: 0, storedAt: now, addresses: [])
                if record == nil { _ = counted.admits(limit: 0, now: now) }
                cache?.store(counted)
            }
            if case .exchange = failure, let answer = stale(record, query, callout) { return answer }
            return .rejected(Rejection(failure))
        }
    }

    /// The types in their order, and whether all of them.
    private static func form(_ types: [RecordType], _ all: Bool) -> UInt8 {
        types.reduce(all ? 1 : 0) { $0 << 2 | ($1 == .a ? 1 : 2) }
    }

    private mutating func keep(
        _ found: Lookup.Found,
        _ key: CacheRecord.Key,
        _ before: CacheRecord?,
        _ query: KeyQuery,
        _ callout: Callout
    ) -> KeyAnswer {
        var addresses: [IPAddress] = []
        for record in found.records {
            if case .address(let address) = record.data, !addresses.contains(address) { addresses.append(address) }
        }
        let chosen = AddressChoice.one(of: addresses, name: key.name, previous: before?.chosen, seed: policy.seed)
        let seconds = policy.lifetime.seconds(ttl: found.ttl)
        let now = Clock.boot
        var record = CacheRecord(
            key: key,
            freshUntil: now + UInt64(seconds) * 1_000_000_000,
            storedAt: now,
            addresses: addresses,
            chosen: chosen
        )
        (record.rateSecond, record.rateCount) = (before?.rateSecond ?? 0, before?.rateCount ?? 0)
        if before == nil { _ = record.admits(limit: 0, now: now) }
        cache?.store(record)
        return payload(addresses, chosen, query, callout, seconds: seconds, .dns)
    }

    private func payload(
        _ addresses: [IPAddress],
        _ chosen: IPAddress?,
        _ query: KeyQuery,
        _ callout: Callout,
        seconds: UInt32,
        _ source: KeyAnswer.Source
    ) -> KeyAnswer {
        let one = chosen ?? AddressChoice.one(of: addresses, name: query.name, previous: nil, seed: policy.seed)
        let given = callout.wantsList ? addresses : [one].compactMap { $0 }
        guard let payload = Payload.text(given) else {
            return .rejected(Rejection(Rejection.ENODATA, "no address"))
        }
        return .payload(payload, seconds: seconds, source)
    }

    /// The last known answer, where the policy allows it and it is not too old.
    private func stale(_ record: CacheRecord?, _ query: KeyQuery, _ callout: Callout) -> KeyAnswer? {
        guard policy.staleSeconds > 0, let record, !record.addresses.isEmpty else { return nil }
        let (end, overflow) = record.freshUntil.addingReportingOverflow(UInt64(policy.staleSeconds) * 1_000_000_000)
        guard overflow || Clock.boot < end else { return nil }
        return payload(record.addresses, record.chosen, query, callout, seconds: 1, .stale)
    }

    private mutating func run(_ request: LookupRequest) -> Lookup.Outcome {
        var network = NetworkLookup(
            Lookup(
                request,
                servers: zone.servers ?? [],
                options: zone.options,
                deadline: deadline,
                random: NetworkLookup.random
            )
        )
        let outcome = network.run()
        if events.count < 256 { events += network.lookup.events }
        questions += network.lookup.questionCount
        ignored += network.lookup.ignored
        return outcome
    }

    // MARK: AFS cells

    /// SRV records of the cell's data base servers, else AFSDB records; with their addresses.
    private mutating func cell(_ query: KeyQuery, _ callout: Callout) -> KeyAnswer {
        let names = zone.candidates(query)
        let services = names.compactMap { name in
            DNSName("_afs3-vlserver._udp").flatMap { $0.appending(name) }
        }
        var source = Payload.Source.srv
        var outcome = run(LookupRequest(services, [.srv]))
        if case .failed(.noSuchName) = outcome {
            outcome = .failed(.noData)
        }
        if case .failed(.noData) = outcome {
            source = .afsdb
            outcome = run(LookupRequest(names, [.afsdb]))
        }
        guard case .found(let found) = outcome else {
            if case .failed(let failure) = outcome { return .rejected(Rejection(failure)) }
            return .rejected(Rejection(Rejection.ENODATA, "no servers"))
        }
        var servers: [CellServer] = []
        for record in found.records.prefix(Self.maximumCellServers) {
            switch record.data {
            case .server(let priority, let weight, let port, let target):
                servers.append(CellServer(name: target, priority: priority, weight: weight, port: port, addresses: []))
            // 1: a data base server of AFS version 3 (RFC 1183); its port is known.
            case .cell(1, let host):
                servers.append(CellServer(name: host, priority: 0, weight: 0, port: 7003, addresses: []))
            default: continue
            }
        }
        var ttl = found.ttl
        for index in servers.indices { servers[index].addresses = addresses(of: servers[index].name, found, &ttl) }
        let payload =
            callout.wantsServers
            ? Payload.servers(servers, source: source) : Payload.text(servers.flatMap(\.addresses))
        guard let payload, servers.contains(where: { !$0.addresses.isEmpty }) else {
            return .rejected(Rejection(Rejection.ENODATA, "the cell's servers have no addresses"))
        }
        return .payload(payload, seconds: policy.lifetime.seconds(ttl: ttl), .dns)
    }

    private static let maximumCellServers = 8

    private mutating func addresses(of name: DNSName, _ found: Lookup.Found, _ ttl: inout UInt32) -> [IPAddress] {
        var records = found.additionals.filter { $0.name == name && ($0.type == .a || $0.type == .aaaa) }
        if records.isEmpty, case .found(let own) = run(LookupRequest([name], [.a, .aaaa], wantsAllTypes: true)) {
            records = own.records
            ttl = min(ttl, own.ttl)
        }
        ttl = records.reduce(ttl) { min($0, $1.lifetime) }
        return records.compactMap { if case .address(let address) = $0.data { address } else { nil } }
    }

    // MARK: Counting

    /// Counts what came of it, and says that this process is done.
    package func account(_ answer: KeyAnswer, since start: UInt64) {
        guard cache != nil else { return }
        let counter: KeyCounter =
            switch answer {
            case .payload(_, _, .cache): .fromCache
            case .payload(_, _, .stale): .stale
            case .payload: .answered
            case .rejected(let rejection): Self.counter(of: rejection)
            }
        cache?.add(counter)
        if case .payload(_, _, let source) = answer, source != .dns { cache?.add(.answered) }
        cache?.add(.questions, UInt64(clamping: questions))
        cache?.add(.ignoredMessages, UInt64(clamping: ignored))
        cache?.add(.microseconds, (Clock.boot - min(start, Clock.boot)) / 1000)
        cache?.leave()
    }

    private static func counter(of rejection: Rejection) -> KeyCounter {
        switch rejection.reason {
        case LookupFailure.noSuchName.description: .noName
        case LookupFailure.noData.description: .noData
        case LookupFailure.exchange(.timeout).description: .timeouts
        case let reason where reason.hasPrefix("the server"): .serverFailures
        case let reason where reason.hasPrefix("more than"): .rateLimited
        default: .otherFailures
        }
    }
}
