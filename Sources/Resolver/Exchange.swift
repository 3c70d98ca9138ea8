// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

/// Why no server answered.
package enum ExchangeFailure: Equatable, Sendable, CustomStringConvertible {
    /// None said anything in time.
    case timeout
    /// The last server that answered said this.
    case code(ResponseCode)
    /// The last server's host refused the connection, or could not be reached.
    case unreachable
    /// What came over TCP was no answer to the question.
    case malformed
    /// There is no server to ask.
    case noServer

    package var description: String {
        switch self {
        case .timeout: "no answer in time"
        case .code(let code): "the server said \(code)"
        case .unreachable: "the server cannot be reached"
        case .malformed: "the server's answer makes no sense"
        case .noServer: "there is no server to ask"
        }
    }
}

/// What has to be sent.
package struct Transmission: Equatable, Sendable {
    package enum Transport: Sendable { case udp, tcp }

    /// Names the attempt: what comes back on its socket is handed in with it.
    package var tag: Int
    package var server: Server
    package var transport: Transport
    /// The message; TCP's length prefix is the sender's business.
    package var bytes: [UInt8]
}

/// What an exchange, or a lookup, wants next.
package enum Step<Outcome: Sendable>: Sendable {
    /// Send this on a socket of its own, connected to the server alone; then ask again.
    case send(Transmission)
    /// Nothing to do until something comes, or until then (nanoseconds of the caller's clock).
    case wait(until: UInt64)
    case done(Outcome)
}

/// How a resolver asks.
package struct ResolverOptions: Equatable, Sendable {
    /// Nanoseconds before the next server is tried; doubled each time all have been.
    package var patience: UInt64 = 300_000_000
    /// Messages sent for one question, at most; what the answer to one asks for (TCP, no EDNS0) is not counted.
    package var maximumAttempts = 12
    /// The size of answer that EDNS0 says can be taken; nil: no EDNS0.
    package var udpSize: UInt16? = 1232
    /// Chooses the case of the question's letters, and takes an answer only where it is the same (0x20).
    package var randomizesCase = false
    /// Starts with any of the servers, instead of the first.
    package var rotates = false
    /// Asks over TCP from the start.
    package var usesTCP = false

    package init() {}
}

