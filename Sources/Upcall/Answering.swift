// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

package import KeyDNS
import Kernel
package import Resolver

/// What a question comes to.
package enum KeyAnswer: Equatable, Sendable {
    package enum Source: String, Sendable {
        case dns
        /// The stock helper, which has given the kernel its answer itself.
        case stock = "the stock helper"
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
    private let lockDeadline: UInt64?

    /// What happened, for people; bounded.
    package private(set) var events: [LookupEvent] = []
    package private(set) var questions = 0
    package private(set) var ignored = 0

    package init(
        _ policy: Policy,
        zone: Zone,
        cache: SharedCache?,
        deadline: UInt64,
        lockDeadline: UInt64? = nil
    ) {
        self.policy = policy
        self.zone = zone
        self.cache = cache
        self.deadline = deadline
        self.lockDeadline = lockDeadline
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
        let key = CacheRecord.Key(name: candidates.count == 1 ? first : query.name, types: types, all: all)
        let policy = policy
        return SharedAnswers(policy, cache, lockDeadline: lockDeadline).answer(key) { record, seconds, source in
            let one =
                record.chosen
                ?? AddressChoice.one(of: record.addresses, name: key.name, previous: nil, seed: policy.seed)
            // Not every address is kept.
            if callout.wantsList, record.isCut { return nil }
            return Payload.text(callout.wantsList ? record.addresses : [one].compactMap { $0 }).map {
                .payload($0, seconds: seconds, source)
            }
        } ask: { record in
            switch run(LookupRequest(candidates, types, wantsAllTypes: all)) {
            case .found(let found):
                record.addresses = []
                for case .address(let address) in found.records.map(\.data) where !record.addresses.contains(address) {
                    record.addresses.append(address)
                }
                record.chosen = AddressChoice.one(
                    of: record.addresses,
                    name: key.name,
                    previous: record.chosen,
                    seed: policy.seed
                )
                return .found(ttl: found.ttl)
            case .failed(let failure): return SharedAnswers.Outcome(failure)
            }
        }
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

    private mutating func cell(_ query: KeyQuery, _ callout: Callout) -> KeyAnswer {
        SharedAnswers(policy, cache, lockDeadline: lockDeadline).answer(CacheRecord.Key(query, callout)) {
            record,
            seconds,
            source in
            .payload(record.payload, seconds: seconds, source)
        } ask: { record in
            servers(of: query, callout, &record)
        }
    }

    /// SRV records of the cell's data base servers, else AFSDB records; with their addresses.
    private mutating func servers(
        of query: KeyQuery,
        _ callout: Callout,
        _ record: inout CacheRecord
    ) -> SharedAnswers.Outcome {
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
            if case .failed(let failure) = outcome { return SharedAnswers.Outcome(failure) }
            return SharedAnswers.Outcome(.noData)
        }
        var servers: [CellServer] = []
        for record in found.records {
            switch record.data {
            case .server(let priority, let weight, let port, let target):
                servers.append(CellServer(name: target, priority: priority, weight: weight, port: port, addresses: []))
            // 1: a data base server of AFS version 3 (RFC 1183); its port is known.
            case .cell(1, let host):
                servers.append(CellServer(name: host, priority: 0, weight: 0, port: 7003, addresses: []))
            default: continue
            }
        }
        // The best of them, where they are too many.
        servers.sort { $0.priority < $1.priority }
        servers.removeLast(max(0, servers.count - Self.maximumCellServers))
        var ttl = found.ttl
        var failure: LookupFailure?
        for index in servers.indices {
            let (addresses, problem) = addresses(of: servers[index].name, found, &ttl)
            servers[index].addresses = addresses
            guard case .exchange = problem else { continue }
            // What could not be asked for is not known for any time.
            (servers[index].isUnknown, ttl, failure) = (true, 0, problem)
        }
        let payload =
            callout.wantsServers
            ? Payload.servers(servers, source: source) : Payload.text(servers.flatMap(\.addresses))
        guard let payload, servers.contains(where: { !$0.addresses.isEmpty }) else {
            if let failure { return SharedAnswers.Outcome(failure) }
            return .failed(Rejection(Rejection.ENODATA, "the cell's servers have no addresses"), isAway: false)
        }
        record.payload = payload
        return .found(ttl: ttl)
    }

    private static let maximumCellServers = 8

    private mutating func addresses(
        of name: DNSName,
        _ found: Lookup.Found,
        _ ttl: inout UInt32
    ) -> ([IPAddress], LookupFailure?) {
        var records = found.additionals.filter { $0.name == name && ($0.type == .a || $0.type == .aaaa) }
        if records.isEmpty {
            switch run(LookupRequest([name], [.a, .aaaa], wantsAllTypes: true)) {
            case .found(let own):
                records = own.records
                ttl = min(ttl, own.ttl)
            case .failed(let failure): return ([], failure)
            }
        }
        ttl = records.reduce(ttl) { min($0, $1.lifetime) }
        return (records.compactMap { if case .address(let address) = $0.data { address } else { nil } }, nil)
    }
}
