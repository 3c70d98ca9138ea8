// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

import Glibc
import KeyDNS
import Kernel
import Resolver
import Upcall

/// A key of one of the zones.
struct Request {
    var key: Key
    var name: String
    var policy: Policy
    var zone: Zone
    /// CLOCK_BOOTTIME at the program's start.
    var start: UInt64

    /// A little before the deadline of the whole process, so that the answer says what happened.
    private var resolverDeadline: UInt64 {
        start + UInt64(max(policy.deadlineMilliseconds - 50, 50)) * 1_000_000
    }

    func answer(_ query: KeyQuery, _ callout: Callout, _ cache: SharedCache?) -> Never {
        var answering = Answering(policy, zone: zone, cache: cache, deadline: resolverDeadline)
        let answer = answering.answer(query, callout)
        let error = Helper.tell(key, answer)
        cache?.account(answer, questions: answering.questions, ignored: answering.ignored, since: start)
        if policy.logs { Helper.log(answer, error, name, start) }
        ProcessImage.end(code: error == nil ? 0 : 1)
    }

    /// Leaves a parent behind that rejects the key should this process be killed; returns in the child alone.
    func leaveGuard() {
        guard let child = try? ProcessImage.fork() else {
            // The child, or no child to be had: the clock does not come along with fork.
            Helper.arm(key, Int32(clamping: policy.deadlineMilliseconds))
            return
        }
        LastWord.kills(child)
        guard let status = try? child.wait(), case .exited(let code) = status else {
            _ = Helper.tell(key, .rejected(Rejection(Rejection.EAGAIN, "the helper was killed")))
            Journal.log(.error, "\(name): the helper was killed; the key is rejected")
            ProcessImage.end(code: 1)
        }
        ProcessImage.end(code: code)
    }

    /// The stock helper with the zone's resolv.conf, as often as the policy and what is known already allow.
    func answerByStock(_ query: KeyQuery, _ callout: Callout, _ invocation: Invocation, _ cache: SharedCache?) -> Never
    {
        let shared = SharedAnswers(policy, cache)
        var hasRun = false
        let answer = shared.answer(CacheRecord.Key(query, callout)) { record, seconds, source in
            .payload(record.payload, seconds: seconds, source == .dns ? .stock : source)
        } ask: { record in
            hasRun = true
            cache?.add(.namespaceRuns)
            return runStock(invocation, &record)
        }
        var error: Errno?
        if case .payload(_, _, .stock) = answer {} else { error = Helper.tell(key, answer) }
        // Where the stock helper has rejected the key, the kernel does not take another word.
        if hasRun { error = nil }
        cache?.account(answer, since: start)
        if policy.logs { Helper.log(answer, error, name, start) }
        ProcessImage.end(code: error == nil ? 0 : 1)
    }

    /// glibc tells no TTL; this is how long a key of the stock helper lives.
    private static let stockTTL: UInt32 = 5

    /// What it does not answer in time is rejected; what it answers is read from the key.
    private func runStock(_ invocation: Invocation, _ record: inout CacheRecord) -> SharedAnswers.Outcome {
        guard let fallback = policy.fallback else { return failed("the strategy needs a fallback") }
        // To be done before there is an answer: afterwards the key is no business of this process's any more.
        let permissions = try? key.permissions()
        if let permissions { try? key.setPermissions(permissions | Key.userReadsAndChanges) }
        defer { if let permissions { try? key.setPermissions(permissions) } }
        let status: ExitStatus
        do throws(Errno) {
            guard let child = try ProcessImage.fork() else { becomeStock(Path(fallback), invocation) }
            LastWord.kills(child)
            status = try child.wait()
        } catch {
            return failed("no process: \(error)")
        }
        // Where it has answered, the kernel refuses this one.
        guard Helper.tell(key, .rejected(Rejection(Rejection.EAGAIN, "no answer"))) != nil else {
            return failed("the stock helper, in a namespace, ended with \(status.code) and without an answer")
        }
        do throws(Errno) {
            record.payload = try key.content()
            // Of text the kernel does not keep the NUL.
            if let first = record.payload.first, first != 0 { record.payload.append(0) }
        } catch .permissionDenied {
            // Somebody's own key: answered, and no helper can know with what.
            record.payload = []
        } catch {
            // Its own 60 seconds would be kept against some who ask.
            try? key.setTimeout(seconds: Rejection.seconds)
            return failed("the stock helper, in a namespace, has rejected it: \(error)")
        }
        try? key.setTimeout(seconds: policy.lifetime.seconds(ttl: Self.stockTTL))
        return .found(ttl: Self.stockTTL)
    }

    private func failed(_ reason: String) -> SharedAnswers.Outcome {
        .failed(Rejection(Rejection.EAGAIN, reason), isAway: false)
    }

    private func becomeStock(_ program: Path, _ invocation: Invocation) -> Never {
        do throws(Errno) {
            try NamespaceRun.become(
                program,
                arguments: [Array("\(key.serial)".utf8)],
                zone: zone,
                state: invocation.state
            )
        } catch {
            let rejection = Rejection(Rejection.EHOSTUNREACH, "\(program) in a mount namespace: \(error)")
            Helper.finish(key, .rejected(rejection), name, start)
        }
    }
}
