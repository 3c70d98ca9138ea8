// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

import Glibc
import Kernel

/// The daemon's socket, and the lock that says it is ours for as long as this process lives.
struct Listener: ~Copyable {
    private let socket: Fd

    init(_ path: Path) throws(DaemonError) {
        try Self.lock(Path(path.bytes + Array(".lock".utf8)), for: path)
        socket = try Self.listen(path)
    }

    private static func lock(_ lockPath: Path, for path: Path) throws(DaemonError) {
        let directory = Path(path.bytes[..<(path.bytes.lastIndex(of: UInt8(ascii: "/")) ?? 0)])
        var isFree = false
        do throws(Errno) {
            if !directory.bytes.isEmpty { try Directories.make(directory) }
            let lock = try Fd.open(lockPath, [.readWrite, .create])
            isFree = try lock.tryLock()
            // Held until the process ends, however it ends.
            _ = lock.release()
        } catch {
            throw DaemonError("cannot lock \(lockPath): \(error)")
        }
        guard isFree else {
            throw DaemonError("a running umweltd listens at \(path) already; stop it first, or use --socket")
        }
    }

    private static func listen(_ path: Path) throws(DaemonError) -> Fd {
        // The lock is ours, so a socket that is there was a dead daemon's. Anything else is not ours to remove.
        if let status = try? FileStatus.of(path, follow: false) {
            guard status.isSocket else {
                throw DaemonError("cannot listen at \(path): there is a file that is no socket")
            }
            try? Directories.unlink(path)
        }
        umask(0o077)
        defer { umask(0o022) }
        do throws(Errno) { return try UnixSocket.listen(at: path) } catch {
            throw DaemonError("cannot listen at \(path): \(error)")
        }
    }

    consuming func take() -> Fd { socket }
}
