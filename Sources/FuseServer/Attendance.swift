// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

import Kernel
import Synchronization

/// How many loop threads wait for requests: one while there is one busy reader, else all.
///
/// The kernel wakes one waiting thread for each request, the one that has waited longest. A reader that closes a file and
/// opens the next has sent two, RELEASE without waiting for it: two threads are woken, the first of them finds both
/// requests and answers them, and the other was woken for nothing, which on the reader's CPU costs it more than the
/// answer of a small file does. So while requests come in quick succession from one thread, one of ours serves them, and
/// the others sit out. Another reader, who may then wait for the answer in progress, or a pause calls them back.
final class Attendance: Sendable {
    /// The number of the thread that serves alone; -1: all do.
    ///
    /// Changed under the lock only.
    private let alone = Atomic<Int>(-1)
    /// Readable: everybody is wanted.
    private let event: Fd
    private let isOver = Mutex(false)

    init() throws(Errno) { event = try Fd.event() }

    /// Tells what the request is that `thread` has, before it is answered.
    func note(_ phase: Streak.Phase, thread: Int) {
        switch phase {
        case .broken: if alone.load(ordering: .relaxed) >= 0 { callBack(isLast: false) }
        case .long: if alone.load(ordering: .relaxed) < 0 { leave(to: thread) }
        case .short, .unknown: break
        }
    }

    /// Returns when `thread` is wanted.
    func wait(thread: Int) {
        while true {
            let alone = alone.load(ordering: .acquiring)
            guard alone >= 0, alone != thread else { return }
            do throws(Errno) { _ = try event.waitReadable(milliseconds: -1) } catch { return }
        }
    }

    /// Calls everybody back for good.
    func end() { callBack(isLast: true) }

    private func leave(to thread: Int) {
        isOver.withLock { isOver in
            guard !isOver else { return }
            event.drain()
            alone.store(thread, ordering: .releasing)
        }
    }

    private func callBack(isLast: Bool) {
        isOver.withLock { isOver in
            isOver = isOver || isLast
            alone.store(-1, ordering: .releasing)
            event.signal()
        }
    }
}
