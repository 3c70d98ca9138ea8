// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

import Kernel
import OCISpec
import Samples

/// The host's file system for a container to see: read-only, and without the host's sockets.
///
/// A read-only bind mount would let a process connect to every socket in it, for connecting changes no file. Through an
/// overlay a socket file has an inode of the overlay's own, to which nothing is bound (net/unix/af_unix.c,
/// unix_find_bsd): ECONNREFUSED. So each of the host's mounts appears as an overlay without an upper layer. All is mounted
/// in a mount namespace of this process's own, and goes with it.
struct HostView {
    /// One mount of the host as the container gets it.
    struct Piece: Equatable {
        enum Kind: Equatable {
            case overlay
            /// A regular file that is mounted by itself, as container engines do with /etc/hosts.
            case file
        }

        var source: String
        var kind: Kind
    }

    /// What a path leads to.
    struct Status: Equatable {
        /// As in mountinfo; 0 where the kernel does not tell.
        var mount: UInt64
        var isDirectory: Bool
        var isRegular: Bool
    }

    /// File systems that hold no files of people.
    private static let pseudoTypes: Set<String> = [
        "autofs", "binfmt_misc", "bpf", "cgroup", "cgroup2", "configfs", "debugfs", "devpts", "devtmpfs", "efivarfs",
        "fuse.lxcfs", "fuse.umwelt", "fusectl", "hugetlbfs", "mqueue", "nsfs", "proc", "pstore", "ramfs", "rpc_pipefs",
        "securityfs", "selinuxfs", "sysfs", "tracefs",
    ]

    /// File systems whose server may be gone: what looks at them may wait for ever.
    private static let servedTypes: Set<String> = ["9p", "afs", "ceph", "cifs", "glusterfs", "nfs", "nfs4", "smb3"]

    private static func isServed(_ type: String) -> Bool { type.hasPrefix("fuse") || servedTypes.contains(type) }

    /// More mounts than this are not repeated; each takes a moment.
    static let limit = 1000

    /// Which mounts to repeat, in order; `/` first.
    ///
    /// `omitted`: how many are beyond the limit. The container has no business in `stateDirectory`. `status` tells what a path
    /// leads to now, and whether it had to ask a server for that; a mount that another covers is not what its path leads to.
    static func pieces(
        of mounts: [MountInfo],
        stateDirectory: String,
        status: (_ path: String, _ isServed: Bool) throws(Failure) -> Status?
    ) throws(Failure) -> (pieces: [Piece], omitted: Int) {
        var pieces = [Piece(source: "/", kind: .overlay)]
        var omitted = 0
        let hidden = SpecDefaults.privateDirectories + [stateDirectory]
        for mount in mounts {
            let path = String(decoding: mount.mountPoint, as: UTF8.self)
            let type = String(decoding: mount.type, as: UTF8.self)
            // A path that is not UTF-8 would be another path as text.
            guard path != "/", Array(path.utf8) == mount.mountPoint,
                !pseudoTypes.contains(type),
                !hidden.contains(where: { CleanPath.is(path, below: $0) }),
                let status = try status(path, isServed(type)), status.mount == 0 || status.mount == mount.id
            else { continue }
            pieces.removeAll { $0.source == path }
            guard pieces.count < limit else {
                omitted += 1
                continue
            }
            if status.isDirectory {
                pieces.append(Piece(source: path, kind: .overlay))
            } else if status.isRegular {
                pieces.append(Piece(source: path, kind: .file))
            }
        }
        // What a mount lies in comes before it.
        return (pieces.sorted { ($0.source.utf8.count, $0.source) < ($1.source.utf8.count, $1.source) }, omitted)
    }

    let directory: String
    var root: String { directory + "/root" }

