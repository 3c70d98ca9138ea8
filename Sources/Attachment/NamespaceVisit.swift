// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

package import Kernel

/// Goes into other processes' mount namespaces and back.
///
/// For processes with one thread only: the kernel lets no other change its root.
package final class NamespaceVisit {
    private let home: Fd
    private let homeRoot: Fd
    /// The process ends after its visits: where only processes of the container's own user namespace may enter its root (a FUSE
    /// that was mounted there, as rootless engines use), it may go into that, from which nobody returns.
    var isLast = false
    private var hasLeft = false

    package init() throws(Errno) {
        home = try Fd.open("/proc/self/ns/mnt")
        homeRoot = try Fd.open("/", [.path, .directory])
    }

    /// Runs `body` where `pid` is: in its mount namespace, with its root directory.
    ///
    /// A process that could not return would take the container's files for the host's: it ends instead.
    package func inside<Result>(_ pid: Int32, _ body: () throws(Errno) -> Result) throws(Errno) -> Result {
        let process = Path("/proc/\(pid)")
        let directory = try Fd.open(MountSurvey.thread(in: process) ?? process, [.path, .directory])
        let namespace = try directory.open("ns/mnt")
        let users = try directory.open("ns/user")
        do throws(Errno) {
            let root = try directory.open("root", [.path, .directory])
            return try inside(namespace, root, body)
        } catch {
            guard error == .permissionDenied, isLast, !hasLeft else { throw error }
        }
        try ProcessID.stayingWithParent { () throws(Errno) in
            try Namespaces.user.enter(users)
            hasLeft = true
            // Whose number is not known there the FUSE refuses too (EOVERFLOW).
            try ProcessID.becomeRoot()
        }
        // Its root is that of the mount namespace: another one cannot be entered by a descriptor from outside.
        try Namespaces.mount.enter(namespace)
        return try body()
    }

    private func inside<Result>(
        _ namespace: borrowing Fd,
        _ root: borrowing Fd,
        _ body: () throws(Errno) -> Result
    ) throws(Errno) -> Result {
        try Namespaces.mount.enter(namespace)
        defer { Self.enter(home, root: homeRoot) }
        try Directories.changeRoot(to: root)
        return try body()
    }

    private static func enter(_ namespace: borrowing Fd, root: borrowing Fd) {
        do throws(Errno) {
            try Namespaces.mount.enter(namespace)
            try Directories.changeRoot(to: root)
        } catch {
            ProcessID.abandon()
        }
    }
}
