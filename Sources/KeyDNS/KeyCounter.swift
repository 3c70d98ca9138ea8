// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

/// What is counted, for metrics; the places in the shared page are their order.
package enum KeyCounter: Int, CaseIterable, Sendable {
    case upcalls, answered, fromCache, stale, noName, noData, serverFailures, timeouts, otherFailures, rateLimited
    case passedOn, namespaceRuns, deadlines, crashes, killed, configErrors, questions, ignoredMessages, cacheDamaged
    case microseconds

    /// As it is printed.
    package var name: String {
        switch self {
        case .upcalls: "upcalls"
        case .answered: "answered"
        case .fromCache: "answered_from_cache"
        case .stale: "answered_with_last_known_good"
        case .noName: "rejected_no_name"
        case .noData: "rejected_no_data"
        case .serverFailures: "rejected_server_failure"
        case .timeouts: "rejected_timeout"
        case .otherFailures: "rejected_other"
        case .rateLimited: "rejected_rate_limit"
        case .passedOn: "passed_to_fallback"
        case .namespaceRuns: "namespace_runs"
        case .deadlines: "deadline_ends"
        case .crashes: "crash_ends"
        case .killed: "killed"
        case .configErrors: "config_errors"
        case .questions: "dns_questions"
        case .ignoredMessages: "dns_messages_ignored"
        case .cacheDamaged: "cache_damaged"
        case .microseconds: "microseconds"
        }
    }

    /// Where in the first page: a 64-bit word each, behind the mark.
    package var offset: Int { 64 + rawValue * 8 }

    /// Helpers at work: their process numbers, 32-bit words from here on.
    package static let workersOffset = 2048
    package static let workers = 512
}
