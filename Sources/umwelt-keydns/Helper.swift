// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

import KeyDNS
import Kernel
import Resolver
import Upcall

/// One upcall, from its start to its end.
enum Helper {
    /// Whatever is not known yet: the policy's own deadline replaces it.
    private static let firstDeadlineMilliseconds: Int32 = 3000

    static func run(_ invocation: Invocation) -> Never {
        let start = Clock.boot
        let key = invocation.key
        // Before anything that could fail. It works for a key that is not under construction too, and does nothing
        // there.
        arm(key, firstDeadlineMilliseconds)
        try? key.assumeAuthority()
        guard let description = try? key.described(), let callout = try? Key.requestAuthority.content() else {
            finish(key, .rejected(Rejection(Rejection.EINVAL, "the key cannot be read")), nil, start)
        }
        let name = Self.name(in: description)
        var policy = Policy()
        var problem: String?
        do {
            policy = try Policy(
                parsing: try Fd.contents(of: invocation.flat, limit: Policy.maximumLength + 1),
                isFlat: true
            )
            if policy.deadlineMilliseconds != Int(firstDeadlineMilliseconds) {
                arm(key, Int32(clamping: policy.deadlineMilliseconds))
            }
        } catch let error as Errno {
            problem = "\(invocation.flat): \(error)"
        } catch let error as PolicyError {
            problem = "\(invocation.flat): \(error)"
        } catch {
            problem = "\(error)"
        }
        let cache = policy.cache.flatMap { try? SharedCache.open(Path($0)) }
        cache?.enter()
        cache?.add(.upcalls)
        if let problem {
            cache?.add(.configErrors)
            Journal.log(.error, "\(problem); every name goes to the fallback: run 'umwelt keydns refresh'")
        }
        guard let query = KeyQuery(keyDescription: description), let zone = policy.zone(of: query) else {
            passOn(key, policy, cache, name, start)
        }
        let request = Request(key: key, name: name, policy: policy, zone: zone, start: start)
        let words = Callout(parsing: callout)
        switch zone.strategy {
        case .namespace: request.answerByStock(query, words, invocation, cache)
        case .resolver:
            if policy.hasGuard { request.leaveGuard() }
            request.answer(query, words, cache)
        }
    }

    static func arm(_ key: Key, _ milliseconds: Int32) {
        try? LastWord.arm(key, milliseconds: milliseconds, late: Rejection.ETIMEDOUT, broken: Rejection.ENOMEM)
    }

    /// The description's text, for the log: printable, and short.
    private static func name(in description: [UInt8]) -> String {
        let fields = description.prefix { $0 != 0 }.split(separator: UInt8(ascii: ";"), maxSplits: 4)
        return String(
            decoding: (fields.last ?? []).prefix(255).map { (0x21...0x7e).contains($0) ? $0 : UInt8(ascii: "?") },
            as: UTF8.self
        )
    }

    /// A name of none of the zones: the stock helper's, as if this one were not there.
    private static func passOn(
        _ key: Key,
        _ policy: Policy,
        _ cache: SharedCache?,
        _ name: String,
        _ start: UInt64
    ) -> Never {
        cache?.add(.passedOn)
        cache?.leave()
        guard let fallback = policy.fallback else {
            finish(
                key,
                .rejected(Rejection(Rejection.ENODATA, "no zone has it, and there is no fallback")),
                name,
                start
            )
        }
        if policy.logs {
            Journal.log(.info, "\(name): of no zone, goes to \(String(decoding: fallback, as: UTF8.self))")
        }
        // What the other program does until its end is its own business, and takes its own time.
        LastWord.disarm()
        do throws(Errno) {
            try ProcessImage.become(Path(fallback), arguments: [fallback, Array("\(key.serial)".utf8)])
        } catch {
            arm(key, firstDeadlineMilliseconds)
            let path = String(decoding: fallback, as: UTF8.self)
            let rejection = Rejection(Rejection.EHOSTUNREACH, "\(path), the fallback, cannot be run: \(error)")
            finish(key, .rejected(rejection), name, start)
        }
    }

    /// Gives the kernel the answer, says so, and ends.
    static func finish(_ key: Key, _ answer: KeyAnswer, _ name: String?, _ start: UInt64, logs: Bool = true) -> Never {
        let error = tell(key, answer)
        if logs { log(answer, error, name, start) }
        ProcessImage.end(code: error == nil ? 0 : 1)
    }

    /// The kernel's own error, where it did not take the answer.
    static func tell(_ key: Key, _ answer: KeyAnswer) -> Errno? {
        do throws(Errno) {
            switch answer {
            case .payload(let payload, let seconds, _):
                do throws(Errno) {
                    // Before the content: afterwards it is refused.
                    try key.setTimeout(seconds: max(seconds, 1))
                    try key.instantiate(payload)
                } catch {
                    try? key.reject(seconds: Rejection.seconds, error: Rejection.EINVAL)
                    throw error
                }
            case .rejected(let rejection): try key.reject(seconds: Rejection.seconds, error: rejection.errno)
            }
            return nil
        } catch {
            return error
        }
    }

    static func log(_ answer: KeyAnswer, _ error: Errno?, _ name: String?, _ start: UInt64) {
        let took = (Clock.boot - min(start, Clock.boot)) / 1000
        let name = name ?? "?"
        if let error {
            Journal.log(.error, "\(name): the kernel does not take the answer: \(error), \(took) us")
            return
        }
        switch answer {
        case .payload(let payload, let seconds, let source):
            let isText = payload.first != 0
            let text = isText ? String(decoding: payload.dropLast().prefix(512), as: UTF8.self) : "a server list"
            let shown = payload.isEmpty ? "answered" : text
            Journal.log(.info, "\(name): \(shown) for \(seconds) s from \(source.rawValue), \(took) us")
        case .rejected(let rejection):
            Journal.log(.warning, "\(name): rejected with errno \(rejection.errno): \(rejection.reason), \(took) us")
        }
    }
}
