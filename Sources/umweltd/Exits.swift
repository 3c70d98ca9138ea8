// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

import Kernel
import Synchronization

/// Tells when the first processes of containers have ended.
final class Exits: Sendable {

    private final class Box: Sendable {
        let process: PidFd
        let id: [UInt8]

        init(_ process: consuming PidFd, id: [UInt8]) {
            self.process = process
            self.id = id
        }
    }

    /// Readable when one has ended.
    let poller: Poller
    private let processes = Mutex<[Int32: Box]>([:])

    init() throws(Errno) { poller = try Poller() }

    /// ESRCH where the process has ended already.
    func watch(_ pid: Int32, id: [UInt8]) throws(Errno) {
        let box = Box(try PidFd(pid), id: id)
        try poller.add(box.process.fd)
        processes.withLock { $0[box.process.fd.raw] = box }
    }

    /// The containers whose process has ended since the last call.
    ///
    /// Does not block.
    func take() -> [[UInt8]] {
        let ready = (try? poller.wait(milliseconds: 0)) ?? []
        return processes.withLock { processes in ready.compactMap { processes.removeValue(forKey: $0)?.id } }
    }
}
