// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

import Kernel
import OCISpec

/// Finds the command as the container's own first process will, so that what is wrong can be said before anything is made.
struct CommandLookup {
    let options: RunOptions
    let workingDirectory: String
    /// Where the caller is.
    let callersDirectory: String?
    /// The container's PATH.
    let searchPath: String

    /// What a name leads to.
    private enum Finding {
        case missing, directory, notExecutable, executable
    }

    /// Throws 127 or 126 as shells do.
    ///
    /// What cannot be decided from here is left to the runtime.
    func check() throws(Failure) {
        guard let name = options.command.first else { return }
        if name.contains("/") {
            let path = CleanPath.absolute(name, from: workingDirectory)
            switch find(path) {
            case .missing: throw Failure(code: 127, "\(name): no such file" + hint(name))
            case .directory: throw Failure(code: 126, "\(name): is a directory")
            case .notExecutable: throw Failure(code: 126, "\(name): permission denied: the file is not executable")
            case .executable: return try checkFormat(path, name: name)
            }
        }
        var worst = Finding.missing
        for directory in searchPath.split(separator: ":", omittingEmptySubsequences: false) {
            let path = CleanPath.absolute((directory.isEmpty ? "." : directory) + "/" + name, from: workingDirectory)
            switch find(path) {
            case .executable: return try checkFormat(path, name: name)
            case .notExecutable: worst = .notExecutable
            case .missing, .directory: continue
            }
        }
        if case .notExecutable = worst {
            throw Failure(code: 126, "\(name): permission denied: the file is not executable")
        }
        throw Failure(code: 127, "\(name): command not found\(options.rootfs.map { " in \($0)" } ?? "")")
    }

    /// What execve(2) would say when it is too late for a word of ours.
    ///
    /// `depth`: of scripts whose interpreter is a script, which the kernel follows five times.
    private func checkFormat(_ path: String, name: String, depth: Int = 0) throws(Failure) {
        guard let file = try? open(path), let head = try? file.contents(limit: ExecutableFormat.headSize) else {
            return
        }
        switch ExecutableFormat(head: head) {
        case .elf(let loader?):
            guard status(loader) == nil else { return }
            throw Failure(code: 127, "\(name): its loader \(loader) is not there")
        case .script(let interpreter):
            guard interpreter.hasPrefix("/") else { return }
            switch find(interpreter) {
            case .missing: throw Failure(code: 127, "\(name): its interpreter \(interpreter) is not there")
            case .directory, .notExecutable:
                throw Failure(code: 126, "\(name): its interpreter \(interpreter) is not executable")
            case .executable where depth < 5:
                try checkFormat(interpreter, name: "\(name): \(interpreter)", depth: depth + 1)
            case .executable: return
            }
        case .foreign where !hasOtherFormats:
            throw Failure(code: 126, "\(name): a program for another kind of processor (exec format error)")
        case .unknown where !hasOtherFormats:
            throw Failure(code: 126, "\(name): the file is no program (exec format error)")
        case .elf(nil), .foreign, .unknown: return
        }
    }

    /// Whether binfmt_misc may know more formats.
    private var hasOtherFormats: Bool {
        ((try? Fd.open("/proc/sys/fs/binfmt_misc", .directory).entries(limit: 16))?.count ?? 0) > 2
    }

    /// The working directory, where it was asked for by name.
    func checkWorkingDirectory() throws(Failure) {
        guard let directory = options.workingDirectory, options.rootfs == nil else { return }
        // What leads to a volume is made for it.
        if options.volumes.contains(where: { CleanPath.is($0.destination, below: directory) }) { return }
        guard let status = status(directory) else {
            throw .failed("--workdir \(directory): the container has no such directory")
        }
        guard status.isDirectory else { throw .failed("--workdir \(directory): is not a directory") }
    }

    private func hint(_ name: String) -> String {
        guard options.rootfs == nil else { return "" }
        let here = callersDirectory ?? "/"
        let path = CleanPath.absolute(name, from: here)
        guard SpecDefaults.privateDirectories.contains(where: { CleanPath.is(path, below: $0) }),
            FileTree.isThere(Path(path))
        else { return "" }
        let top = path.split(separator: "/").first.map { "/" + $0 } ?? "/"
        return " in the container, whose \(top) is its own; show the host's with --volume"
    }

    private func find(_ path: String) -> Finding {
        guard let status = status(path) else { return .missing }
        if status.isDirectory { return .directory }
        // Without any x not even root may execute.
        return status.mode & 0o111 == 0 ? .notExecutable : .executable
    }

    private func status(_ path: String) -> FileStatus? { try? open(path, .path).status() }

    /// The file as the container sees it: below a volume, in a directory of its own (empty), or in its root.
    private func open(_ path: String, _ flags: OpenFlags = .readOnly) throws(Errno) -> Fd {
        // Volumes are where links of the host's lead to.
        var path = path
        if options.rootfs == nil, !options.volumes.contains(where: { CleanPath.is(path, below: $0.destination) }) {
            path = HostView.place(of: path).path
        }
        let volumes = options.volumes.filter { CleanPath.is(path, below: $0.destination) }
        if let volume = volumes.max(by: { $0.destination.utf8.count < $1.destination.utf8.count }) {
            return try Fd.open(Path(volume.source + path.dropFirst(volume.destination.count)), flags)
        }
        guard let rootfs = options.rootfs else {
            // These are there, and empty at the start.
            let isEmpty = SpecDefaults.privateMounts.contains {
                path != $0.destination && CleanPath.is(path, below: $0.destination)
            }
            if isEmpty { throw .noEntry }
            return try Fd.open(Path(path), flags)
        }
        do throws(Errno) {
            return try Fd.open(Path(rootfs), [.path, .directory]).openInRoot(Path(path), flags)
        } catch {
            // Kernels before 5.6 have no openat2(2).
            guard error == .notImplemented else { throw error }
            return try Fd.open(Path(rootfs + path), flags)
        }
    }
}
