// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

package import Kernel
import Samples

/// The directory where the file system is mounted.
package struct MountPoint: Sendable {
    package let path: Path

    package init(_ path: Path) { self.path = path }

    /// Why it cannot be mounted there; in words for the person who started the daemon.
    package struct Refusal: Error, Equatable, CustomStringConvertible {
        package let description: String
    }

    /// Makes the directory where it is missing, and refuses a place where nothing can be mounted, whatever is mounted there now.
    package func prepare() throws(Refusal) {
        // Below /proc it would wait for itself; over / nobody could reach it.
        let first = path.bytes.split(separator: UInt8(ascii: "/")).first ?? []
        if first.isEmpty || ["proc", "sys"].contains(where: { first.elementsEqual($0.utf8) }) {
            throw Refusal(description: "\(path) cannot be a mount point; name an empty directory (/var/lib/umwelt)")
        }
        do throws(Errno) { try Directories.make(path) } catch {
            throw Refusal(description: "cannot make the mount point \(path): \(error)")
        }
        if let outer = placeOfOursAround {
            throw Refusal(
                description: "\(path) is inside what another umweltd serves (\(outer)); name another mount point"
            )
        }
    }

    /// Takes away a dead mount of ours (its daemon was killed), and mounts; on top of what somebody mounted over one of ours.
    ///
    /// Prepares the directory first. Returns the device.
    package func mount() throws(Refusal) -> Fd {
        try prepare()
        do throws(Errno) { try removeDead() } catch {
            throw Refusal(description: "\(path) is a dead mount that cannot be removed: \(error)")
        }
        if let type = mountedType, type == FuseMount.type || !isOverOurs {
            throw Refusal(
                description: type == FuseMount.type
                    ? "\(path) is served by a running umweltd already; stop it first, or name another mount point"
                    : "\(path) is a mount point of another file system (\(type)); name another directory"
            )
        }
        do throws(Errno) { return try FuseMount.make(at: path) } catch {
            throw Refusal(description: Self.explain(error, at: path))
        }
    }

    /// The directory as the kernel names it, absolute and without links; it is made where it is missing.
    ///
    /// What cannot be made or found stays as it is: mounting there says why.
    package static func canonical(_ path: Path) -> Path {
        try? Directories.make(path)
        do throws(Errno) { return try FileTree.resolved(path) } catch { return path }
    }

    package func unmount() throws(Errno) { try FuseMount.remove(at: path) }

    /// Whether a file system of ours is mounted here, dead or alive; nothing is asked of it.
    package var isOurs: Bool {
        guard let status = try? Fd.open(path, [.path, .directory]).status(),
            let bytes = try? Fd.contents(of: "/proc/self/mountinfo", limit: 16 << 20)
        else { return false }
        return MountInfo.parse(bytes.span).contains {
            $0.id == status.mount && $0.type.elementsEqual(FuseMount.type.utf8) && $0.root.elementsEqual("/".utf8)
        }
    }

    /// Takes a FUSE file system off that nobody serves, where one is mounted here.
    package func removeDead() throws(Errno) { if isDead { try FuseMount.remove(at: path) } }

    /// Whether a FUSE file system is mounted here that nobody serves.
    private var isDead: Bool {
        do throws(Errno) {
            _ = try Fd.open(path, [.readOnly, .directory])
            return false
        } catch {
            return error == .notConnected || error == .connectionAborted
        }
    }

    /// Where the file system of ours is mounted in which this directory is, whatever is mounted at the directory itself; nil where
    /// it is in another one.
    private var placeOfOursAround: Path? {
        let parent = path.bytes.lastIndex(of: UInt8(ascii: "/")).map { Path($0 == 0 ? [47] : Array(path.bytes[..<$0])) }
        guard let status = try? FileStatus.of(parent ?? "."),
            let bytes = try? Fd.contents(of: "/proc/self/mountinfo", limit: 16 << 20)
        else { return nil }
        return MountInfo.parse(bytes.span).first { $0.id == status.mount && $0.type.elementsEqual(FuseMount.type.utf8) }
            .map { Path($0.mountPoint) }
    }

    /// The type of what is mounted exactly here; nil where it is a plain directory.
    private var mountedType: String? {
        guard let real = try? Fd.open(path, [.path, .directory]), let status = try? real.status(),
            let parent = try? real.status(of: ".."), status.mount != parent.mount,
            let bytes = try? Fd.contents(of: "/proc/self/mountinfo", limit: 16 << 20)
        else { return nil }
        let mount = MountInfo.parse(bytes.span).first { $0.id == status.mount }
        return mount.map { String(decoding: $0.type, as: UTF8.self) } ?? "unknown"
    }

    /// Whether what is mounted here was mounted over a file system of ours: it was put back on top of that then, and is to be
    /// here again after its end.
    private var isOverOurs: Bool {
        guard let status = try? Fd.open(path, [.path, .directory]).status(),
            let bytes = try? Fd.contents(of: "/proc/self/mountinfo", limit: 16 << 20)
        else { return false }
        return Self.isOverOurs(status.mount, at: path, in: MountInfo.parse(bytes.span))
    }

    static func isOverOurs(_ top: UInt64, at path: Path, in mounts: [MountInfo]) -> Bool {
        let here = mounts.filter { $0.mountPoint == path.bytes }
        let byID = Dictionary(here.map { ($0.id, $0) }) { first, _ in first }
        var next = byID[top]
        for _ in here {
            guard let mount = next else { return false }
            next = byID[mount.parent]
            if let next, next.type.elementsEqual(FuseMount.type.utf8), next.source == path.bytes { return true }
        }
        return false
    }

    private static func explain(_ error: Errno, at path: Path) -> String {
        switch error {
        case .noEntry:
            "there is no /dev/fuse; load the module (modprobe fuse) or make the device (mknod /dev/fuse c 10 229)"
        case .noDevice: "this kernel has no FUSE"
        case .notPermitted: "mounting at \(path) is not permitted; umweltd needs CAP_SYS_ADMIN"
        default: "cannot mount at \(path): \(error)"
        }
    }
}
