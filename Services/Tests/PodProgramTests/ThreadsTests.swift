// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

import Foundation
import Synchronization
import Testing
import umwelt_pod

struct ThreadsTests {
    private static let counts = Mutex((now: 0, most: 0, all: 0))

    /// Tasks that block: many at once, yet no more than there are threads for, and all of them come to their end.
    @Test(.timeLimit(.minutes(1)))
    func thereAreSoManyAndNoMore() async {
        let tasks = Threads.limit * 4
        await withTaskGroup { group in
            for _ in 0..<tasks {
                group.addTask(executorPreference: Threads.own) {
                    Self.counts.withLock { counts in
                        counts.now += 1
                        counts.most = max(counts.most, counts.now)
                    }
                    usleep(100_000)
                    Self.counts.withLock { counts in
                        counts.now -= 1
                        counts.all += 1
                    }
                }
            }
        }
        let (now, most, all) = Self.counts.withLock { $0 }
        #expect(now == 0 && all == tasks)
        #expect(most > 2 && most <= Threads.limit, "\(most)")
    }
}
