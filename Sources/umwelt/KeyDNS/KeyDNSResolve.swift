// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

import ArgumentParser
import Glibc
import KeyDNS
import Kernel
import Resolver
import Upcall

extension KeyDNSCommand {
    struct Resolve: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "resolve",
            abstract: "Do what the helper would do for a name, and explain each step.",
            discussion: """
                Asks the servers, through the cache that helpers share; the kernel is told nothing.

                EXAMPLES
                  umwelt keydns resolve smb.default.svc.cluster.local
                  umwelt keydns resolve smb.default.svc --callout list
                  umwelt keydns resolve afsdb:example.com --callout srv=1

                EXIT STATUS
                  0 where there is an answer, and for a name of no zone, which the fallback is asked for; 1 where there is none.
                """
        )

        @Argument(help: "As the kernel writes it: NAME, or TYPE:NAME.") var name: String
        @Option(help: ArgumentHelp("Words that come with the question: ipv4, ipv6, list, srv=1.", valueName: "words"))
        var callout = ""
        @Flag(help: "Leave the shared cache alone.") var noCache = false

        func run() throws {
            let start = Clock.boot
            let node = KeyDNSNode()
            guard let query = KeyQuery(description: Array(name.utf8)) else {
                throw Failure.usage("\(name) is no name that DNS could have")
            }
            guard let policy = try node.flat() else {
                throw Failure.failed("\(node.flatFile) is not there: run 'umwelt keydns refresh' (or install) first")
            }
            if let rule = node.rules().winner(name, callout: callout) {
                try say("rule      \(rule.file):\(rule.line): \(rule.command)")
            } else {
                try say("rule      none: request-key would fail")
            }
            guard let zone = policy.zone(of: query) else {
                let next = policy.fallback.map { "goes to \(String(decoding: $0, as: UTF8.self))" }
                try say("zone      none: the name \(next ?? "is rejected, as there is no fallback")")
                for problem in node.missingPrograms(policy) { throw Failure.failed(problem) }
                return
            }
            try say("zone      \(describe(zone))")
            let end = start + UInt64(policy.deadlineMilliseconds) * 1_000_000
            if zone.strategy == .namespace {
                try KeyDNSCommand.requireRoot("resolve for a zone with the strategy 'namespace'")
            } else if query.kind == .host {
                for candidate in zone.candidates(query) { try say("may mean  \(candidate)") }
            }
            var cache: SharedCache?
            if !noCache, let path = policy.cache.map({ Path($0) }) {
                do throws(Errno) { cache = try SharedCache.open(path) } catch {
                    try say("cache     \(path): \(error)")
                }
            }
            if cache == nil { try say("cache     none: of several addresses the kernel may have been given another") }
            let words = Callout(parsing: Array(callout.utf8))
            let answer: KeyAnswer
            if zone.strategy == .namespace {
                answer = try rehearse(query, words, policy, zone, node.state, cache, until: end)
            } else {
                var answering = Answering(policy, zone: zone, cache: cache, deadline: end, lockDeadline: end)
                answer = answering.answer(query, words)
                for event in answering.events { try say(Self.line(event)) }
            }
            let took = Double((Clock.boot - start) / 1000) / 1000
            switch answer {
            case .payload(let payload, let seconds, let source):
                let shown =
                    payload.first == 0
                    ? "\(payload.count) bytes: a server list, version 1"
                    : "\(String(decoding: payload.dropLast(), as: UTF8.self)) and a NUL"
                try say("answer    \(shown); for \(seconds) s; from \(source.rawValue); \(took) ms")
            case .rejected(let rejection):
                let error = "errno \(rejection.errno) (\(Errno(rawValue: rejection.errno)))"
                try say("rejected  with \(error) for \(Rejection.seconds) s; \(took) ms")
                let remedy = rejection == SharedAnswers.busy ? "; --no-cache asks without waiting for it" : ""
                throw Failure.failed("\(name): \(rejection.reason)\(remedy)")
            }
        }

        private func say(_ line: String) throws(Failure) { try KeyDNSCommand.say(line) }

        private func describe(_ zone: Zone) -> String { KeyDNSCommand.describe(zone) }

        static func line(_ event: LookupEvent) -> String {
            switch event {
            case .sent(let question, let server, let transport):
                "asked     \(server) for \(question.type) of \(question.name)\(transport == .tcp ? " over TCP" : "")"
            case .answered(_, let code, let records, let server): "said      \(server): \(code), \(records) records"
            case .alias(let name, let ttl): "alias     of \(name), \(ttl) s"
            case .failed(_, let failure): "failed    \(failure)"
            case .ignored(let count): "ignored   \(count) messages that answer nothing that was asked"
            }
        }

        /// The fallback in the zone's namespace, unless what it said is still known.
        private func rehearse(
            _ query: KeyQuery,
            _ words: Callout,
            _ policy: Policy,
            _ zone: Zone,
            _ state: Path,
            _ cache: SharedCache?,
            until end: UInt64
        ) throws(Failure) -> KeyAnswer {
            guard let program = policy.fallback.map({ Path($0) }) else {
                throw .failed("the strategy needs a fallback")
            }
            guard FileTree.isExecutable(program) else {
                throw .failed("\(program), the fallback, is not there, or no program")
            }
            var rehearsal: StockRehearsal?
            let shared = SharedAnswers(policy, cache, lockDeadline: end)
            let answer = shared.answer(CacheRecord.Key(query, words)) { record, seconds, source in
                .payload(record.payload, seconds: seconds, source == .dns ? .stock : source)
            } ask: { record in
                var run = StockRehearsal(program, zone: zone, state: state, deadline: end)
                defer { rehearsal = run }
                return run.run(name, callout: callout, &record)
            }
            guard let rehearsal else { return answer }
            try say("ran       \(program) in a mount namespace with this resolv.conf:")
            let conf = zone.resolvConf(deadlineMilliseconds: policy.deadlineMilliseconds).rendered()
            for line in String(decoding: conf, as: UTF8.self).split(separator: "\n") { try say("          \(line)") }
            for line in rehearsal.lines { try say("said      \(KeyDNSCommand.printable(line))") }
            return answer
        }
    }
}
