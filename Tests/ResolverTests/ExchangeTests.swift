// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

import Testing

@testable import Resolver

/// Servers that are not there: what the exchange sends is looked at, and answers are written by hand.
struct ExchangeTests {
    private static let second: UInt64 = 1_000_000_000
    private let name = DNSName("smb.svc") ?? .root
    private let servers = ["10.0.0.1", "10.0.0.2"].compactMap { Server($0) }
    private let random = countingSource()

    private mutating func exchange(_ options: ResolverOptions = ResolverOptions(), servers: [Server]? = nil) -> Exchange
    {
        Exchange(
            Question(name, .a),
            servers: servers ?? self.servers,
            options: options,
            deadline: 3 * Self.second,
            random: random
        )
    }

    private mutating func sent(_ exchange: inout Exchange, at now: UInt64) -> Transmission? {
        guard case .send(let transmission) = exchange.step(now: now) else { return nil }
        return transmission
    }

    private mutating func waits(_ exchange: inout Exchange, at now: UInt64) -> UInt64? {
        guard case .wait(let until) = exchange.step(now: now) else { return nil }
        return until
    }

    private mutating func outcome(_ exchange: inout Exchange, at now: UInt64 = 0) -> Exchange.Outcome? {
        guard case .done(let outcome) = exchange.step(now: now) else { return nil }
        return outcome
    }

    private func answer(_ query: Transmission, _ change: (inout Message) -> Void = { _ in }) throws -> [UInt8] {
        var message = try Message(parsing: query.bytes)
        message.flags = 0x8180
        message.additionals = []
        message.answers = [Record(name: name, type: .a, ttl: 5, data: .address(.v4(0x0a00_0009)))]
        change(&message)
        return message.encoded()
    }

    @Test mutating func anAnswerEndsIt() throws {
        var exchange = exchange()
        let query = try #require(sent(&exchange, at: 0))
        #expect(query.server == servers[0] && query.transport == .udp)
        exchange.received(tag: query.tag, try answer(query))
        guard case .answered(let message, let server) = outcome(&exchange) else {
            Issue.record("no answer")
            return
        }
        #expect(message.answers.count == 1 && server == servers[0])
    }

    @Test mutating func silenceTurnsToTheNextServerAndLaterAnswersStillCount() throws {
        var exchange = exchange()
        let first = try #require(sent(&exchange, at: 0))
        #expect(waits(&exchange, at: 1) == 300_000_000)
        let second = try #require(sent(&exchange, at: 300_000_000))
        #expect(second.server == servers[1])
        #expect(second.bytes.prefix(2) != first.bytes.prefix(2), "another id")
        // The second round is twice as patient.
        let third = try #require(sent(&exchange, at: 600_000_000))
        #expect(third.server == servers[0])
        #expect(waits(&exchange, at: 600_000_001) == 1_200_000_000)
        exchange.received(tag: first.tag, try answer(first))
        #expect(outcome(&exchange, at: 600_000_002) != nil)
    }

    @Test mutating func theDeadlineEndsIt() throws {
        var exchange = exchange()
        var now: UInt64 = 0
        var count = 0
        steps: while count < 100 {
            count += 1
            switch exchange.step(now: now) {
            case .send: continue
            case .wait(let until):
                try #require(until > now)
                now = until
            case .done(let outcome):
                #expect(outcome == .failed(.timeout))
                break steps
            }
        }
        #expect(now == 3 * Self.second)
        #expect(count < 30)
    }

    @Test mutating func attemptsAreBounded() throws {
        var options = ResolverOptions()
        options.patience = 1
        options.maximumAttempts = 4
        var exchange = exchange(options)
        var sends = 0
        for now: UInt64 in 0..<1000 where sent(&exchange, at: now * 1000) != nil { sends += 1 }
        #expect(sends == 4)
        #expect(waits(&exchange, at: Self.second) == 3 * Self.second)
    }

    /// The last message that may be sent of its own accord is answered with "ask over TCP" or "ask without EDNS0".
    @Test(arguments: [UInt16(0x8380), 0x8181])
    mutating func whatTheLastAnswerAsksForIsStillSent(flags: UInt16) throws {
        var options = ResolverOptions()
        options.maximumAttempts = 1
        var exchange = exchange(options)
        let query = try #require(sent(&exchange, at: 0))
        exchange.received(tag: query.tag, try answer(query) { $0.flags = flags })
        let again = try #require(sent(&exchange, at: 1))
        #expect(again.server == query.server && again.bytes != query.bytes)
        #expect(waits(&exchange, at: Self.second) == 3 * Self.second)
        exchange.received(tag: again.tag, try answer(again))
        #expect(outcome(&exchange, at: Self.second) != nil)
    }

