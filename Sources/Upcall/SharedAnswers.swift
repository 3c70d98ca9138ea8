// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

package import KeyDNS
import Kernel
package import Resolver

/// How often anybody is asked: one helper at a time for each name, nobody while the answer is fresh, and not more often than
/// the policy allows.
package struct SharedAnswers {
    private let policy: Policy
    private let cache: SharedCache?
    private let lockDeadline: UInt64?

    /// The lock was another's until the end.
    package static let busy = Rejection(Rejection.EAGAIN, "a helper that asks for the same name has not ended in time")

    /// What asking came to.
    package enum Outcome {
        /// The record has the answer now; seconds for which it holds.
        case found(ttl: UInt32)
        /// `isAway`: nobody could be asked, so what was true before may still be.
        case failed(Rejection, isAway: Bool)

        package init(_ failure: LookupFailure) {
            var isAway = false
            if case .exchange = failure { isAway = true }
            self = .failed(Rejection(failure), isAway: isAway)
        }
    }

    /// `lockDeadline` (CLOCK_BOOTTIME): for a process that nothing else ends when it waits for another's answer.
    package init(_ policy: Policy, _ cache: SharedCache?, lockDeadline: UInt64? = nil) {
        self.policy = policy
        self.cache = cache
        self.lockDeadline = lockDeadline
    }

    /// `give` makes the kernel's answer of a record, nil where there is too little in it; `ask` fills it.
    package func answer(
        _ key: CacheRecord.Key,
        give: (CacheRecord, UInt32, KeyAnswer.Source) -> KeyAnswer?,
        ask: (inout CacheRecord) -> Outcome
    ) -> KeyAnswer {
        if let cache, !cache.lock(key, until: lockDeadline) {
            return cache.record(key).flatMap { stale($0, give) } ?? .rejected(Self.busy)
        }
        defer { cache?.unlock(key) }
        let now = Clock.boot
        var record = cache?.record(key) ?? CacheRecord(key: key, now: now)
        // What was stored later than now is of a time before the machine was started: a file on a disk. No record is fresh for
        // longer than the cap, whatever it says.
        let latest = now + UInt64(policy.lifetime.cap) * 1_000_000_000
        if record.storedAt > now || record.freshUntil > latest { (record.storedAt, record.freshUntil) = (now, 0) }
        if record.isFilled, now < record.freshUntil {
            // A key lives for whole seconds: rounded down, but for the last one.
            let seconds = max(1, UInt32(clamping: (record.freshUntil - now) / 1_000_000_000))
            if let answer = give(record, seconds, .cache) {
                // Kept from now on as what this one asks for.
                if let cache, cache.asker.rawValue > record.asker.rawValue { cache.store(record) }
                return answer
            }
        }
        guard record.admits(limit: policy.rateLimit, now: now) else {
            return stale(record, give)
                ?? .rejected(
                    Rejection(
                        Rejection.EAGAIN,
                        "more than \(policy.rateLimit) questions in this second",
                        counter: .rateLimited
                    )
                )
        }
        switch ask(&record) {
        case .found(let ttl):
            let seconds = policy.lifetime.seconds(ttl: ttl)
            record.storedAt = Clock.boot
            record.freshUntil = record.storedAt + UInt64(seconds) * 1_000_000_000
            cache?.store(record)
            // The policy has changed since this process read it: what it heard is not to last.
            let isCurrent = cache?.isCurrent != false
            return give(record, isCurrent ? seconds : 1, .dns) ?? .rejected(Rejection(Rejection.ENODATA, "no address"))
        case .failed(let rejection, let isAway):
            // Somebody knows that it is not so any more; only the address that a client had is remembered.
            let isOver = !isAway && record.freshUntil > 0
            if isOver { record.freshUntil = 0 }
            // The count of this second.
            if isOver || policy.rateLimit > 0 { cache?.store(record) }
            return (isAway ? stale(record, give) : nil) ?? .rejected(rejection)
        }
    }

    /// The last known answer, where the policy allows it and it is not too old.
    private func stale(
        _ record: CacheRecord,
        _ give: (CacheRecord, UInt32, KeyAnswer.Source) -> KeyAnswer?
    ) -> KeyAnswer? {
        guard policy.staleSeconds > 0, record.isFilled, record.freshUntil > 0 else { return nil }
        let (end, overflow) = record.freshUntil.addingReportingOverflow(UInt64(policy.staleSeconds) * 1_000_000_000)
        return overflow || Clock.boot < end ? give(record, 1, .stale) : nil
    }
}
