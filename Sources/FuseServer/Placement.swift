// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

import FuseWire
import Kernel
import Synchronization

/// Where the loop threads run: beside their reader while there is one reader, wherever the scheduler likes otherwise.
///
/// A FUSE round trip is two wake-ups. On one CPU each costs about a microsecond; across CPUs, where the other one is idle,
/// an interrupt and the exit from idle (33 to 45 us measured on a virtual machine, a tenth of that on metal). The scheduler,
/// which does not know that reader and server take turns, spreads them. So when a run of requests comes from one thread,
/// the loop threads move to that thread's CPU; as soon as a second reader shows up, they are set free again.
package final class Placement: Sendable {
    /// Requests from one thread in a row, before its CPU is looked up, and between two such looks.
    private static var streakLength: UInt32 { 16 }

    private let isEnabled: Bool
    private let home: Affinity?
    private let cpuOf: @Sendable (_ thread: Int32) -> Int?
    private let shared = Mutex(Shared())
    /// The CPU the threads should be on; -1: any.
    private let target = Atomic<Int>(-1)

    private struct Shared {
        var reader: UInt32 = 0
        var streak: UInt32 = 0
    }

    /// `cpuOf`: the CPU a thread last ran on (/proc/TID/stat, field 39); nil where it is gone.
    package init(isEnabled: Bool, cpuOf: @escaping @Sendable (_ thread: Int32) -> Int?) {
        home = try? Affinity.current()
        self.isEnabled = isEnabled && (home?.count ?? 1) > 1
        self.cpuOf = cpuOf
    }

    func makeThread() -> ThreadPlace { ThreadPlace(placement: self) }

    fileprivate func note(_ reader: UInt32) -> Int {
        guard isEnabled else { return -1 }
        let look = shared.withLock { shared -> Bool in
            if shared.reader != reader {
                shared.reader = reader
                shared.streak = 0
                target.store(-1, ordering: .relaxed)
                return false
            }
            shared.streak &+= 1
            return shared.streak % Self.streakLength == 0
        }
        if look, let cpu = cpuOf(Int32(bitPattern: reader)), home?.contains(cpu: cpu) == true {
            target.store(cpu, ordering: .relaxed)
        }
        return target.load(ordering: .relaxed)
    }

    fileprivate func move(to cpu: Int) {
        if cpu >= 0 { try? Affinity(cpu: cpu).apply() } else { try? home?.apply() }
    }
}

/// One loop thread's own place.
struct ThreadPlace {
    private let placement: Placement
    private var current = -1

    init(placement: Placement) { self.placement = placement }

    /// Called by the thread itself for each message, before it is answered.
    mutating func serve(_ message: RawSpan) {
        guard let header = try? RequestHeader(decoding: message), header.pid != 0 else { return }
        let wanted = placement.note(header.pid)
        guard wanted != current else { return }
        current = wanted
        placement.move(to: wanted)
    }
}
