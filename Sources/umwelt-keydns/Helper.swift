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
        var report = Report(key, start: start)
        guard let description = try? key.described(), let callout = try? Key.requestAuthority.content() else {
            report.reject(Rejection.EINVAL, "the key cannot be read")
        }
        report.name = name(in: description)
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
            // Uninstalled since the kernel began to ask: nothing is to be made again.
            if error == .noEntry { policy.cache = nil }
        } catch let error as PolicyError {
            problem = "\(invocation.flat): \(error)"
        } catch {
            problem = "\(error)"
        }
        report.logs = policy.logs
        if !policy.logs { LastWord.silence() }
        if let path = policy.cache.map({ Path($0) }) {
            do throws(Errno) { report.cache = try SharedCache.open(path) } catch {
                report.trouble = "without the cache \(path): \(error)"
            }
        }
        if let gone = report.cache?.enter(), gone > 0, policy.logs {
            Journal.log(.error, "killed, and the name rejected by the kernel for 60 s: \(gone) before this one")
        }
        report.cache?.add(.upcalls)
        if let problem {
            report.cache?.add(.configErrors)
            report.trouble = "\(problem); every name goes to the fallback: run 'umwelt keydns refresh'"
        }
        let query = KeyQuery(keyDescription: description)
        if query == nil, policy.claims(Array(description.prefix { $0 != 0 })) {
            report.reject(Rejection.EINVAL, "no name that DNS could have")
        }
        // For whatever becomes of this process, and its copies.
        guard Invocation.isFirst() else {
            report.reject(Rejection.ELOOP, "the fallback leads back to umwelt-keydns: mend 'fallback' in the policy")
        }
        guard let query, let zone = policy.zone(of: query) else { passOn(report, to: policy.fallback) }
        if report.cache != nil { report.cache?.asker = asker(description) }
        let request = Request(report: report, policy: policy, zone: zone)
        if policy.hasGuard { request.leaveGuard() }
        let words = Callout(parsing: callout)
        switch zone.strategy {
        case .namespace: request.answerByStock(query, words, invocation)
        case .resolver: request.answer(query, words)
        }
    }

    static func arm(_ key: Key, _ milliseconds: Int32) {
        try? LastWord.arm(key, milliseconds: milliseconds, late: Rejection.ETIMEDOUT, broken: Rejection.ENOMEM)
    }

    /// The kernel wants the keys of its own requests in a keyring of its own.
    private static func asker(_ description: [UInt8]) -> Asker {
        guard Key.user(in: description) == 0 else { return .user }
        return Key.isNameKeyring((try? Key.requestersKeyring.described()) ?? []) ? .kernel : .root
    }

    /// The description's text, for the log: printable, and short.
    private static func name(in description: [UInt8]) -> String {
        var name: [UInt8] = []
        for byte in Key.field(4, of: description) ?? [] where name.count < 255 {
            name.append((0x21...0x7e).contains(byte) ? byte : UInt8(ascii: "?"))
        }
        return String(decoding: name, as: UTF8.self)
    }

    static func isMissing(_ fallback: Path) -> Rejection {
        Rejection(Rejection.EHOSTUNREACH, "\(fallback), the fallback, is not there, or no program")
    }

    /// A name of none of the zones: the stock helper's, as if this one were not there.
    private static func passOn(_ report: Report, to fallback: [UInt8]?) -> Never {
        guard let fallback else {
            report.reject(Rejection.ENODATA, "no zone has it, and there is no fallback")
        }
        let path = Path(fallback)
        guard FileTree.isExecutable(path) else { report.reject(isMissing(path)) }
        report.cache?.add(.passedOn)
        report.cache?.leave()
        report.say(.info, "of no zone, passed to \(path)")
        // What the other program does until its end is its own business, and takes its own time.
        LastWord.disarm()
        do throws(Errno) {
            try ProcessImage.become(path, arguments: [fallback, Array("\(report.key.serial)".utf8)])
        } catch {
            arm(report.key, firstDeadlineMilliseconds)
            report.reject(Rejection.EHOSTUNREACH, "\(path), the fallback, cannot be run: \(error)")
        }
    }
}
