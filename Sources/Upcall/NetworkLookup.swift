// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

import Kernel
package import Resolver

/// Runs a lookup over real sockets: one for each message sent, connected to its server.
package struct NetworkLookup {
    package private(set) var lookup: Lookup
    private var sockets: [Socket] = []

    /// More are never open; the oldest goes.
    private static let maximumSockets = 16
    /// An answer that is larger than EDNS0 said comes cut, and is no answer.
    private static let datagramSize = 4096

    private final class Socket {
        let tag: Int
        let fd: Fd
        let isStream: Bool
        /// What is still to be written (streams).
        var output: [UInt8]
        var input: [UInt8] = []
        var isOpen = true

        init(tag: Int, fd: consuming Fd, isStream: Bool, output: [UInt8]) {
            self.tag = tag
            self.fd = fd
            self.isStream = isStream
            self.output = output
        }
    }

    package init(_ lookup: Lookup) { self.lookup = lookup }

    /// The kernel's own randomness.
    package static var random: RandomSource {
        RandomSource {
            var generator = SystemRandomNumberGenerator()
            return generator.next()
        }
    }

    /// Blocks until the lookup is done, at its own deadline (CLOCK_BOOTTIME) at the latest.
    package mutating func run() -> Lookup.Outcome {
        while true {
            switch lookup.step(now: Clock.boot) {
            case .send(let transmission): send(transmission)
            case .wait(let until): wait(until: until)
            case .done(let outcome): return outcome
            }
        }
    }

    private mutating func send(_ transmission: Transmission) {
        let isStream = transmission.transport == .tcp
        do throws(Errno) {
            let fd = try InetSocket.connect(
                to: transmission.server.address.bytes,
                port: transmission.server.port,
                isStream: isStream
            )
            var output: [UInt8] = []
            if isStream {
                let count = UInt16(clamping: transmission.bytes.count)
                output = [UInt8(count >> 8), UInt8(count & 0xff)] + transmission.bytes
            } else {
                try fd.send(transmission.bytes)
            }
            if sockets.count >= Self.maximumSockets { sockets.removeFirst() }
            sockets.append(Socket(tag: transmission.tag, fd: fd, isStream: isStream, output: output))
        } catch {
            lookup.failed(tag: transmission.tag)
        }
    }

    private mutating func wait(until: UInt64) {
        let now = Clock.boot
        let left = until > now ? (until - now).addingReportingOverflow(999_999).partialValue / 1_000_000 : 0
        sockets.removeAll { !$0.isOpen }
        let watched = sockets.map { (fd: $0.fd.raw, for: $0.output.isEmpty ? Readiness.readable : .writable) }
        guard let ready = try? Readiness.wait(watched, milliseconds: Int32(clamping: left)) else { return }
        for (socket, readiness) in zip(sockets, ready) where !readiness.isEmpty {
            do throws(Errno) {
                if socket.isStream { try serve(stream: socket) } else { try serve(datagrams: socket) }
            } catch .again {
                continue
            } catch {
                socket.isOpen = false
                lookup.failed(tag: socket.tag)
            }
        }
    }

    private mutating func serve(datagrams socket: Socket) throws(Errno) {
        lookup.received(tag: socket.tag, try Self.read(socket.fd, Self.datagramSize))
    }

    private static func read(_ fd: borrowing Fd, _ size: Int) throws(Errno) -> [UInt8] {
        var buffer = [UInt8](repeating: 0, count: size)
        let count = try fd.read(into: &buffer)
        buffer.removeLast(size - count)
        return buffer
    }

    private mutating func serve(stream socket: Socket) throws(Errno) {
        guard socket.output.isEmpty else {
            // A connection that was refused says so here.
            try socket.fd.send(socket.output)
            socket.output = []
            return
        }
        let bytes = try Self.read(socket.fd, 65537)
        guard !bytes.isEmpty else { throw .connectionReset }
        socket.input += bytes
        guard socket.input.count >= 2 else { return }
        let length = Int(socket.input[0]) << 8 | Int(socket.input[1])
        guard socket.input.count >= 2 + length else { return }
        socket.isOpen = false
        lookup.received(tag: socket.tag, Array(socket.input[2..<(2 + length)]))
    }
}
