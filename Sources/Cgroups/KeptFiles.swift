// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

import Kernel
import Synchronization

/// An open cgroup file.
///
/// It is closed when the last reader lets go of it, never under one.
final class Descriptor: Sendable {
    let fd: Fd
    /// Whether somebody read it since the hand passed.
    let isUsed = Atomic<Bool>(true)
    /// False once it was dropped: what is still reading it is the last to.
    let isKept = Atomic<Bool>(true)
    /// Where it stands in `KeptFiles`, under whose lock alone this is read and written.
    fileprivate let position = Atomic<Int>(-1)

    init(_ fd: consuming Fd) { self.fd = fd }
}

/// The cgroup files that the process keeps open, so that reading one again costs a pread (0.5 us) and not open + read +
/// close (5.5 us).
///
/// Each pins about 4.6 kB of kernel memory, hence the limit.
///
/// The only strong references between reads are here; who would read a file holds it weakly. The least recently used
/// goes first, by second chance: a hand passes over those read since it last came by.
final class KeptFiles: Sendable {
    private struct Ring {
        var descriptors: [Descriptor] = []
        var hand = 0
    }

    let limit: Int
    private let ring = Mutex(Ring())

    /// At least 8 are kept: one reading of one container takes that many.
    init(limit: Int) { self.limit = max(limit, 8) }

    var count: Int { ring.withLock { $0.descriptors.count } }

    /// Keeps `descriptor`, and lets go of another if that is one too many.
    func keep(_ descriptor: Descriptor) {
        // Closed after the lock is released.
        _ = ring.withLock { ring in
            let victim = ring.descriptors.count < limit ? nil : Self.evict(&ring)
            descriptor.position.store(ring.descriptors.count, ordering: .relaxed)
            ring.descriptors.append(descriptor)
            return victim
        }
    }

    /// Lets go of `descriptor`, whose cgroup is gone.
    func drop(_ descriptor: Descriptor) {
        ring.withLock { ring in
            // It may have been evicted already.
            let position = descriptor.position.load(ordering: .relaxed)
            guard position >= 0 else { return }
            Self.remove(at: position, from: &ring)
        }
    }

    /// Lets go of the half that was used least, for a process that has run out of descriptors.
    func shrink() {
        let victims = ring.withLock { ring in
            var victims: [Descriptor] = []
            for _ in 0..<(ring.descriptors.count + 1) / 2 {
                if let victim = Self.evict(&ring) { victims.append(victim) }
            }
            return victims
        }
        _ = victims
    }

    private static func evict(_ ring: inout Ring) -> Descriptor? {
        guard !ring.descriptors.isEmpty else { return nil }
        // Twice round: in the first everyone may have been used.
        for _ in 0..<(2 * ring.descriptors.count) {
            if ring.hand >= ring.descriptors.count { ring.hand = 0 }
            let candidate = ring.descriptors[ring.hand]
            if !candidate.isUsed.exchange(false, ordering: .relaxed) { break }
            ring.hand += 1
        }
        if ring.hand >= ring.descriptors.count { ring.hand = 0 }
        let victim = ring.descriptors[ring.hand]
        remove(at: ring.hand, from: &ring)
        return victim
    }

    private static func remove(at position: Int, from ring: inout Ring) {
        let removed = ring.descriptors[position]
        removed.position.store(-1, ordering: .relaxed)
        removed.isKept.store(false, ordering: .relaxed)
        let last = ring.descriptors.removeLast()
        guard last !== removed else { return }
        ring.descriptors[position] = last
        last.position.store(position, ordering: .relaxed)
    }
}
