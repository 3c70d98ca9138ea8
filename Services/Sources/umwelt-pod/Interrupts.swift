// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

import Glibc
import Synchronization
import Terminal

/// Ctrl-C, SIGTERM and SIGHUP: what runs is cancelled, so that it clears up; another one ends the program at once.
enum Interrupts {
    private static let signals = [SIGINT, SIGTERM, SIGHUP]
    private static let received = Atomic<Int32>(0)

    /// Runs `body` in a task that a signal cancels; a signal's end is 128 and its number.
    static func run<Result: Sendable>(_ body: @Sendable @escaping () async throws -> Result) async throws -> Result {
        var set = sigset_t()
        // SAFETY: the set is valid during the calls.
        unsafe sigemptyset(&set)
        // SAFETY: as above.
        for signal in signals { unsafe _ = sigaddset(&set, signal) }
        // Blocked in every thread that is made from here on, and taken by one of our own.
        // SAFETY: as above.
        unsafe pthread_sigmask(SIG_BLOCK, &set, nil)
        let task = Task { try await body() }
        let waiting = set
        let thread = Task.detached {
            // A thread of the pool is given up for the program's life: there are others.
            var set = waiting
            var number: Int32 = 0
            // SAFETY: both are valid during the call.
            while unsafe sigwait(&set, &number) == 0 {
                if received.exchange(number, ordering: .relaxed) != 0 { _exit(128 + number) }
                task.cancel()
            }
        }
        defer { thread.cancel() }
        do { return try await task.value } catch {
            let number = received.load(ordering: .relaxed)
            guard number != 0 else { throw error }
            if let failure = error as? Failure, failure.code != 128 + number {
                Standard.complain(failure.message ?? "")
            }
            throw Failure(code: 128 + number, nil)
        }
    }
}
