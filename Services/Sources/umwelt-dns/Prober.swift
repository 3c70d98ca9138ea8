// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

import CNetns
import Glibc
import LocalFiles
import PodDNS
import Resolver
import Terminal

/// Asks DNS servers from a network namespace.
///
/// The thread enters the namespace to make its socket and comes back; a socket stays where it was made. Blocks.
struct Prober {
    /// A process whose network namespace it asks from; nil: this one's.
    var pid: Int?
    var timeoutMilliseconds = 2000
    private static let attempts = 2

    enum Result {
        case answer(Query.Reply, milliseconds: Double)
        /// No answer in time.
        case silence
        /// It cannot be sent, or was refused.
        case failure(String)
    }

    /// Asks `server`, over UDP, twice where no answer comes.
    func ask(_ server: String, _ name: String, _ kind: Query.Kind) -> Result {
        guard let query = Query(id: UInt16.random(in: 0...UInt16.max), name, kind) else {
            return .failure("\(name) is no name")
        }
        let number: Int32
        switch connected(server) {
        case .success(let socket): number = socket
        case .failure(let failure): return .failure(failure.message ?? "")
        }
        defer { close(number) }
        var last = Result.silence
        for _ in 0..<Self.attempts {
            last = once(number, query)
            if case .silence = last { continue }
            return last
        }
        return last
    }

    private func once(_ number: Int32, _ query: Query) -> Result {
        let start = ContinuousClock.now
        let question = query.bytes
        // SAFETY: the array is valid for its count during the call.
        let sent = unsafe question.withUnsafeBytes { unsafe send(number, $0.baseAddress, $0.count, 0) }
        guard sent == question.count else { return .failure(Self.reason(errno)) }
        let deadline = start + .milliseconds(timeoutMilliseconds)
        var buffer = [UInt8](repeating: 0, count: 4096)
        while true {
            let left = ContinuousClock.now.duration(to: deadline)
            let milliseconds = Int32(
                clamping: left.components.seconds * 1000 + left.components.attoseconds / 1_000_000_000_000_000
            )
            guard milliseconds > 0 else { return .silence }
            var entry = pollfd(fd: number, events: Int16(POLLIN), revents: 0)
            // SAFETY: one entry, valid during the call.
            guard unsafe poll(&entry, 1, milliseconds) > 0 else { continue }
            // SAFETY: the buffer is valid for its count during the call.
            let count = unsafe buffer.withUnsafeMutableBytes { unsafe recv(number, $0.baseAddress, $0.count, 0) }
            guard count >= 0 else { return .failure(Self.reason(errno)) }
            guard let answer = query.reply(in: Array(buffer.prefix(count))) else { continue }
            let time = start.duration(to: .now).components
            return .answer(answer, milliseconds: Double(time.seconds) * 1000 + Double(time.attoseconds) / 1e15)
        }
    }

    private static func reason(_ code: Int32) -> String {
        code == ECONNREFUSED
            ? "connection refused: nothing listens there" : FileError(operation: "", path: "", code: code).reason
    }

    /// A socket that is connected to the server's port 53, in the namespace.
    private func connected(_ server: String) -> Swift.Result<Int32, Failure> {
        var back: Int32 = -1
        if let pid {
            // SAFETY: the strings are passed as NUL-terminated copies that live for the calls.
            back = unsafe open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC)
            // SAFETY: as above.
            let target = unsafe open("/proc/\(pid)/ns/net", O_RDONLY | O_CLOEXEC)
            defer { if target >= 0 { close(target) } }
            guard back >= 0, target >= 0, cnetns_enter(target) == 0 else {
                let code = errno
                if back >= 0 { close(back) }
                return .failure(.failed("cannot enter the network namespace of process \(pid): \(Self.reason(code))"))
            }
        }
        defer {
            if back >= 0 {
                // A thread that cannot return would ask from the wrong place; there is no other way on.
                if cnetns_enter(back) != 0 { _exit(70) }
                close(back)
            }
        }
        let parts = server.split(separator: "%", maxSplits: 1).map(String.init)
        // SAFETY: all of it is zero, which getaddrinfo takes for nothing said; its pointers are not followed.
        var hints = unsafe addrinfo()
        unsafe hints.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV
        unsafe hints.ai_socktype = Int32(SOCK_DGRAM.rawValue)
        var list: UnsafeMutablePointer<addrinfo>?
        // SAFETY: the strings are copies that live for the call; the list is freed below.
        guard parts.isEmpty == false, unsafe getaddrinfo(server, "53", &hints, &list) == 0, let found = unsafe list
        else {
            return .failure(.failed("\(server) is no address"))
        }
        // SAFETY: made above, freed once.
        defer { unsafe freeaddrinfo(found) }
        // SAFETY: the entry is valid until it is freed.
        let number = unsafe socket(
            found.pointee.ai_family,
            Int32(SOCK_DGRAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue),
            0
        )
        guard number >= 0 else { return .failure(.failed(Self.reason(errno))) }
        // SAFETY: as above.
        guard unsafe connect(number, found.pointee.ai_addr, found.pointee.ai_addrlen) == 0 else {
            let code = errno
            close(number)
            return .failure(.failed(Self.reason(code)))
        }
        return .success(number)
    }
}
