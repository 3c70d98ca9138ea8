// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

import Kernel

/// Finds the command as the container's own first process will, so that what is wrong can be said before anything is made.
struct CommandLookup {
    let options: RunOptions
    let workingDirectory: String
    /// The container's PATH.
    let searchPath: String

    /// What a name leads to.
    private enum Finding {
        case missing, directory, notExecutable, executable
    }

    /// Throws 127 or 126 as shells do. What cannot be decided from here is left to the runtime.
    func check() throws(Failure) {
        guard let name = options.command.first else { return }
        if name.contains("/") {
            switch find(CleanPath.absolute(name, from: workingDirectory)) {
            case .missing: throw Failure(code: 127, "\(name): no such file" + hint(name))
            case .directory: throw Failure(code: 126, "\(name): is a directory")
            case .notExecutable: throw Failure(code: 126, "\(name): permission denied: the file is not executable")
            case .executable: return
            }
        }
        var worst = Finding.missing
        for directory in searchPath.split(separator: ":", omittingEmptySubsequences: false) {
            let candidate = (directory.isEmpty ? "." : directory) + "/" + name
            switch find(CleanPath.absolute(String(candidate), from: workingDirectory)) {
            case .executable: return
            case .notExecutable: worst = .notExecutable
            case .missing, .directory: continue
            }
        }
        if case .notExecutable = worst { throw Failure(code: 126, "\(name): permission denied: the file is not executable") }
        throw Failure(code: 127, "\(name): command not found\(options.rootfs.map { " in \($0)" } ?? "")")
    }

    /// The working directory, where it was asked for by name.
    func checkWorkingDirectory() throws(Failure) {
        guard let directory = options.workingDirectory, options.rootfs == nil else { return }
        guard let status = status(directory) else {
            throw .failed("--workdir \(directory): the container has no such directory")
        }
        guard status.isDirectory else { throw .failed("--workdir \(directory): is not a directory") }
    }

    private func hint(_ name: String) -> String {
        let path = CleanPath.absolute(name, from: workingDirectory)
        let isHidden = SpecDefaults.privateDirectories.contains { CleanPath.is(path, below: $0) }
        guard options.rootfs == nil, isHidden, FileTree.isThere(Path(path)) else { return "" }
        return " in the container, whose \(path.split(separator: "/").first.map { "/" + $0 } ?? "/") is its own; "
            + "show it with --volume"
    }

    private func find(_ path: String) -> Finding {
        guard let status = status(path) else { return .missing }
        if status.isDirectory { return .directory }
        // Without any x not even root may execute.
        return status.mode & 0o111 == 0 ? .notExecutable : .executable
    }

    /// The file as the container sees it: below a volume, in a directory of its own (empty), or in its root.
    private func status(_ path: String) -> FileStatus? {
        let volumes = options.volumes.filter { CleanPath.is(path, below: $0.destination) }
        if let volume = volumes.max(by: { $0.destination.utf8.count < $1.destination.utf8.count }) {
            let rest = path.dropFirst(volume.destination.count)
            return try? FileStatus.of(Path(volume.source + rest))
        }
        if options.rootfs == nil {
            let own = SpecDefaults.privateDirectories.filter { CleanPath.is(path, below: $0) }
            // The container's /proc, /sys and /dev are there, whatever is in them.
            if own.contains(path) { return try? FileStatus.of(Path(path)) }
            guard own.isEmpty || own.contains("/proc") || own.contains("/sys") || own.contains("/dev") else { return nil }
            return try? FileStatus.of(Path(path))
        }
        let root = try? Fd.open(Path(options.rootfs ?? "/"), [.path, .directory])
        guard let root else { return nil }
        do throws(Errno) {
            return try root.openInRoot(Path(path), .path).status()
        } catch {
            // Kernels before 5.6 have no openat2(2).
            return error == .notImplemented ? try? FileStatus.of(Path((options.rootfs ?? "") + path)) : nil
        }
    }
}
