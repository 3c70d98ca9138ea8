// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

import Glibc
import Kernel

/// The daemon's socket, and the lock that says it is ours for as long as this process lives.
struct Listener: ~Copyable {
    private let socket: Fd

    init(_ path: Path) throws(DaemonError) {
        let lockPath = Path(path.bytes + Array(".lock".utf8))
        let directory = Path(path.bytes[..<(path.bytes.lastIndex(of: UInt8(ascii: "/")) ?? 0)])
        let lock: Fd
        let isFree: Bool
        do throws(Errno) {
            if !directory.bytes.isEmpty { try Directories.make(directory) }
            lock = try Fd.open(lockPath, [.readWrite, .create])
            isFree = try lock.tryLock()
        } catch {
            throw DaemonError("cannot lock \(lockPath): \(error)")
        }
        guard isFree else {
            throw DaemonError("a running umweltd listens at \(path) already; stop it first, or use --socket")
        }
        // Held until the process ends, however it ends.
        _ = lock.release()
        // The lock is ours, so a socket that is there was a dead daemon's.
        try? Directories.unlink(path)
        umask(0o077)
        defer { umask(0o022) }
        do throws(Errno) { socket = try UnixSocket.listen(at: path) } catch {
            throw DaemonError("cannot listen at \(path): \(error)")
        }
    }

    consuming func take() -> Fd { socket }
}
