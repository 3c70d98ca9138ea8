// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

import Glibc

/// Runs what its tasks do on threads of their own, where they may block, as they do in Docker's requests.
///
/// The threads that Swift has for tasks are as many as the CPUs: on a machine of one, a task that blocks would keep back the
/// one that looks for Ctrl-C, and containers that are to be stopped together would be stopped one after the other.
final class Threads: TaskExecutor {
    static let own = Threads()

    private final class Piece {
        let job: UnownedJob

        init(_ job: UnownedJob) { self.job = job }
    }

    func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        // SAFETY: released by the thread, or below where there is none.
        let piece = unsafe Unmanaged.passRetained(Piece(job))
        var thread = pthread_t()
        // SAFETY: the thread takes the piece over.
        let result = unsafe pthread_create(
            &thread,
            nil,
            { pointer in
                if let pointer = unsafe pointer {
                    // SAFETY: what was passed to pthread_create, once.
                    let piece = unsafe Unmanaged<Piece>.fromOpaque(pointer).takeRetainedValue()
                    unsafe piece.job.runSynchronously(on: Threads.own.asUnownedTaskExecutor())
                }
                return nil
            },
            piece.toOpaque()
        )
        guard result == 0 else {
            // No thread is to be had: better late than never.
            unsafe piece.release()
            return unsafe job.runSynchronously(on: asUnownedTaskExecutor())
        }
        _ = pthread_detach(thread)
    }
}