    /// Puts the view together below `directory` and tells in words what had to be left out.
    ///
    /// What is missing of `destinations`, where volumes will be mounted, is added to the view, empty.
    func make(_ pieces: [Piece], destinations: [(path: String, isDirectory: Bool)]) throws(Failure) -> [String] {
        do throws(Errno) {
            try Directories.make(Path(directory), mode: 0o700)
            // Of its own, since layers of an overlay must not contain one another.
            try Mount.mount(
                "umwelt",
                on: Path(directory),
                type: "tmpfs",
                flags: [.noSetuid, .noDevices],
                data: "mode=755"
            )
            try FileTree.makeDirectory(Path(root))
        } catch {
            throw .failed("cannot prepare \(directory): \(error)")
        }
        var warnings: [String] = []
        for (index, piece) in pieces.enumerated() {
            let layer = "\(directory)/layer\(index)"
            do throws(Errno) {
                switch piece.kind {
                case .file:
                    try Mount.bind(Path(piece.source), on: Path(root + piece.source), readOnly: true)
                case .overlay:
                    try FileTree.makeDirectory(Path(layer))
                    let below = destinations.filter { Self.piece(of: $0.path, pieces) == piece }
                    try addMissing(below, of: piece.source, to: layer)
                    try overlay(piece.source, layer: layer)
                }
            } catch {
                guard piece.source != "/" else {
                    throw .failed(
                        "the host's file system cannot be shown without its sockets (overlayfs: \(error)); give the "
                            + "container one of its own with --rootfs"
                    )
                }
                warnings.append("the container does not see \(piece.source) (overlayfs: \(error))")
            }
        }
        return warnings
    }

    private func overlay(_ source: String, layer: String) throws(Errno) {
        // By descriptor: a path may contain what separates layers and options.
        let lower = try Fd.open(Path(source), [.path, .directory])
        let upper = try Fd.open(Path(layer), [.path, .directory])
        let target = source == "/" ? root : root + source
        try Mount.mount(
            "umwelt",
            on: Path(target),
            type: "overlay",
            flags: [.readOnly, .noDevices],
            data: Path("lowerdir=/proc/self/fd/\(upper.raw):/proc/self/fd/\(lower.raw)")
        )
    }

    /// Where `path` leads in the view, as far as it is there: a link of the host's must not become a directory of the view's,
    /// for a volume behind it.
    ///
    /// What the container has of its own (`own`) is empty: nothing there leads anywhere. `known` is what is there of it.
    static func place(
        of path: String,
        own: [String] = SpecDefaults.privateMounts.map(\.destination)
    ) -> (path: String, known: String) {
        var known = path[...]
        while !known.isEmpty {
            if own.contains(where: { CleanPath.is(String(known), below: $0) }) { break }
            if let place = try? FileTree.resolved(Path(String(known))) {
                let rest = path[known.endIndex...]
                return (place == "/" ? String(rest) : "\(place)\(rest)", "\(place)")
            }
            known = known[..<(known.lastIndex(of: "/") ?? known.startIndex)]
        }
        return (path, "/")
    }

    /// The piece that shows `path`.
    private static func piece(of path: String, _ pieces: [Piece]) -> Piece? {
        pieces.filter { $0.kind == .overlay && CleanPath.is(path, below: $0.source) }
            .max { $0.source.utf8.count < $1.source.utf8.count }
    }

    /// Makes in `layer` the mount points that the host does not have, and what leads to them.
    private func addMissing(
        _ destinations: [(path: String, isDirectory: Bool)],
        of source: String,
        to layer: String
    ) throws(Errno) {
        for destination in destinations {
            guard (try? FileStatus.of(Path(destination.path))) == nil else { continue }
            var host = source == "/" ? "" : source
            var copy = layer
            let components = destination.path.dropFirst(host.count).split(separator: "/")
            for (index, component) in components.enumerated() {
                host += "/" + component
                copy += "/" + component
                if index == components.count - 1, !destination.isDirectory {
                    try FileTree.makeFile(Path(copy))
                } else if !FileTree.isThere(Path(copy)) {
                    // The upper layer's mode is what shows.
                    let mode = (try? FileStatus.of(Path(host)))?.mode ?? 0o755
                    try FileTree.makeDirectory(Path(copy), mode: mode & 0o7777)
                }
            }
        }
    }
}
