// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

import FuseWire
package import Kernel
import Synchronization

/// Serves a connection with a fixed number of threads, until it ends or is told to stop.
package final class Session<FS: FileSystem>: Sendable {
    /// Why a session is over.
    package enum End: Equatable, Sendable {
        /// Unmounted (ENODEV), or the kernel said goodbye.
        case unmounted
        /// The connection was aborted through fusectl (ECONNABORTED).
        case aborted
        /// The device failed in another way.
        case failed(Errno)
    }

    private let connection: Connection
    package let dispatcher: Dispatcher<FS>
    private let placement: Placement
    private let area: RequestArea
    /// Requests (without the bit of resent ones) that are refused unseen: each has ended several processes.
    private let refused: [UInt64]
    private let unsettled: Mutex<[RequestArea]>
    private let attendance: Attendance
    private let end = Mutex<End?>(nil)

    /// Has all the descriptors it will need: what others open later cannot keep it from serving.
    ///
    /// `unsettled`: what processes that have ended had taken and not answered, for kernels that do not resend it (before 6.9).
    /// It is answered first; what was answered after all is refused by the kernel with ENOENT.
    package init(
        _ connection: consuming Connection,
        fileSystem: FS,
        counters: Counters,
        placement: Placement,
        area: RequestArea,
        store: SnapshotStore? = nil,
        refused: [UInt64] = [],
        unsettled: [RequestArea] = []
    ) throws(Errno) {
        attendance = try Attendance()
        dispatcher = Dispatcher(
            fileSystem: fileSystem,
            counters: counters,
            maxPages: connection.negotiated.maxPages,
            firstSequence: Clock.boot / 1000,
            store: store
        )
        self.connection = connection
        self.placement = placement
        self.area = area
        self.refused = refused
        self.unsettled = Mutex(unsettled)
    }

    /// A request that has ended several processes is answered with EIO before it ends this one too.
    private func answer(_ message: RawSpan, into reply: inout Reply) -> Outcome {
        if !refused.isEmpty, let header = try? RequestHeader(decoding: message), header.opcode.isAnswered,
            refused.contains(header.unique & ~RequestHeader.resent)
        {
            dispatcher.counters.countError()
            reply.begin(header.unique, error: Errno.io.rawValue)
            reply.finish()
            return .answer
        }
        return dispatcher.answer(message, into: &reply)
    }

    /// Starts `threads` loops and waits until all have ended: when the file system is unmounted, or the connection
    /// aborted.
    package func run(threads: Int) throws(Errno) -> End {
        var loops: [Thread] = []
        for index in 0..<max(min(threads, area.slots), 1) {
            loops.append(try Thread(name: "fuse-\(index)") { self.loop(index) })
        }
        let placement = placement
        let watch = try? Thread(name: "placement") { placement.watch() }
        for loop in loops { loop.join() }
        placement.endWatch()
        watch?.join()
        return end.withLock { $0 } ?? .unmounted
    }

    private func loop(_ number: Int) {
        // Who sits out is to see the end too.
        defer { attendance.end() }
        var buffer = [UInt8](repeating: 0, count: RequestBuffer.size)
        var reply = Reply(capacity: RequestBuffer.replyCapacity)
        var isSettled = false
        placement.register()
        while true {
            attendance.wait(thread: number)
            let size: Int
            do throws(Errno) { size = try take(number, into: &buffer, &isSettled) } catch {
                if error == .noEntry || error == .again { continue }
                finish(error == .noDevice ? .unmounted : error == .connectionAborted ? .aborted : .failed(error))
                return
            }
            // SAFETY: bytes of an array of UInt8, within its bounds.
            let message = unsafe buffer.span.bytes.extracting(first: min(size, RequestBuffer.size))
            if let header = try? RequestHeader(decoding: message) {
                attendance.note(placement.note(header.pid, at: Clock.monotonic), thread: number)
            }
            let outcome = answer(message, into: &reply)
            send(reply, outcome)
            if outcome == .goodbye { return finish(.unmounted) }
            area.done(slot: number)
        }
    }

    /// Takes the next request, as if each one of a predecessor's had come from the device: one that ends this process too, or
    /// that it hangs on, is so found in its area.
    private func take(_ number: Int, into buffer: inout [UInt8], _ isSettled: inout Bool) throws(Errno) -> Int {
        if !isSettled {
            let size: Int? = unsettled.withLock { areas in
                while let predecessor = areas.last {
                    if let size = area.takeOver(slot: number, from: predecessor, into: &buffer) { return size }
                    areas.removeLast()
                }
                return nil
            }
            if let size { return size }
            isSettled = true
        }
        return try area.take(slot: number, from: connection.device, into: &buffer)
    }

    /// ENOENT: the request was interrupted or resent to another process meanwhile; nobody waits for this answer.
    private func send(_ reply: borrowing Reply, _ outcome: Outcome) {
        if outcome == .silence { return }
        // ENOENT: the kernel does not know the node any more.
        if case .answerOfOtherSize(let node) = outcome {
            try? connection.device.write(Reply.forgetAttributes(of: node))
        }
        do throws(Errno) { try connection.device.write(reply.bytes) } catch {
            if error != .noEntry { dispatcher.counters.countError() }
        }
    }

    private func finish(_ reason: End) { end.withLock { $0 = $0 ?? reason } }
}
