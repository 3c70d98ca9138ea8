// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

import Attachment
import Kernel
import ProcFS

/// Sees to it that the file system stays at its mount point: puts it back where somebody takes it off, mounts something over it
/// or over a directory above.
///
/// Who has a view goes on without it, but whoever starts would get none. What is held for it is a mount that is nowhere in the
/// tree: the connection lives on in it, with or without containers, and it can be put there.
final class MountGuard {
    enum Finding {
        /// Nothing was to be done, or nothing can be done yet.
        case nothing
        case putBack
        case failed(Errno)
    }

    /// How often the mounts are looked at while they change; a busy node has thousands of them, which change all the time.
    private static let pauseNs: UInt64 = 1_000_000_000
    /// The same while somebody takes it off again and again.
    private static let pauseLimitNs: UInt64 = 64_000_000_000

    private let path: Path
    /// Tells of changes.
    private let mountinfo: FdBox?
    /// A detached mount; nil where there is none, or the kernel did not give one.
    private var spare: FdBox?
    /// The minor device number of the file system; 0 where it is not known.
    private(set) var minor: UInt32 = 0
    private var isDoubtful = true
    private var dueAt: UInt64 = 0
    private var pauseNs = pauseNs
    private var putBackAt: UInt64 = 0

    /// For the file system that is mounted at `path`, or that was.
    init(_ path: Path) {
        self.path = path
        do throws(Errno) { mountinfo = FdBox(try Fd.open("/proc/self/mountinfo")) } catch { mountinfo = nil }
        renew()
    }

    /// Another connection's is mounted there now.
    func renew() {
        release()
        do throws(Errno) {
            minor = try MountSurvey.minor(ofOursAt: path)
            spare = FdBox(try Mount.clone(path))
        } catch {
            // Then the device itself has to do.
        }
    }

    /// Lets the file system go with its last mount.
    func release() { (spare, minor, isDoubtful) = (nil, 0, true) }

    /// Looks where mounts have changed, and acts on it.
    ///
    /// Asks nothing of any file system but those that the way to the mount point leads through, and of these only where it is
    /// to be put back.
    func look(_ device: borrowing Fd) -> Finding {
        let now = Clock.monotonic
        guard now >= dueAt, let mountinfo else { return .nothing }
        if mountinfo.fd.haveMountsChanged { isDoubtful = true }
        guard isDoubtful else { return .nothing }
        dueAt = now &+ pauseNs
        do throws(Errno) {
            // Another daemon's would be its own business.
            _ = try MountSurvey.minor(ofOursAt: path)
            isDoubtful = false
            if now &- putBackAt > Self.pauseLimitNs { pauseNs = Self.pauseNs }
            return .nothing
        } catch {
            guard error == .noEntry else { return .nothing }
        }
        putBackAt = now
        pauseNs = min(pauseNs * 2, Self.pauseLimitNs)
        dueAt = now &+ pauseNs
        do throws(Errno) {
            try Directories.make(path)
            try putBack(device)
            return .putBack
        } catch {
            return .failed(error)
        }
    }

    private func putBack(_ device: borrowing Fd) throws(Errno) {
        guard let tree = spare else {
            try FuseMount.mount(device, at: path)
            return renew()
        }
        try Mount.attach(tree.fd, on: path)
        // It is in the tree now; the next one is a copy of it.
        spare = nil
        do throws(Errno) { spare = FdBox(try Mount.clone(tree.fd)) } catch { renew() }
    }
}
