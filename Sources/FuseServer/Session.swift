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
    private let exchange: Exchange
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
        exchange = try Exchange(threads: area.threads)
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
        for index in 0..<max(min(threads, area.threads), 1) {
            loops.append(try Thread(name: "fuse-\(index)") { self.loop(index) })
        }
        let placement = placement
        let watch = try? Thread(name: "placement") { placement.watch() }
        // A single thread has nobody to leave anything to.
        let exchangeWatch = loops.count > 1 ? try? Thread(name: "exchange") { self.answerWhatLies() } : nil
        for loop in loops { loop.join() }
        placement.endWatch()
        exchange.endWatch()
        watch?.join()
        exchangeWatch?.join()
        return end.withLock { $0 } ?? .unmounted
    }

    private func loop(_ number: Int) {
        // Who sits out is to see the end too.
        defer { attendance.end() }
        var state = LoopState(number: number)
        var reply = Reply(capacity: RequestBuffer.replyCapacity)
        placement.register()
        while true {
            let slot: Int
            let size: Int
            if let left = takeLeft(&state) {
                (slot, size) = (left, area.copy(slot: left, into: &state.buffer))
            } else {
                attendance.wait(thread: number)
                slot = RequestArea.slot(of: number)
                do throws(Errno) { size = try take(&state) } catch {
                    if error == .noEntry || error == .again { continue }
                    finish(error == .noDevice ? .unmounted : error == .connectionAborted ? .aborted : .failed(error))
                    return
                }
                if let header = state.header(ofBytes: size) {
                    let now = Clock.monotonic
                    attendance.note(placement.note(header.pid, at: now), thread: number)
                    if placement.isContended, leave(header, size, now, &state) { continue }
                }
            }
            if answer(slot, size, state.buffer, &reply) == .goodbye { return finish(.unmounted) }
        }
    }

    /// Answers the request in the slot, of which the buffer has a copy.
    private func answer(_ slot: Int, _ size: Int, _ buffer: borrowing [UInt8], _ reply: inout Reply) -> Outcome {
        // SAFETY: bytes of an array of UInt8, within its bounds.
        let message = unsafe buffer.span.bytes.extracting(first: min(size, RequestBuffer.size))
        let outcome = answer(message, into: &reply)
        send(reply, outcome)
        if outcome != .goodbye { area.done(slot: slot) }
        return outcome
    }

    /// Answers what was left to a thread that does not come to it, while all others wait for requests.
    private func answerWhatLies() {
        var buffer = [UInt8](repeating: 0, count: RequestBuffer.size)
        var reply = Reply(capacity: RequestBuffer.replyCapacity)
        exchange.watch { slot in
            let size = area.copy(slot: slot, into: &buffer)
            _ = answer(slot, size, buffer, &reply)
        }
    }

    /// A request that a thread has taken and left: to this one, or to another that does not come to it.
    private func takeLeft(_ state: inout LoopState) -> Int? {
        if state.isOpen {
            if let slot = exchange.next(for: state.number) { return slot }
            state.isOpen = false
        }
        if exchange.isEmpty { return nil }
        let now = Clock.monotonic
        if now &- state.lookedAt > Exchange.patienceNs {
            if let slot = exchange.take(leftUntil: now &- Exchange.patienceNs) { return slot }
            state.lookedAt = now
        }
        // Whoever it was left to comes to it in less time than it takes to wake this thread again.
        let end = now &+ Exchange.idlePatienceNs
        repeat {
            if connection.device.hasRequests() { return nil }
            if exchange.isEmpty { return nil }
        } while Clock.monotonic < end
        return exchange.take(leftUntil: .max)
    }

    /// Leaves a request to the thread on its reader's CPU, where several readers are busy; whether it did.
    ///
    /// Not one that a predecessor had in hand: what merely lay there when that one ended is not to be in hand again when
    /// another request ends this process.
    private func leave(_ header: RequestHeader, _ size: Int, _ now: UInt64, _ state: inout LoopState) -> Bool {
        let own = placement.currentCPU()
        exchange.open(state.number, on: own)
        state.isOpen = true
        guard state.isSettled, header.unique & RequestHeader.resent == 0,
            let cpu = placement.place(of: header.pid), cpu != own, exchange.isOpen(on: cpu, besides: state.number),
            let slot = area.setAside(state.buffer[..<min(size, state.buffer.count)], of: state.number)
        else { return false }
        // Where its thread has gone to sleep meanwhile: to this one's own box.
        if exchange.leave(slot, toWhoRunsOn: cpu, from: state.number, at: now) {
            dispatcher.counters.countExchanged()
        } else {
            exchange.leave(slot, to: state.number, at: now)
        }
        return true
    }

    /// Takes the next request, as if each one of a predecessor's had come from the device: one that ends this process too, or
    /// that it hangs on, is so found in its area.
    private func take(_ state: inout LoopState) throws(Errno) -> Int {
        if !state.isSettled {
            let size: Int? = unsettled.withLock { areas in
                while let predecessor = areas.last {
                    if let size = area.takeOver(thread: state.number, from: predecessor, into: &state.buffer) {
                        return size
                    }
                    areas.removeLast()
                }
                return nil
            }
            if let size { return size }
            state.isSettled = true
        }
        return try area.take(thread: state.number, from: connection.device, into: &state.buffer)
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

/// What a loop thread has.
///
/// Not a part of `Session`, as `Outcome` is none of `Dispatcher`.
private struct LoopState {
    let number: Int
    var buffer = [UInt8](repeating: 0, count: RequestBuffer.size)
    /// Whether it may find something at the exchange.
    var isOpen = false
    /// When it last looked for what lies with others for long.
    var lookedAt: UInt64 = 0
    /// Whether nothing is left of what predecessors had in hand.
    var isSettled = false

    init(number: Int) { self.number = number }

    /// Whose request is in the buffer; nil where it is none.
    func header(ofBytes size: Int) -> RequestHeader? {
        // SAFETY: bytes of an array of UInt8, within its bounds.
        let message = unsafe buffer.span.bytes.extracting(first: min(size, RequestBuffer.size))
        return try? RequestHeader(decoding: message)
    }
}