/// One question put to a list of servers until one answers: a state machine without sockets and without a clock.
///
/// Earlier attempts stay open: the first answer counts, whichever it is to.
package struct Exchange: Sendable {
    package enum Outcome: Equatable, Sendable {
        /// NOERROR or NXDOMAIN, whole.
        case answered(Message, by: Server)
        case failed(ExchangeFailure)
    }

    private struct Attempt {
        var tag: Int
        var server: Int
        var transport: Transmission.Transport
        var question: Question
        var id: UInt16
        var hasEDNS: Bool
        var isOpen = true
    }

    private struct Planned {
        var server: Int
        var transport: Transmission.Transport
        var hasEDNS: Bool
    }

    private let question: Question
    private let servers: [Server]
    private let options: ResolverOptions
    private let deadline: UInt64
    private let firstTag: Int
    private let random: RandomSource

    private var attempts: [Attempt] = []
    private var planned: [Planned] = []
    private var failures: [ExchangeFailure?]
    /// The server whose turn is next.
    private var turn: Int
    private var turns = 0
    private var retryAt: UInt64 = 0
    private var outcome: Outcome?

    /// Messages that were no answer to the question: another id, another question, no DNS at all.
    package private(set) var ignored = 0

    package init(
        _ question: Question,
        servers: [Server],
        options: ResolverOptions,
        deadline: UInt64,
        firstTag: Int = 0,
        random: RandomSource
    ) {
        self.random = random
        self.question = question
        self.servers = servers
        self.options = options
        self.deadline = deadline
        self.firstTag = firstTag
        failures = servers.map { _ in nil }
        turn = options.rotates ? random.next(below: servers.count) : 0
        if servers.isEmpty { outcome = .failed(.noServer) }
    }

    /// The tag that comes after all of this exchange's.
    package var nextTag: Int { firstTag + attempts.count }

    package mutating func step(now: UInt64) -> Step<Outcome> {
        if let outcome { return .done(outcome) }
        guard now < deadline else { return finish(.failed(lastFailure ?? .timeout)) }
        if planned.isEmpty, now >= retryAt { planTurn() }
        guard !planned.isEmpty else { return .wait(until: retryAt > now ? min(retryAt, deadline) : deadline) }
        let plan = planned.removeFirst()
        let round = UInt64(min(turns / max(servers.count, 1), 8))
        retryAt = now.addingReportingOverflow(options.patience << round).partialValue
        return .send(attempt(plan))
    }

    private mutating func attempt(_ plan: Planned) -> Transmission {
        var asked = question
        if options.randomizesCase { asked.name = asked.name.withCase(from: random.next()) }
        let id = UInt16(truncatingIfNeeded: random.next())
        let attempt = Attempt(
            tag: nextTag,
            server: plan.server,
            transport: plan.transport,
            question: asked,
            id: id,
            hasEDNS: plan.hasEDNS
        )
        attempts.append(attempt)
        let message = Message.query(id: id, asked, udpSize: plan.hasEDNS ? options.udpSize : nil)
        return Transmission(
            tag: attempt.tag,
            server: servers[plan.server],
            transport: plan.transport,
            bytes: message.encoded()
        )
    }

    /// The next server in turn that has not failed.
    private mutating func planTurn() {
        guard attempts.count + planned.count < options.maximumAttempts else {
            retryAt = deadline
            return
        }
        for _ in servers.indices {
            let index = turn % servers.count
            turn = (turn + 1) % servers.count
            guard failures[index] == nil else { continue }
            if !attempts.isEmpty { turns += 1 }
            planned.append(Planned(server: index, transport: options.usesTCP ? .tcp : .udp, hasEDNS: hasEDNS))
            return
        }
    }

    private var hasEDNS: Bool { options.udpSize != nil }

    private var lastFailure: ExchangeFailure? { failures.lazy.compactMap { $0 }.last }

    private mutating func finish(_ outcome: Outcome) -> Step<Outcome> {
        self.outcome = outcome
        return .done(outcome)
    }

    private func index(of tag: Int) -> Int? {
        let index = tag - firstTag
        return attempts.indices.contains(index) && attempts[index].isOpen ? index : nil
    }

    /// A socket's connection was refused, or broke; a TCP connection that ended before the answer is one too.
    package mutating func failed(tag: Int) {
        guard outcome == nil, let index = index(of: tag) else { return }
        fail(index, .unreachable)
    }

    private mutating func fail(_ index: Int, _ failure: ExchangeFailure) {
        attempts[index].isOpen = false
        failures[attempts[index].server] = failure
        if failures.allSatisfy({ $0 != nil }) {
            outcome = .failed(failure)
        } else if !attempts.contains(where: { $0.isOpen }), planned.isEmpty {
            // Nobody is left to wait for.
            retryAt = 0
        } else if failures.filter({ $0 == nil }).count > Set(attempts.filter(\.isOpen).map(\.server)).count {
            // Somebody was not asked yet.
            retryAt = 0
        }
    }

    /// A message came on the attempt's socket.
    package mutating func received(tag: Int, _ bytes: [UInt8]) {
        guard outcome == nil, let index = index(of: tag) else { return }
        let attempt = attempts[index]
        guard let message = try? Message(parsing: bytes), answers(message, attempt) else {
            ignored = min(ignored + 1, .max - 1)
            // Over TCP nobody but the server can have written it, and nothing better will follow.
            if attempt.transport == .tcp { fail(index, .malformed) }
            return
        }
        if message.isTruncated {
            guard attempt.transport == .udp else { return fail(index, .malformed) }
            attempts[index].isOpen = false
            planned.append(Planned(server: attempt.server, transport: .tcp, hasEDNS: attempt.hasEDNS))
            return
        }
        switch message.code {
        case .noError, .nameError:
            outcome = .answered(message, by: servers[attempt.server])
        case .formatError where attempt.hasEDNS, .notImplemented where attempt.hasEDNS,
            .badVersion where attempt.hasEDNS:
            // A server from before EDNS0 (RFC 6891, 7), or of another version of it.
            attempts[index].isOpen = false
            planned.append(Planned(server: attempt.server, transport: attempt.transport, hasEDNS: false))
        default: fail(index, .code(message.code))
        }
    }

    private func answers(_ message: Message, _ attempt: Attempt) -> Bool {
        guard message.answers(attempt.question, id: attempt.id) else { return false }
        guard options.randomizesCase, let question = message.questions.first else { return true }
        return question.name.wire == attempt.question.name.wire
    }
}
