// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

package import Kernel
import Glibc

/// Answers the daemon's clients on one thread: requests are small, handlers short.
///
/// Bounded in connections and in what each may have pending.
package struct LinkServer: ~Copyable {
    package static let connectionLimit = 4096

    /// What a client may have changed.
    package struct Status: Equatable, Sendable {
        /// Connections that want the daemon to stay (`Message.Kind.hold`).
        package var holders: Int
        package var connections: Int
        /// Whether there ever was such a connection.
        package var hadHolder: Bool
    }

    private struct Client {
        var link: LinkBuffer
        var holds = false
    }

    private let listener: Fd
    private let poller: Poller
    private var clients: [Int32: Client] = [:]
    private var hadHolder = false
    private let answer: (Message) -> Message

    /// `listener`: a listening socket.
    ///
    /// `answer` is called for each request, on the thread that calls `serve`.
    package init(_ listener: consuming Fd, poller: consuming Poller, answer: @escaping (Message) -> Message) {
        self.listener = listener
        self.poller = poller
        self.answer = answer
    }

    /// Begins to take connections.
    package func start() throws(Errno) { try poller.add(listener) }

    package var status: Status {
        Status(holders: clients.values.count { $0.holds }, connections: clients.count, hadHolder: hadHolder)
    }

    /// Watches another descriptor too; `serve` returns its number when it is ready.
    package func watch(_ fd: borrowing Fd) throws(Errno) { try poller.add(fd) }

    /// Watches what another poller watches; `serve` returns early when one of those is ready.
    package func watch(_ other: borrowing Poller) throws(Errno) { try poller.add(other) }

    /// Serves for at most so long; returns the watched descriptors that became ready.
    package mutating func serve(milliseconds: Int32) throws(Errno) -> [Int32] {
        var others: [Int32] = []
        for fd in try poller.wait(milliseconds: milliseconds) {
            if fd == listener.raw {
                acceptOne()
            } else if clients[fd] != nil {
                handle(fd)
            } else {
                others.append(fd)
            }
        }
        return others
    }

    private mutating func acceptOne() {
        let fd: Fd
        do throws(Errno) { fd = try UnixSocket.accept(listener) } catch {
            // The client stays in the queue, and the listener readable: without a pause this would turn in circles.
            if error == .tooManyFiles { usleep(20_000) }
            return
        }
        guard clients.count < Self.connectionLimit, (try? fd.setTimeouts(milliseconds: 1000)) != nil,
            (try? poller.add(fd)) != nil
        else { return }
        let raw = fd.raw
        clients[raw] = Client(link: LinkBuffer(fd))
    }

    private mutating func handle(_ fd: Int32) {
        guard var client = clients[fd] else { return }
        do throws(LinkError) {
            let messages = try client.link.receiveAvailable()
            for message in messages {
                if message.kind == .hold {
                    client.holds = true
                    hadHolder = true
                }
                try client.link.send(message.kind == .hold ? Message(.done) : answer(message))
            }
            clients[fd] = client
        } catch {
            // What was wrong is the client's to know; the connection is closed when its last owner goes.
            if case .message(let reason) = error {
                try? client.link.send(Message(.failure, [Array("0".utf8), Array("not a request: \(reason)".utf8)]))
            }
            clients[fd] = nil
        }
    }
}

/// A client's connection and what of its next message has come.
private final class LinkBuffer {
    private let fd: Fd
    private var pending: [UInt8] = []

    init(_ fd: consuming Fd) { self.fd = fd }

    /// The messages that are complete after one read; throws `truncated` where the client is gone.
    func receiveAvailable() throws(LinkError) -> [Message] {
        var buffer = [UInt8](repeating: 0, count: 65536)
        let count: Int
        do throws(Errno) { count = try fd.read(into: &buffer) } catch { throw .system(error) }
        guard count > 0 else { throw .truncated }
        pending.append(contentsOf: buffer.prefix(count))
        var messages: [Message] = []
        do throws(MessageError) {
            while let (message, size) = try Message.decode(pending) {
                pending.removeFirst(size)
                messages.append(message)
            }
        } catch {
            throw .message(error)
        }
        return messages
    }

    func send(_ message: Message) throws(LinkError) {
        guard let bytes = message.encoded() else { throw .message(.tooLarge) }
        do throws(Errno) { try fd.send(bytes) } catch { throw .system(error) }
    }
}
