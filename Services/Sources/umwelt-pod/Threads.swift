// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

import Glibc
import Synchronization

/// Runs what its tasks do on threads of its own, where they may block, as they do in Docker's requests.
///
/// The threads that Swift has for tasks are as many as the CPUs: on a machine of one, a task that blocks would keep back the
/// one that looks for Ctrl-C, and containers that are to be stopped together would be stopped one after the other. Here
/// there are at most `limit`; what comes while all of them are at work waits for the first that is done.
package final class Threads: TaskExecutor {
    package static let own = Threads()
    package static let limit = 32

    private struct State {
        var waiting: [UnownedJob] = []
        var threads = 0
    }

    private let state = Mutex(State())

    private init() {}

    package func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        let needsThread = state.withLock { state in
            state.waiting.append(job)
            guard state.threads < Self.limit else { return false }
            state.threads += 1
            return true
        }
        guard needsThread else { return }
        var thread = pthread_t()
        // SAFETY: the thread is passed nothing.
        let result = unsafe pthread_create(
            &thread,
            nil,
            { _ in
                Threads.own.work()
                return nil
            },
            nil
        )
        guard result == 0 else {
            // No thread is to be had: better late than never.
            return work()
        }
        _ = pthread_detach(thread)
    }

    /// Runs what waits, until nothing does.
    private func work() {
        while let job = next() { unsafe job.runSynchronously(on: asUnownedTaskExecutor()) }
    }

    private func next() -> UnownedJob? {
        state.withLock { state in
            guard state.waiting.isEmpty else { return state.waiting.removeFirst() }
            state.threads -= 1
            return nil
        }
    }
}
