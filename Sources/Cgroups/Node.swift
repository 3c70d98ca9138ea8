// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

import Kernel
import Samples
import Synchronization

/// One directory of one hierarchy, shared by all containers at or beneath it, with the files of it that are open.
///
/// Safe for use by several threads; the lock is held for a look-up, never for a system call.
final class Node: Sendable {
    let parent: Node?
    /// The name in the parent (several components where levels were left out); for the topmost, the whole path.
    private let name: [UInt8]
    let version: CgroupVersion
    /// Whether it is the hierarchy's real root, which has no limits and accounts for the host.
    let isRoot: Bool
    private let kept: KeptFiles
    private let state = Mutex(State())

    private struct State {
        /// Few: the files of one controller.
        var files: [OpenFile] = []
        var children: [[UInt8]: Child] = [:]
        /// When to look for children that have gone.
        var sweepAt = 16
        /// What `reclaimable` said, and until when it says so again, of the monotonic clock.
        var reclaimable: (bytes: UInt64?, until: UInt64)?
    }

    /// Looked at under the lock alone.
    ///
    /// An object, since a copy of a weak reference costs more than it saves.
    private final class OpenFile {
        let file: CgroupFile
        weak var descriptor: Descriptor?
        /// v1 only: the hierarchy has no such file, and will not get one while it is mounted.
        var isMissing = false
        /// v1 only: when it was not there first, of the monotonic clock.
        var missedAt: UInt64?

        init(_ file: CgroupFile) { self.file = file }
    }

    private struct Child { weak var node: Node? }

    /// The top of what is mounted, `directory`.
    init(directory: Path, version: CgroupVersion, isRoot: Bool, kept: KeptFiles) {
        (parent, name, self.version, self.isRoot, self.kept) = (nil, directory.bytes, version, isRoot, kept)
    }

    private init(name: [UInt8], parent: Node) {
        (self.parent, self.name, version, isRoot, kept) = (parent, name, parent.version, false, parent.kept)
    }

    deinit {
        for descriptor in state.withLock({ $0.files.compactMap(\.descriptor) }) { kept.drop(descriptor) }
    }

    /// The child `name`, which need not exist in the file system.
    func child(_ name: [UInt8]) -> Node {
        state.withLock { state in
            if let known = state.children[name]?.node { return known }
            if state.children.count >= state.sweepAt {
                state.children = state.children.filter { $0.value.node != nil }
                state.sweepAt = max(16, 2 * state.children.count)
            }
            let made = Node(name: name, parent: self)
            state.children[name] = Child(node: made)
            return made
        }
    }

    var path: Path {
        var names: [[UInt8]] = []
        var node: Node? = self
        while let current = node {
            names.append(current.name)
            node = current.parent
        }
        var bytes = names.last ?? []
        for name in names.dropLast().reversed() {
            bytes.append(UInt8(ascii: "/"))
            bytes.append(contentsOf: name)
        }
        return Path(bytes)
    }

    /// What statx says of the directory; `gone` where it is no more.
    func status() throws(CgroupError) -> FileStatus {
        let path = path
        do {
            return try FileStatus.of(path)
        } catch {
            throw CgroupError(.stat, path, error == .noEntry || error == .noDevice ? .gone : .system(error))
        }
    }
}

extension Node {
    /// `body` of the content of `file`; nil where the directory is there and has no such file.
    ///
    /// A pread where the file is open, else open and pread. A descriptor of a cgroup that was removed (ENODEV) is
    /// dropped, and the file opened afresh once: another cgroup may have been made under the name.
    func read<Result>(_ file: CgroupFile, _ body: (Span<UInt8>) -> Result) throws(CgroupError) -> Result? {
        for _ in 0..<2 {
            let descriptor: Descriptor
            do throws(CgroupError) {
                guard let open = try self.descriptor(of: file) else { return nil }
                descriptor = open
            } catch {
                // open(2) says so too, while the file is being removed.
                guard error.cause == .system(.noDevice) else { throw error }
                continue
            }
            do {
                return try descriptor.fd.withContents(limit: file.sizeLimit, body)
            } catch {
                kept.drop(descriptor)
                // A file that says it has nothing to tell, such as pressure with PSI switched off.
                if error == .notSupported { return nil }
                guard error == .noDevice else { throw CgroupError(.read, path(of: file), .system(error)) }
            }
        }
        throw CgroupError(.read, path(of: file), .gone)
    }

    /// What the kernel can reclaim of this cgroup and all below it, in bytes; nil where it does not tell.
    ///
    /// The kernel adds it up when it is read, which can take long where there are many below. So it is as it was up to 10 ms
    /// ago, or a hundred times what reading it took, at most 1 s.
    func reclaimable() throws(CgroupError) -> UInt64? {
        let now = Clock.monotonic
        if let known = state.withLock({ $0.reclaimable }), now < known.until { return known.bytes }
        let bytes = try memoryStat()?.reclaimable
        let cost = Clock.monotonic.subtracting(orMin: now)
        let lasts = min(max(cost.multiplied(orMax: 100), 10_000_000), 1_000_000_000)
        state.withLock { $0.reclaimable = (bytes, now.adding(orMax: lasts)) }
        return bytes
    }

    func path(of file: CgroupFile) -> Path { path.appending(Path(file.name(version) ?? "")) }

    private func descriptor(of file: CgroupFile) throws(CgroupError) -> Descriptor? {
        let (known, isMissing) = state.withLock { state -> (Descriptor?, Bool) in
            for entry in state.files where entry.file == file { return (entry.descriptor, entry.isMissing) }
            return (nil, false)
        }
        if isMissing { return nil }
        if let known, known.isKept.load(ordering: .relaxed) {
            known.isUsed.store(true, ordering: .relaxed)
            return known
        }
        return try open(file)
    }

    private func open(_ file: CgroupFile) throws(CgroupError) -> Descriptor? {
        guard let name = file.name(version) else { return nil }
        let path = path.appending(Path(name))
        let descriptor: Descriptor
        do {
            descriptor = Descriptor(try openRetrying(path))
        } catch {
            guard error == .noEntry || error == .notSupported else { throw CgroupError(.open, path, .system(error)) }
            // No file, or no directory either?
            _ = try status()
            if version == .v1 { remember(file, nil) }
            return nil
        }
        kept.keep(descriptor)
        remember(file, descriptor)
        return descriptor
    }

    private func openRetrying(_ path: Path) throws(Errno) -> Fd {
        do {
            return try Fd.open(path)
        } catch .tooManyFiles {
            kept.shrink()
            return try Fd.open(path)
        }
    }

    /// What is not there is looked for again, and only then taken for missing: while a cgroup is removed its directory
    /// is there a moment longer than its files, and another may be made under the name.
    private static let missingAfterNs: UInt64 = 1_000_000_000

    private func remember(_ file: CgroupFile, _ descriptor: Descriptor?) {
        let now = Clock.monotonic
        let previous = state.withLock { state in
            let known = state.files.first { $0.file == file }
            let entry = known ?? OpenFile(file)
            if known == nil { state.files.append(entry) }
            let previous = entry.descriptor
            entry.descriptor = descriptor
            entry.missedAt = descriptor == nil ? entry.missedAt ?? now : nil
            entry.isMissing = entry.missedAt.map { now &- $0 > Self.missingAfterNs } ?? false
            return previous
        }
        // Another thread opened the file at the same time: one is enough.
        if let previous { kept.drop(previous) }
    }
}
