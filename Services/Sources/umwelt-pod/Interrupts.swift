// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

import Glibc
import Synchronization
import Terminal

/// Ctrl-C, SIGTERM and SIGHUP: what runs is cancelled, so that it clears up; the third ends the program at once.
enum Interrupts {
    private static let signals = [SIGINT, SIGTERM, SIGHUP]
    private static let lookPause = Duration.milliseconds(50)

    /// Runs `body` in a task that a signal cancels; a signal's end is 128 and its number.
    ///
    /// A handler that notes the number, and a look at it now and then: the main thread of an asynchronous program waits
    /// with no signal blocked, so that none is left for sigwait(3).
    static func run<Result: Sendable>(_ body: @Sendable @escaping () async throws -> Result) async throws -> Result {
        // Made before a handler needs it.
        received.store(0, ordering: .relaxed)
        count.store(0, ordering: .relaxed)
        var set = sigset_t()
        // SAFETY: the set is valid during the calls.
        unsafe sigemptyset(&set)
        for number in signals {
            // SAFETY: as above.
            unsafe _ = sigaddset(&set, number)
            // The handler does nothing but atomic operations, write(2) and _exit(2).
            let before = signal(number, note)
            // SAFETY: a function pointer is as large as a number, and only compared.
            // What was ignored from the start (nohup, a shell's background job) stays so.
            if unsafe unsafeBitCast(before, to: Int.self) == 1 { _ = signal(number, SIG_IGN) }
        }
        // SAFETY: as above.
        unsafe pthread_sigmask(SIG_UNBLOCK, &set, nil)
        let task = Task(executorPreference: Threads.own) { try await body() }
        let watch = Task {
            while received.load(ordering: .relaxed) == 0 { try await Task.sleep(for: lookPause) }
            task.cancel()
        }
        defer { watch.cancel() }
        do { return try await task.value } catch {
            let number = received.load(ordering: .relaxed)
            guard number != 0 else { throw error }
            throw Failure(code: 128 + number, nil)
        }
    }
}

/// The signal that came; 0 as long as none has.
private let received = Atomic<Int32>(0)

/// How many came.
private let count = Atomic<Int>(0)

private let patience: StaticString = "umwelt: the pod is being removed; once more, and it is left half made\n"

private func note(_ number: Int32) {
    switch count.wrappingAdd(1, ordering: .relaxed).newValue {
    case 1: received.store(number, ordering: .relaxed)
    // SAFETY: the text is a constant of the program, and as long as it says.
    case 2: unsafe _ = write(2, patience.utf8Start, patience.utf8CodeUnitCount)
    default: _exit(128 + number)
    }
}
