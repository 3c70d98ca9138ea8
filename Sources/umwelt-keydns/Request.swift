// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

import Glibc
import KeyDNS
import Kernel
import Resolver
import Upcall

/// A key of one of the zones.
struct Request {
    var report: Report
    var policy: Policy
    var zone: Zone

    private var key: Key { report.key }

    /// A little before the deadline of the whole process, so that the answer says what happened.
    private var resolverDeadline: UInt64 {
        report.start + UInt64(max(policy.deadlineMilliseconds - 50, 50)) * 1_000_000
    }

    func answer(_ query: KeyQuery, _ callout: Callout) -> Never {
        var answering = Answering(
            policy,
            zone: zone,
            cache: report.cache,
            deadline: resolverDeadline,
            lockDeadline: resolverDeadline
        )
        let answer = answering.answer(query, callout)
        report.end(answer, report.tell(answer), questions: answering.questions, ignored: answering.ignored)
    }

    /// Leaves a parent behind that has the last word for both; returns in the child alone.
    func leaveGuard() {
        let child: Child?
        do throws(Errno) { child = try LastWord.fork() } catch { return }
        guard let child else { return }
        guard let status = try? LastWord.wait(for: child) else {
            report.reject(Rejection.EAGAIN, "how its helper ended is not known")
        }
        if case .signaled(let signal) = status { LastWord.say(signal: signal) }
        ProcessImage.end(code: status.code)
    }

    /// The stock helper with the zone's resolv.conf, as often as the policy and what is known already allow.
    func answerByStock(_ query: KeyQuery, _ callout: Callout, _ invocation: Invocation) -> Never {
        let shared = SharedAnswers(policy, report.cache, lockDeadline: resolverDeadline)
        var hasRun = false
        let answer = shared.answer(CacheRecord.Key(query, callout)) { record, seconds, source in
            .payload(record.payload, seconds: seconds, source == .dns ? .stock : source)
        } ask: { record in
            hasRun = true
            report.cache?.add(.namespaceRuns)
            return runStock(invocation, &record)
        }
        var error: Errno?
        if case .payload(_, _, .stock) = answer {} else { error = report.tell(answer) }
        // Where the stock helper has rejected the key, the kernel does not take another word.
        report.end(answer, hasRun ? nil : error)
    }

    /// What it does not answer in time is rejected; what it answers is read from the key.
    private func runStock(_ invocation: Invocation, _ record: inout CacheRecord) -> SharedAnswers.Outcome {
        guard let fallback = policy.fallback.map({ Path($0) }) else { return failed("the strategy needs a fallback") }
        guard FileTree.isExecutable(fallback) else { return .failed(Helper.isMissing(fallback), isAway: false) }
        // To be done before there is an answer: afterwards the key is no business of this process's any more.
        let permissions = try? key.permissions()
        if let permissions { try? key.setPermissions(permissions | Key.userReadsAndChanges) }
        defer { if let permissions { try? key.setPermissions(permissions) } }
        let status: ExitStatus
        do throws(Errno) {
            guard let child = try LastWord.fork() else { becomeStock(fallback, invocation) }
            status = try LastWord.wait(for: child)
        } catch {
            return failed("no process: \(error)")
        }
        // Where it has answered, the kernel refuses this one.
        guard report.tell(.rejected(Rejection(Rejection.EAGAIN, "no answer"))) != nil else {
            return failed("the stock helper, in a namespace, ended with \(status.code) and without an answer")
        }
        do throws(Errno) {
            record.payload = try key.content(limit: Payload.maximumLength)
            // Of text the kernel does not keep the NUL.
            if let first = record.payload.first, first != 0 { record.payload.append(0) }
        } catch let refusal where refusal == .permissionDenied && status.code != Self.noNamespace {
            // Somebody's own key: answered, and no helper can know with what.
            record.payload = []
        } catch {
            // Its own 60 seconds would be kept against some who ask.
            try? key.setTimeout(seconds: Rejection.seconds)
            let reason =
                status.code == Self.noNamespace
                ? "\(fallback) in a mount namespace: \(error)"
                : "the stock helper, in a namespace, has rejected it: \(error)"
            return .failed(Rejection(error.rawValue, reason), isAway: false)
        }
        try? key.setTimeout(seconds: policy.lifetime.seconds(ttl: NamespaceRun.ttl))
        return .found(ttl: NamespaceRun.ttl)
    }

    private func failed(_ reason: String) -> SharedAnswers.Outcome {
        .failed(Rejection(Rejection.EAGAIN, reason), isAway: false)
    }

    /// As shells have it: could not be run.
    private static let noNamespace: Int32 = 126

    private func becomeStock(_ program: Path, _ invocation: Invocation) -> Never {
        do throws(Errno) {
            try NamespaceRun.become(
                program,
                arguments: [Array("\(key.serial)".utf8)],
                zone: zone,
                state: invocation.state
            )
        } catch {
            // The parent reads it in the key.
            try? key.reject(seconds: Rejection.seconds, error: error.rawValue)
            ProcessImage.end(code: Self.noNamespace)
        }
    }
}
