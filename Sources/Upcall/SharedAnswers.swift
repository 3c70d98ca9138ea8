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

    package init(_ policy: Policy, _ cache: SharedCache?) {
        self.policy = policy
        self.cache = cache
    }

    /// `give` makes the kernel's answer of a record, `ask` fills it.
    package func answer(
        _ key: CacheRecord.Key,
        give: (CacheRecord, UInt32, KeyAnswer.Source) -> KeyAnswer,
        ask: (inout CacheRecord) -> Outcome
    ) -> KeyAnswer {
        cache?.lock(key)
        defer { cache?.unlock(key) }
        let now = Clock.boot
        // One that was stored later than now is of a time before the machine was started.
        let known = cache?.record(key).flatMap { $0.storedAt <= now ? $0 : nil }
        var record = known ?? CacheRecord(key: key, now: now)
        if record.isFilled, now < record.freshUntil {
            return give(record, UInt32(clamping: (record.freshUntil - now) / 1_000_000_000 + 1), .cache)
        }
        guard record.admits(limit: policy.rateLimit, now: now) else {
            return stale(record, give)
                ?? .rejected(Rejection(Rejection.EAGAIN, "more than \(policy.rateLimit) questions in this second"))
        }
        switch ask(&record) {
        case .found(let ttl):
            let seconds = policy.lifetime.seconds(ttl: ttl)
            record.storedAt = Clock.boot
            record.freshUntil = record.storedAt + UInt64(seconds) * 1_000_000_000
            cache?.store(record)
            return give(record, seconds, .dns)
        case .failed(let rejection, let isAway):
            // The count of this second.
            if policy.rateLimit > 0 { cache?.store(record) }
            return (isAway ? stale(record, give) : nil) ?? .rejected(rejection)
        }
    }

    /// The last known answer, where the policy allows it and it is not too old.
    private func stale(
        _ record: CacheRecord,
        _ give: (CacheRecord, UInt32, KeyAnswer.Source) -> KeyAnswer
    ) -> KeyAnswer? {
        guard policy.staleSeconds > 0, record.isFilled else { return nil }
        let (end, overflow) = record.freshUntil.addingReportingOverflow(UInt64(policy.staleSeconds) * 1_000_000_000)
        return overflow || Clock.boot < end ? give(record, 1, .stale) : nil
    }
}
