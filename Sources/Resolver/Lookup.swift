// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

/// Why a lookup gave nothing.
package enum LookupFailure: Equatable, Sendable, CustomStringConvertible {
    /// No candidate exists (NXDOMAIN).
    case noSuchName
    /// A candidate exists, but has no record of the types asked for (NODATA).
    case noData
    case aliasLoop
    case exchange(ExchangeFailure)

    package var description: String {
        switch self {
        case .noSuchName: "no such name (NXDOMAIN)"
        case .noData: "the name has no record of that type (NODATA)"
        case .aliasLoop: "its aliases lead in a circle, or are too many"
        case .exchange(let failure): failure.description
        }
    }
}

/// What is looked up.
package struct LookupRequest: Equatable, Sendable {
    /// Tried in their order until one exists.
    package var candidates: [DNSName]
    package var types: [RecordType]
    /// Whether every type is asked for; else the first that has records is enough.
    package var wantsAllTypes: Bool

    package init(_ candidates: [DNSName], _ types: [RecordType], wantsAllTypes: Bool = false) {
        self.candidates = candidates
        self.types = types
        self.wantsAllTypes = wantsAllTypes
    }
}

/// One thing that happened in a lookup, for people.
package enum LookupEvent: Equatable, Sendable {
    case sent(Question, Server, Transmission.Transport)
    case answered(Question, ResponseCode, records: Int, by: Server)
    case alias(DNSName, ttl: UInt32)
    case failed(Question, ExchangeFailure)
    case ignored(Int)
}

/// A whole lookup: the candidates of a name, the types of its records, the aliases in between.
///
/// A state machine without sockets and without a clock; it asks a server at most `maximumQuestions` times, and ends
/// at its deadline.
package struct Lookup: Sendable {
    package struct Found: Equatable, Sendable {
        package var records: [Record]
        /// The candidate that was asked for.
        package var name: DNSName
        /// Seconds: the least of the records and the aliases; 0 where a type could not be asked for.
        package var ttl: UInt32
        /// Records that the server added (addresses of SRV targets).
        package var additionals: [Record]
    }

    package enum Outcome: Equatable, Sendable {
        case found(Found)
        case failed(LookupFailure)
    }

    package static let maximumQuestions = 64
    private static let maximumEvents = 128

    private let request: LookupRequest
    private var servers: [Server]
    private var options: ResolverOptions
    private let deadline: UInt64
    private let random: RandomSource

    private var candidate = 0
    private var typeIndex = 0
    /// The name in question: the candidate, or what it is an alias of.
    private var current: DNSName?
    private var visited: [DNSName] = []
    private var ttl = UInt32.max
    private var found: Found?
    private var sawData = false
    private var questions = 0
    private var nextTag = 0
    private var exchange: Exchange?
    private var question: Question?
    private var outcome: Outcome?

    /// What happened so far.
    package private(set) var events: [LookupEvent] = []
    /// Messages that answered nothing that was asked.
    package private(set) var ignored = 0
    /// Questions that went to a server.
    package var questionCount: Int { questions }

    /// `deadline`: nanoseconds of the clock that `step` is given.
    package init(
        _ request: LookupRequest,
        servers: [Server],
        options: ResolverOptions,
        deadline: UInt64,
        random: RandomSource
    ) {
        self.random = random
        self.request = request
        self.servers = servers
        self.options = options
        self.deadline = deadline
    }

    package mutating func step(now: UInt64) -> Step<Outcome> {
        // Each turn of the loop ends an exchange or returns, and there are `maximumQuestions` of them at most.
        while outcome == nil {
            guard var running = exchange ?? nextExchange() else { break }
            let step = running.step(now: now)
            exchange = running
            switch step {
            case .send(let transmission):
                if let question { note(.sent(question, transmission.server, transmission.transport)) }
                return .send(transmission)
            case .wait(let until): return .wait(until: until)
            case .done(let result):
                nextTag = running.nextTag
                if running.ignored > 0 {
                    ignored += running.ignored
                    note(.ignored(running.ignored))
                }
                exchange = nil
                take(result)
            }
        }
        return .done(outcome ?? .failed(.exchange(.noServer)))
    }

    package mutating func received(tag: Int, _ bytes: [UInt8]) { exchange?.received(tag: tag, bytes) }
    package mutating func failed(tag: Int) { exchange?.failed(tag: tag) }

    private mutating func note(_ event: LookupEvent) {
        if events.count < Self.maximumEvents { events.append(event) }
    }

    private mutating func nextExchange() -> Exchange? {
        guard questions < Self.maximumQuestions, request.candidates.indices.contains(candidate),
            request.types.indices.contains(typeIndex)
        else {
            outcome = found.map { .found($0) } ?? .failed(sawData ? .noData : .noSuchName)
            return nil
        }
        let asked = Question(current ?? request.candidates[candidate], request.types[typeIndex])
        question = asked
        questions += 1
        return Exchange(
            asked,
            servers: servers,
            options: options,
            deadline: deadline,
            firstTag: nextTag,
            random: random
        )
    }

    private mutating func take(_ result: Exchange.Outcome) {
        guard let question else { return }
        switch result {
        case .failed(let failure):
            note(.failed(question, failure))
            // What other types gave is still an answer, but not all of it: nothing to keep.
            found?.ttl = 0
            outcome = found.map { .found($0) } ?? .failed(.exchange(failure))
        case .answered(let message, let server):
            note(.answered(question, message.code, records: message.answers.count, by: server))
            prefer(server)
            do throws(Answer.Problem) {
                take(try Answer(to: question, in: message, visited: visited, ttl: ttl), of: message)
            } catch {
                outcome = .failed(.aliasLoop)
            }
        }
    }

    /// What is still to be asked is asked of the one that answers first: those before it may be dead, and each would be waited for
    /// again.
    private mutating func prefer(_ server: Server) {
        guard servers.count > 1 else { return }
        options.rotates = false
        for index in servers.indices where servers[index] == server {
            servers.swapAt(0, index)
            return
        }
    }

    private mutating func take(_ answer: Answer, of message: Message) {
        if answer.aliases.count > visited.count { note(.alias(answer.name, ttl: answer.ttl)) }
        if !answer.records.isEmpty {
            var all = found ?? Found(records: [], name: request.candidates[candidate], ttl: .max, additionals: [])
            all.records += answer.records
            all.ttl = min(all.ttl, answer.ttl)
            all.additionals += message.additionals.filter { $0.type != .opt }
            found = all
            if request.wantsAllTypes { nextType() } else { outcome = .found(all) }
        } else if message.code == .nameError {
            // For every type, and also where it is an alias's end that does not exist.
            nextCandidate()
        } else if answer.isComplete {
            sawData = true
            nextType()
        } else {
            // The server left the rest of the chain to us.
            visited = answer.aliases
            ttl = answer.ttl
            current = answer.name
        }
    }

    private mutating func nextType() {
        typeIndex += 1
        current = nil
        visited = []
        ttl = .max
        if !request.types.indices.contains(typeIndex), found == nil { nextCandidate() }
    }

    private mutating func nextCandidate() {
        guard found == nil else {
            typeIndex = request.types.count
            return
        }
        candidate += 1
        typeIndex = 0
        current = nil
        visited = []
        ttl = .max
    }
}
