// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

/// Tells a worker that hangs from one that is idle or busy, by looking at it from time to time.
///
/// It counts looks, not time: where the whole machine stands still (suspend, a frozen cgroup), the looks stand still too.
package struct HealthWatch: Equatable, Sendable {
    /// Between two looks.
    package static let intervalMilliseconds: Int32 = 250
    /// Looks that show the same request being answered, or requests that nobody takes: a second.
    package static let patience = 4
    /// Looks that show the socket's thread where it was: ten seconds.
    package static let socketPatience = 40
    /// How far patience grows after workers that were replaced for nothing better than a busy machine.
    private static let greatestFactor = 8

    private var factor = 1
    private var progress: [UInt64] = []
    private var same: [Int] = []
    private var untaken = 0
    private var heart: UInt64 = 0
    private var heartSame = 0

    package init() {}

    /// What a look shows.
    package struct Look: Equatable, Sendable {
        /// Of each slot of the `RequestArea`: changes with each request, odd while one is being answered.
        package var progress: [UInt64]
        /// Changes at least every second in the thread that serves the socket.
        package var heart: UInt64
        /// Requests wait in the device that no thread has taken.
        package var hasWaiting: Bool

        package init(progress: [UInt64], heart: UInt64, hasWaiting: Bool) {
            self.progress = progress
            self.heart = heart
            self.hasWaiting = hasWaiting
        }
    }

    /// Takes in a look at a worker that serves; true where it hangs.
    package mutating func hangs(_ look: Look) -> Bool {
        let moved = look.progress != progress
        if progress.count != look.progress.count { same = Array(repeating: 0, count: look.progress.count) }
        for (index, now) in look.progress.enumerated() {
            let before = index < progress.count ? progress[index] : 0
            same[index] = now == before && now % 2 == 1 ? same[index] + 1 : 0
        }
        untaken = look.hasWaiting && !moved ? untaken + 1 : 0
        heartSame = look.heart == heart ? heartSame + 1 : 0
        progress = look.progress
        heart = look.heart
        return untaken >= Self.patience * factor || heartSame >= Self.socketPatience * factor
            || same.contains { $0 >= Self.patience * factor }
    }

    /// Another worker begins; `afterHang`: the last one was taken to hang, which a busy machine can look like.
    package mutating func workerStarted(afterHang: Bool) {
        let factor = afterHang ? min(factor * 2, Self.greatestFactor) : factor
        self = HealthWatch()
        self.factor = factor
    }

    /// To be called once a minute without a hang.
    package mutating func relax() { factor = max(1, factor / 2) }
}
