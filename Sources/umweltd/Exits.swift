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
    private let processes = Mutex<[[UInt8]: Box]>([:])

    init() throws(Errno) { poller = try Poller() }

    /// In place of another one of that container; ESRCH where the process has ended already.
    func watch(_ pid: Int32, id: [UInt8]) throws(Errno) {
        let box = Box(try PidFd(pid), End(id: id, pid: pid))
        try poller.add(box.process.fd)
        processes.withLock { $0[id] = box }
    }

    /// The container is not known any more.
    func forget(id: [UInt8]) { processes.withLock { $0[id] = nil } }

    /// The processes that have ended since the last call.
    ///
    /// Does not block.
    func take() -> [End] {
        guard let ready = try? poller.wait(milliseconds: 0), !ready.isEmpty else { return [] }
        let numbers = Set(ready)
        return processes.withLock { processes in
            let ended = processes.values.filter { numbers.contains($0.process.fd.raw) }.map(\.end)
            for end in ended { processes[end.id] = nil }
            return ended
        }
    }
}
