// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

internal import Glibc

/// Unix sockets of this node.
package enum LocalSocket {
    /// A connected stream socket, which the caller closes; throws where nobody listens.
    ///
    /// Who listens has so many seconds to take the connection, and what is written to it, or is no longer waited for (EAGAIN).
    package static func connect(_ path: String, patienceSeconds: Int = 30) throws(FileError) -> Int32 {
        let number = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        guard number >= 0 else { throw FileError(operation: "socket", path: path, code: errno) }
        var patience = timeval(tv_sec: patienceSeconds, tv_usec: 0)
        // SAFETY: the value is valid for its size during the call.
        unsafe _ = setsockopt(number, SOL_SOCKET, SO_SNDTIMEO, &patience, socklen_t(MemoryLayout<timeval>.size))
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        let bytes = Array(path.utf8)
        guard bytes.count < 108 else {
            close(number)
            throw FileError(operation: "connect", path: path, code: ENAMETOOLONG)
        }
        // SAFETY: fewer bytes than the field has, which is zero to begin with.
        unsafe withUnsafeMutableBytes(of: &address.sun_path) { unsafe $0.copyBytes(from: bytes) }
        // SAFETY: the address is valid for its size during the call.
        let result = unsafe withUnsafePointer(to: address) { pointer in
            unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                unsafe Glibc.connect(number, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
        guard result == 0 else {
            let code = errno
            close(number)
            throw FileError(operation: "connect", path: path, code: code)
        }
        return number
    }

    /// Whether both paths name one socket, however they are spelled: /var/run is a link to /run.
    package static func isSame(_ path: String, _ other: String) -> Bool {
        (LocalDirectory.resolved(path) ?? path) == (LocalDirectory.resolved(other) ?? other)
    }

    /// Why nobody answers there; nil where somebody does.
    package static func refusal(_ path: String) -> String? {
        do throws(FileError) {
            close(try connect(path))
            return nil
        } catch { return error.reason }
    }
}
