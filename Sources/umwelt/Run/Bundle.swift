// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

import Kernel

/// The directory of one container: its configuration, and the lock of the `umwelt run` that owns it.
final class Bundle {
    let id: String
    let path: String
    /// Held for as long as the owner lives, however it ends.
    private let lock: Fd

    var config: String { path + "/config.json" }
    /// The runtime's errors.
    var log: String { path + "/log" }
    /// The container's first process, written by the hook.
    var initFile: String { path + "/init" }
    /// Which runtime has it, for who cleans up after an owner that was killed.
    var runtimeFile: String { path + "/runtime" }
    /// Where the host's file system is put together.
    var view: String { path + "/view" }

    private init(id: String, path: String, lock: consuming Fd) {
        self.id = id
        self.path = path
        self.lock = lock
    }

    /// Takes the name, if nobody has it.
    ///
    /// To be called with `bundlesLock` held.
    static func claim(_ id: String, in state: StateDirectory) throws(Failure) -> Bundle {
        let path = state.bundles + "/" + id
        do throws(Errno) {
            try Directories.make(Path(state.bundles), mode: 0o700)
            try FileTree.makeDirectory(Path(path), mode: 0o700)
            let lock = try Fd.open(Path(path + "/lock"), [.readWrite, .create])
            guard try lock.tryLock() else { throw Errno.exists }
            return Bundle(id: id, path: path, lock: lock)
        } catch .exists {
            throw .failed("a container named \(id) runs already; choose another --name, or leave it out")
        } catch {
            try? FileTree.removeAll(Path(path))
            throw .failed("cannot make \(path): \(error)")
        }
    }

    func write(_ bytes: [UInt8], to file: String) throws(Failure) {
        do throws(Errno) { try FileTree.write(bytes, to: Path(file)) } catch {
            throw .failed("cannot write \(file): \(error)")
        }
    }

    /// Makes the runtime's log, with room for what it has to say: where the disk is full, that is just when it is needed.
    func reserveLog() throws(Failure) {
        do throws(Errno) {
            let file = try Fd.open(Path(log), [.writeOnly, .create])
            do throws(Errno) { try file.reserve(bytes: 8192) } catch .notSupported {}
        } catch {
            throw .failed("cannot write \(log): \(error)")
        }
    }

    /// Whether the disk takes so many bytes more; true too where that cannot be told.
    ///
    /// What it takes for that it gives back.
    func hasRoom(bytes: Int) -> Bool {
        let probe = Path(path + "/room")
        defer { try? Directories.unlink(probe) }
        do throws(Errno) {
            let file = try Fd.open(probe, [.writeOnly, .create])
            do throws(Errno) { try file.reserve(bytes: Int64(bytes)) } catch .notSupported {
                try file.write([UInt8](repeating: 0, count: bytes))
            }
            return true
        } catch {
            return error != .noSpace && error != .quotaExceeded
        }
    }

    /// What a start writes beside a configuration of that size, at most.
    ///
    /// runc's state is the configuration with its defaults, twice as long; a version that writes it again has two for a
    /// moment. Then there are the hook's file, and what is not a whole block. Too much is no harm: who has not that much left
    /// has to make space.
    static func startBytes(configuration: Int) -> Int { 4 * configuration + 8192 }

    func read(_ file: String) -> [UInt8]? { try? Fd.contents(of: Path(file), limit: 1 << 20) }

    /// The container's first process; nil while the runtime has not made it.
    var initPID: Int32? {
        guard let bytes = read(initFile), bytes.last == UInt8(ascii: "\n") else { return nil }
        return Int32(String(decoding: bytes.dropLast(), as: UTF8.self))
    }

    /// Removes the directory; the name is free from here on.
    func remove() throws(Errno) { try FileTree.removeAll(Path(path)) }

    /// Bundles whose owner has ended without cleaning up (SIGKILL, a crash): each with the runtime that has it.
    ///
    /// To be called with `bundlesLock` held, so that nobody is just making one.
    static func abandoned(in state: StateDirectory) -> [(bundle: Bundle, runtime: Runtime?)] {
        guard let entries = try? Fd.open(Path(state.bundles), .directory).entries(limit: 10_000) else { return [] }
        var result: [(bundle: Bundle, runtime: Runtime?)] = []
        for entry in entries {
            let id = String(decoding: entry.name, as: UTF8.self)
            let path = state.bundles + "/" + id
            guard ContainerName.isValid(id), let lock = try? Fd.open(Path(path + "/lock"), [.readWrite, .create]),
                (try? lock.tryLock()) == true
            else { continue }
            let bundle = Bundle(id: id, path: path, lock: lock)
            let program = bundle.read(bundle.runtimeFile).map { String(decoding: $0, as: UTF8.self) }
            result.append((bundle, program.map { Runtime(program: $0, state: state) }))
        }
        return result
    }
}
