// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

package import Cgroups
import Kernel
import ProcView
import Samples
import Synchronization

/// One container as the daemon knows it: its cgroups, when it began, and what must be remembered between two reads so that
/// no counter goes back.
package final class Container: Sendable {
    /// How a container became known.
    package enum Origin: Equatable, Sendable {
        /// A route registered it; the name of the route.
        case registered(route: [UInt8])
        /// One of its processes read the files whose content depends on the caller.
        case discovered
    }

    struct State: Sendable {
        /// The container's first process; 0 while it is not known.
        var pid: Int32 = 0
        /// When that process was started, where it is not the one whose start the container's is.
        var processStartNs: UInt64?
        /// The mount namespace in which others may go on when that process ends.
        var refuge: UInt64?
        var cgroup: Cgroup?
        var start: Identity.Start?
        var account = CPUAccount()
        /// Where the account and `newestThread` outlive the process.
        var accountPlace: AccountStore.Place?
        var load: LoadHistory?
        /// By which the load knows the CPU time that is the container's own: begins as a copy of `account`, in which nothing
        /// comes but by a reader of the CPU times.
        var loadAccount: CPUAccount?
        var census: TimedCensus?
        var sizes = FileSizes()
        /// The greatest id of a thread that was ever seen in it, as the container has it.
        var newestThread: UInt64 = 0
        /// Of the monotonic clock, in nanoseconds.
        var lastRead: UInt64
        var lastLoadRead: UInt64?
    }

    struct TimedCensus: Sendable {
        var counts: Census
        /// Of the monotonic clock, in nanoseconds.
        var takenAt: UInt64
        var costNs: UInt64
    }

    /// Distinguishes its nodes; never 0, never used again in this daemon's life.
    let key: UInt32
    package let id: [UInt8]
    package let origin: Origin
    /// The number of the cgroup it was discovered in, which no later one has; nil where that is not known.
    let inode: UInt64?
    /// Of the monotonic clock, in nanoseconds.
    let madeAt = Clock.monotonic
    let state: Mutex<State>

    init(key: UInt32, id: [UInt8], origin: Origin, inode: UInt64? = nil) {
        self.key = key
        self.id = id
        self.origin = origin
        self.inode = inode
        state = Mutex(State(lastRead: Clock.monotonic))
    }

    package var pid: Int32 { state.withLock { $0.pid } }

    var start: Identity.Start? { state.withLock { $0.start } }

    package var membership: Membership? { state.withLock { $0.cgroup?.membership } }

    /// Ties the container to its cgroups and its first process.
    ///
    /// `account`: where what it was told is kept, maybe by an earlier process. `earlier`: the container that was in the
    /// cgroups before.
    func attach(
        pid: Int32,
        cgroup: Cgroup,
        start: Identity.Start?,
        account: AccountStore.Place? = nil,
        after earlier: Container? = nil
    ) {
        let known = account?.load() ?? earlier.map { CPUAccount(after: $0.state.withLock { $0.account }) }
        let newestThread = account?.newestThread ?? 0
        state.withLock { state in
            state.accountPlace = account
            if let known { state.account = known }
            state.newestThread = max(state.newestThread, newestThread)
            state.pid = pid
            state.processStartNs = nil
            state.cgroup = cgroup
            state.start = start ?? Identity.Start(bootNs: Clock.boot)
        }
    }

    func setRefuge(_ namespace: UInt64?) { state.withLock { $0.refuge = namespace } }

    /// The mount namespace in which others may go on when its first process ends; nil where none can.
    var refuge: UInt64? { state.withLock { $0.refuge } }

    /// Goes on with another process in the place of the first one; its beginning and its cgroups stay.
    func goOn(with pid: Int32, startNs: UInt64) {
        state.withLock { state in
            state.pid = pid
            state.processStartNs = startNs
        }
    }

    /// When the process that is its first one now was started, in nanoseconds of the boot clock.
    var processStartNs: UInt64? { state.withLock { $0.processStartNs ?? $0.start?.bootNs } }

    /// It is gone: what it was told need not be kept for it.
    func giveBackAccount() { state.withLock { $0.accountPlace }?.giveBack() }

    /// Nanoseconds since the container began; for one with a shifted boot clock, what that clock shows.
    var uptimeNs: UInt64 { uptimeNs(state.withLock { $0.start }) }

    private func uptimeNs(_ start: Identity.Start?) -> UInt64 {
        let now = Clock.boot
        guard let start else { return 0 }
        if start.clockOffsetNs != 0 {
            return start.clockOffsetNs < 0
                ? now.subtracting(orMin: start.clockOffsetNs.magnitude)
                : now.adding(orMax: start.clockOffsetNs.magnitude)
        }
        return now.subtracting(orMin: start.bootNs)
    }

    /// Seconds since the epoch at which the uptime was 0, as the kernel rounds it (getboottime64).
    ///
    /// `bootEpochNs`: what the real-time clock showed when the boot clock was 0.
    func bootTime(_ bootEpochNs: UInt64) -> UInt64 {
        let start = start ?? Identity.Start(bootNs: Clock.boot)
        if start.clockOffsetNs > 0 {
            return bootEpochNs.subtracting(orMin: start.clockOffsetNs.magnitude) / 1_000_000_000
        }
        let began = start.clockOffsetNs < 0 ? start.clockOffsetNs.magnitude : start.bootNs
        return bootEpochNs.adding(orMax: began) / 1_000_000_000
    }
}
