// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

import Kernel
import Synchronization

/// Tells when the first processes of containers have ended.
final class Exits: Sendable {

    /// A first process, and the container it was named for: which may have another by now, or be another of that name.
    struct End: Equatable, Sendable {
        var id: [UInt8]
        var pid: Int32
    }

    private final class Box: Sendable {
        let process: PidFd
        let end: End

        init(_ process: consuming PidFd, _ end: End) {
            self.process = process
            self.end = end
        }
    }

    /// Readable when one has ended.
    let poller: Poller
    private let processes = Mutex<[Int32: Box]>([:])

    init() throws(Errno) { poller = try Poller() }

    /// ESRCH where the process has ended already.
    func watch(_ pid: Int32, id: [UInt8]) throws(Errno) {
        let box = Box(try PidFd(pid), End(id: id, pid: pid))
        try poller.add(box.process.fd)
        processes.withLock { $0[box.process.fd.raw] = box }
    }

    /// The processes that have ended since the last call.
    ///
    /// Does not block.
    func take() -> [End] {
        let ready = (try? poller.wait(milliseconds: 0)) ?? []
        return processes.withLock { processes in ready.compactMap { processes.removeValue(forKey: $0)?.end } }
    }
}
