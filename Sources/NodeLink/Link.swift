// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

package import Kernel

/// One connection of the contract: whole messages over a stream socket, each wait bounded by the socket's timeouts.
package struct Link: ~Copyable {
    /// Where a daemon listens unless told otherwise.
    package static let defaultSocket: Path = "/run/umwelt/umweltd.sock"

    package let fd: Fd
    private var pending: [UInt8] = []

    package init(_ fd: consuming Fd) { self.fd = fd }

    /// Connects to the daemon at `socket`; ENOENT or ECONNREFUSED where none runs.
    package init(connectingTo socket: Path, timeoutMilliseconds: Int32 = 10_000) throws(Errno) {
        let connected = try UnixSocket.connect(to: socket)
        try connected.setTimeouts(milliseconds: timeoutMilliseconds)
        self.init(connected)
    }

    package mutating func send(_ message: Message) throws(LinkError) {
        guard let bytes = message.encoded() else { throw .message(.tooLarge) }
        do throws(Errno) { try fd.send(bytes) } catch { throw .system(error) }
    }

    /// The next message; nil where the peer has closed the connection between two of them.
    package mutating func receive() throws(LinkError) -> Message? {
        while true {
            do throws(MessageError) {
                if let (message, size) = try Message.decode(pending) {
                    pending.removeFirst(size)
                    return message
                }
            } catch {
                throw .message(error)
            }
            var buffer = [UInt8](repeating: 0, count: 16384)
            let count: Int
            do throws(Errno) { count = try fd.read(into: &buffer) } catch { throw .system(error) }
            if count == 0 {
                guard pending.isEmpty else { throw .truncated }
                return nil
            }
            pending.append(contentsOf: buffer.prefix(count))
        }
    }

    /// Sends a request and returns the fields of the answer; a `failure` answer is thrown.
    package mutating func request(_ message: Message) throws(LinkError) -> [[UInt8]] {
        try send(message)
        guard let answer = try receive() else { throw .truncated }
        switch answer.kind {
        case .done, .list: return answer.fields
        case .failure:
            throw .refused(answer.fields.last.map { String(decoding: $0, as: UTF8.self) } ?? "no reason given")
        default: throw .unexpected(answer.kind.rawValue)
        }
    }
}

/// Why a request has no answer.
package enum LinkError: Error, Equatable {
    case system(Errno)
    case message(MessageError)
    /// The peer closed the connection in the middle of a message, or instead of answering.
    case truncated
    /// An answer of a kind that no request has.
    case unexpected(UInt8)
    /// The daemon's own words.
    case refused(String)
}
