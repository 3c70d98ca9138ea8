// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

import Glibc
import Kernel

/// The daemon's socket, and the lock that says it is ours.
enum Listener {
    /// Refuses a path at which there is something that is no socket: it is not ours to remove.
    static func check(_ path: Path) throws(DaemonError) {
        guard let status = try? FileStatus.of(path, follow: false), !status.isSocket else { return }
        throw DaemonError("cannot listen at \(path): there is a file that is no socket")
    }

    /// Held until the keeper gives it back, or for as long as one process has the descriptor: the keeper, and its worker.
    static func lock(for path: Path) throws(DaemonError) -> Fd {
        let lockPath = Path(path.bytes + Array(".lock".utf8))
        let directory = Path(path.bytes[..<(path.bytes.lastIndex(of: UInt8(ascii: "/")) ?? 0)])
        let lock = try attempt("lock \(lockPath)") { () throws(Errno) in
            if !directory.bytes.isEmpty { try Directories.make(directory) }
            return try Fd.open(lockPath, [.readWrite, .create])
        }
        let isOurs = try attempt("lock \(lockPath)") { () throws(Errno) in
            for _ in 0..<(Self.patienceMilliseconds / 10) {
                if try lock.tryLock() { return true }
                usleep(10_000)
            }
            return false
        }
        guard isOurs else {
            throw DaemonError("a running umweltd listens at \(path) already; stop it first, or use --socket")
        }
        return lock
    }

    /// A daemon that was killed has the lock until the last of its processes has ended.
    private static let patienceMilliseconds = 2000

    /// To be called with the lock.
    static func listen(_ path: Path) throws(DaemonError) -> Fd {
        try check(path)
        // The lock is ours, so a socket that is there was a dead daemon's.
        try? Directories.unlink(path)
        umask(0o077)
        defer { umask(0o022) }
        return try attempt("listen at \(path)") { () throws(Errno) in
            let socket = try UnixSocket.listen(at: path)
            // Two workers may be called for one client, for a moment: the second must not wait for another.
            try socket.setNonBlocking()
            return socket
        }
    }
}
