// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

import Testing

@testable import Resolver

/// A lookup against a table: what each name and type is answered with.
struct LookupTests {
    private struct Row {
        var code: UInt16 = 0
        var answers: [Record] = []
        var hasSOA = false
    }

    private static func name(_ text: String) -> DNSName { DNSName(text) ?? .root }

    private static func a(_ name: String, _ address: String, ttl: UInt32 = 30) -> Record {
        let address = IPAddress(address) ?? .v4(0)
        return Record(name: Self.name(name), type: address.isV4 ? .a : .aaaa, ttl: ttl, data: .address(address))
    }

    private static func cname(_ name: String, _ target: String, ttl: UInt32 = 30) -> Record {
        Record(name: Self.name(name), type: .cname, ttl: ttl, data: .alias(Self.name(target)))
    }

    /// Runs it, and returns the questions that were asked in their order.
    ///
    /// Names that are not in the table: NXDOMAIN.
    private func run(
        _ candidates: [String],
        _ types: [RecordType] = [.a],
        all: Bool = false,
        in table: [String: Row]
    ) throws -> (Lookup.Outcome, [String]) {
        var lookup = Lookup(
            LookupRequest(candidates.map(Self.name), types, wantsAllTypes: all),
            servers: [Server(.v4(1))],
            options: ResolverOptions(),
            deadline: 1_000_000_000,
            random: countingSource()
        )
        var asked: [String] = []
        for _ in 0..<1000 {
            switch lookup.step(now: 0) {
            case .done(let outcome): return (outcome, asked)
            case .wait: throw WireError(.truncated, at: 0)
            case .send(let query):
                var message = try Message(parsing: query.bytes)
                let key = "\(message.questions[0].name) \(message.questions[0].type)"
                asked.append(key)
                let row = table[key] ?? table["\(message.questions[0].name)"] ?? Row(code: 3)
                message.flags = 0x8180 | row.code
                message.additionals = []
                message.answers = row.answers
                if row.hasSOA {
                    message.authorities = [Record(name: .root, type: .soa, ttl: 5, data: .other([]))]
                }
                lookup.received(tag: query.tag, message.encoded())
            }
        }
        throw WireError(.truncated, at: 1)
    }

    private func addresses(_ outcome: Lookup.Outcome) -> [String] {
        guard case .found(let found) = outcome else { return [] }
        return found.records.compactMap { if case .address(let address) = $0.data { "\(address)" } else { nil } }
    }

    @Test func oneQuestionIsEnough() throws {
        let (outcome, asked) = try run(
            ["a.b"],
            [.a, .aaaa],
            in: ["a.b A": Row(answers: [Self.a("A.B", "10.0.0.1", ttl: 7)])]
        )
        #expect(addresses(outcome) == ["10.0.0.1"])
        #expect(asked == ["a.b A"])
        guard case .found(let found) = outcome else { return }
        #expect(found.ttl == 7)
    }

    /// One after two that are dead.
    @Test(arguments: [false, true]) func theServerThatAnswersIsAskedFirst(rotates: Bool) throws {
        var options = ResolverOptions()
        options.rotates = rotates
        let servers = [1, 2, 3].map { Server(.v4($0)) }
        var lookup = Lookup(
            LookupRequest(["a.b.c", "a.c", "a"].map(Self.name), [.a]),
            servers: servers,
            options: options,
            deadline: 5_000_000_000,
            random: countingSource()
        )
        var asked: [Server] = []
        var now: UInt64 = 0
        for _ in 0..<100 {
            switch lookup.step(now: now) {
            case .done(let outcome):
                #expect(outcome == .failed(.noSuchName))
                #expect(asked.suffix(3) == [servers[2], servers[2], servers[2]] && asked.count <= 5)
                return
            case .wait(let until): now = until
            case .send(let query):
                asked.append(query.server)
                guard query.server == servers[2] else { continue }
                var message = try Message(parsing: query.bytes)
                message.flags = 0x8183
                message.additionals = []
                lookup.received(tag: query.tag, message.encoded())
            }
        }
        Issue.record("no end: \(asked)")
    }

    @Test func theOtherFamilyAfterNoData() throws {
        let (outcome, asked) = try run(
            ["a.b"],
            [.a, .aaaa],
            in: ["a.b A": Row(hasSOA: true), "a.b AAAA": Row(answers: [Self.a("a.b", "fd00::1")])]
        )
        #expect(addresses(outcome) == ["fd00::1"])
        #expect(asked == ["a.b A", "a.b AAAA"])
    }

