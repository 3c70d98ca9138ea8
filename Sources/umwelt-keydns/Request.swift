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
        answering.account(answer, since: start)
        if policy.logs { Helper.log(answer, error, name, start) }
        ProcessImage.end(code: error == nil ? 0 : 1)
    }

    /// Leaves a parent behind that rejects the key should this process be killed; returns in the child alone.
    func leaveGuard(_ isBlind: Bool) {
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

    /// The stock helper with the zone's resolv.conf; what it does not answer in time is rejected.
    func runStock(_ invocation: Invocation, _ cache: SharedCache?) -> Never {
        cache?.add(.namespaceRuns)
        guard let fallback = policy.fallback else {
            cache?.leave()
            Helper.finish(key, .rejected(Rejection(Rejection.EINVAL, "the strategy needs a fallback")), name, start)
        }
        do throws(Errno) {
            guard let child = try ProcessImage.fork() else {
                do throws(Errno) {
                    try NamespaceRun.become(
                        Path(fallback),
                        arguments: [Array("\(key.serial)".utf8)],
                        zone: zone,
                        state: invocation.state
                    )
                } catch {
                    let text = "\(String(decoding: fallback, as: UTF8.self)) in a mount namespace: \(error)"
                    Helper.finish(key, .rejected(Rejection(Rejection.EHOSTUNREACH, text)), name, start)
                }
            }
            LastWord.kills(child)
            let status = try child.wait()
            // Where it has answered, the kernel refuses this one.
            _ = Helper.tell(key, .rejected(Rejection(Rejection.EAGAIN, "no answer")))
            cache?.leave()
            if policy.logs {
                let took = (Clock.boot - min(start, Clock.boot)) / 1000
                Journal.log(.info, "\(name): the stock helper, in a namespace, ended with \(status.code), \(took) us")
            }
            ProcessImage.end(code: status.code)
        } catch {
            cache?.leave()
            Helper.finish(key, .rejected(Rejection(Rejection.EAGAIN, "no process: \(error)")), name, start)
        }
    }
}