    /// What was not asked for, or not in these words, is as if nothing had come.
    @Test(arguments: 0..<7)
    mutating func liesAreIgnored(kind: Int) throws {
        var exchange = exchange()
        let query = try #require(sent(&exchange, at: 0))
        let lie = try answer(query) { message in
            switch kind {
            case 0: message.id ^= 1
            case 1: message.questions[0].name = DNSName("evil.svc") ?? .root
            case 2: message.questions[0].type = .aaaa
            case 3: message.flags = 0x0100
            case 4: message.questions = []
            case 5: message.flags |= 0x0800
            default: message.questions.append(message.questions[0])
            }
        }
        exchange.received(tag: query.tag, lie)
        #expect(exchange.ignored == 1)
        #expect(waits(&exchange, at: 1) != nil)
        exchange.received(tag: query.tag + 1, try answer(query))
        #expect(waits(&exchange, at: 1) != nil, "on a socket that nothing was sent on")
        exchange.received(tag: query.tag, [1, 2, 3])
        exchange.received(tag: query.tag, try answer(query))
        #expect(exchange.ignored == 2)
        #expect(outcome(&exchange) != nil)
    }

    @Test mutating func aServersFailureGoesToTheNextAtOnce() throws {
        var exchange = exchange()
        let first = try #require(sent(&exchange, at: 0))
        exchange.received(tag: first.tag, try answer(first) { $0.flags = 0x8182 })
        let second = try #require(sent(&exchange, at: 1))
        #expect(second.server == servers[1])
        exchange.failed(tag: second.tag)
        #expect(outcome(&exchange, at: 2) == .failed(.unreachable))
    }

    @Test mutating func everyFailureNamesTheLast() throws {
        for (flags, code) in [(0x8182, ResponseCode.serverFailure), (0x8185, .refused)] as [(UInt16, ResponseCode)] {
            var exchange = exchange(servers: [servers[0]])
            let query = try #require(sent(&exchange, at: 0))
            exchange.received(tag: query.tag, try answer(query) { $0.flags = flags })
            #expect(outcome(&exchange) == .failed(.code(code)))
            // Who refuses before it has read the question does not repeat it.
            var other = self.exchange(servers: [servers[0]])
            let again = try #require(sent(&other, at: 0))
            other.received(tag: again.tag, try answer(again) { ($0.flags, $0.questions) = (flags, []) })
            #expect(outcome(&other) == .failed(.code(code)))
        }
    }

    @Test mutating func truncationGoesToTCPOnTheSameServer() throws {
        var exchange = exchange()
        let query = try #require(sent(&exchange, at: 0))
        exchange.received(tag: query.tag, try answer(query) { $0.flags |= 0x0200 })
        let stream = try #require(sent(&exchange, at: 1))
        #expect(stream.transport == .tcp && stream.server == servers[0])
        // Over TCP there is no second chance for nonsense.
        exchange.received(tag: stream.tag, [0])
        #expect(sent(&exchange, at: 2)?.server == servers[1])
    }

    /// FORMERR, or BADVERS, whose upper bits stand in the OPT record.
    @Test(arguments: [UInt16(1), 16])
    mutating func aServerWithoutEDNSIsAskedAgainWithout(code: UInt16) throws {
        var exchange = exchange()
        let query = try #require(sent(&exchange, at: 0))
        #expect(try Message(parsing: query.bytes).additionals.count == 1)
        exchange.received(
            tag: query.tag,
            try answer(query) { message in
                message.flags = 0x8180 | code & 15
                if code < 16 { message.questions = [] }
                message.answers = []
                let upper = UInt32(code >> 4) << 24
                message.additionals = [Record(name: .root, type: .opt, recordClass: 1232, ttl: upper, data: .other([]))]
            }
        )
        let plain = try #require(sent(&exchange, at: 1))
        #expect(plain.server == servers[0])
        #expect(try Message(parsing: plain.bytes).additionals.isEmpty)
    }

    @Test mutating func caseMustComeBackWhereItWasRandom() throws {
        var options = ResolverOptions()
        options.randomizesCase = true
        var exchange = exchange(options)
        let query = try #require(sent(&exchange, at: 0))
        let asked = try Message(parsing: query.bytes).questions[0].name
        try #require(asked.wire != name.wire, "the generator of this test gives at least one capital")
        exchange.received(tag: query.tag, try answer(query) { $0.questions[0].name = name })
        #expect(exchange.ignored == 1)
        exchange.received(tag: query.tag, try answer(query))
        #expect(outcome(&exchange) != nil)
    }

    @Test mutating func noServers() {
        var exchange = exchange(servers: [])
        #expect(outcome(&exchange) == .failed(.noServer))
    }

    @Test mutating func rotationStartsAnywhere() {
        var options = ResolverOptions()
        options.rotates = true
        var first: Set<Server> = []
        for _ in 0..<50 {
            var exchange = exchange(options)
            if let query = sent(&exchange, at: 0) { first.insert(query.server) }
        }
        #expect(first.count == 2)
    }
}