    @Test func allTypesWhereAllAreWanted() throws {
        let table = [
            "a.b A": Row(answers: [Self.a("a.b", "10.0.0.1", ttl: 9)]),
            "a.b AAAA": Row(answers: [Self.a("a.b", "fd00::1", ttl: 3)]),
        ]
        let (outcome, _) = try run(["a.b"], [.a, .aaaa], all: true, in: table)
        #expect(addresses(outcome) == ["10.0.0.1", "fd00::1"])
        guard case .found(let found) = outcome else { return }
        #expect(found.ttl == 3)
    }

    @Test func noNameAndNoDataAreTwoThings() throws {
        #expect(try run(["a.b"], [.a, .aaaa], in: [:]) == (.failed(.noSuchName), ["a.b A"]))
        #expect(try run(["a.b"], [.a, .aaaa], in: ["a.b": Row()]) == (.failed(.noData), ["a.b A", "a.b AAAA"]))
        // A name that exists somewhere in the list is not one that does not exist.
        #expect(try run(["a", "b"], in: ["a": Row()]).0 == .failed(.noData))
    }

    @Test func candidatesInTheirOrder() throws {
        let (outcome, asked) = try run(["x.a", "x.b", "x"], in: ["x.b": Row(answers: [Self.a("x.b", "10.0.0.2")])])
        #expect(addresses(outcome) == ["10.0.0.2"])
        #expect(asked == ["x.a A", "x.b A"])
    }

    @Test func theLeastTTLOfTheChainCounts() throws {
        let chain = [Self.cname("a", "b", ttl: 9), Self.cname("b", "c", ttl: 2), Self.a("c", "10.0.0.3", ttl: 60)]
        let (outcome, asked) = try run(["a"], in: ["a": Row(answers: chain)])
        guard case .found(let found) = outcome else { throw WireError(.truncated, at: 0) }
        #expect(found.ttl == 2 && asked.count == 1)
        #expect(found.name == DNSName("a"))
    }

    @Test func aChainThatTheServerLeftIsFollowed() throws {
        let (outcome, asked) = try run(
            ["a"],
            in: [
                "a": Row(answers: [Self.cname("a", "b", ttl: 2)]),
                "b": Row(answers: [Self.a("b", "10.0.0.3", ttl: 60)]),
            ]
        )
        guard case .found(let found) = outcome else { throw WireError(.truncated, at: 0) }
        #expect(found.ttl == 2 && addresses(outcome) == ["10.0.0.3"])
        #expect(asked == ["a A", "b A"])
    }

    @Test func anAliasOfNothing() throws {
        let dead = Row(answers: [Self.cname("a", "b")], hasSOA: true)
        #expect(try run(["a"], in: ["a": dead]) == (.failed(.noData), ["a A"]))
        #expect(try run(["a"], in: ["a": Row(code: 3, answers: [Self.cname("a", "b")])]).0 == .failed(.noSuchName))
    }

    @Test func loopsEnd() throws {
        let own = Row(answers: [Self.cname("a", "a")])
        #expect(try run(["a"], in: ["a": own]).0 == .failed(.aliasLoop))
        let circle = Row(answers: [Self.cname("a", "b"), Self.cname("b", "a")])
        #expect(try run(["a"], in: ["a": circle]).0 == .failed(.aliasLoop))
        // Over several answers.
        let table = ["a": Row(answers: [Self.cname("a", "b")]), "b": Row(answers: [Self.cname("b", "a")])]
        let (outcome, asked) = try run(["a"], in: table)
        #expect(outcome == .failed(.aliasLoop) && asked.count == 2)
    }

    @Test func chainsThatNeverEndEnd() throws {
        var table: [String: Row] = [:]
        for index in 0..<100 { table["n\(index)"] = Row(answers: [Self.cname("n\(index)", "n\(index + 1)")]) }
        let (outcome, asked) = try run(["n0"], in: table)
        #expect(outcome == .failed(.aliasLoop) && asked.count <= Answer.maximumAliases + 1)
    }

    @Test func questionsAreBounded() throws {
        let (outcome, asked) = try run((0..<200).map { "n\($0)" }, in: [:])
        #expect(outcome == .failed(.noSuchName) && asked.count == Lookup.maximumQuestions)
    }

    @Test func aFailureEndsIt() throws {
        let (outcome, asked) = try run(["a", "b"], in: ["a": Row(code: 2)])
        #expect(outcome == .failed(.exchange(.code(.serverFailure))) && asked == ["a A"])
    }

    /// Records of other names and classes are none of the answer.
    @Test func whatWasNotAskedForIsNotTaken() throws {
        var foreign = Self.a("a", "10.0.0.1")
        foreign.recordClass = 3
        foreign.data = .other([10, 0, 0, 1])
        let row = Row(answers: [Self.a("evil", "10.6.6.6"), foreign])
        #expect(try run(["a"], in: ["a": row]).0 == .failed(.noData))
    }
}
