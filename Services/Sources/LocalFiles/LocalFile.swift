// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

internal import Glibc
internal import Synchronization

/// Files of this node: bounded reads, and the two ways of writing.
package enum LocalFile {
    /// The whole of the file; reads block as the file's system does.
    ///
    /// A FIFO or a socket is refused by what reading it gives: opening never waits for a writer. With `waits`, for what
    /// users name, such as a shell's `<(...)`, its end is waited for.
    package static func contents(of path: String, limit: Int, waits: Bool = false) throws(FileError) -> [UInt8] {
        let number = System.open(path, O_RDONLY | (waits ? 0 : O_NONBLOCK))
        guard number >= 0 else { throw FileError(operation: "open", path: path, code: errno) }
        defer { close(number) }
        return try contents(ofDescriptor: number, path: path, limit: limit)
    }

    /// What can be read from the descriptor up to its end, such as standard input (0); it stays open.
    package static func contents(
        ofDescriptor number: Int32,
        path: String,
        limit: Int
    ) throws(FileError) -> [UInt8] {
        var result: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 1 << 16)
        while true {
            let count = try System.read(number, into: &buffer, path)
            guard count > 0 else { return result }
            guard result.count + count <= limit else { throw FileError(operation: "read", path: path, code: 0) }
            result.append(contentsOf: buffer.prefix(count))
        }
    }

    /// The file's last bytes, no more than `count`.
    package static func end(of path: String, count: Int) throws(FileError) -> [UInt8] {
        let number = System.open(path, O_RDONLY | O_NONBLOCK)
        guard number >= 0 else { throw FileError(operation: "open", path: path, code: errno) }
        defer { close(number) }
        let size = lseek(number, 0, SEEK_END)
        guard size >= 0, lseek(number, max(0, size - count), SEEK_SET) >= 0 else {
            throw FileError(operation: "seek", path: path, code: errno)
        }
        var buffer = [UInt8](repeating: 0, count: count)
        let read = try System.read(number, into: &buffer, path)
        return Array(buffer.prefix(read))
    }

    /// Writes `bytes` over the file that is there, as dockershim's rewriteResolvFile does.
    ///
    /// Into the inode, so that everything which has it mounted sees it; never creates the file. It is shortened last: what
    /// it has on a full disk is not given away before it is written.
    package static func overwrite(_ path: String, with bytes: [UInt8]) throws(FileError) {
        let number = System.open(path, O_WRONLY | O_NOFOLLOW | O_NONBLOCK)
        guard number >= 0 else { throw FileError(operation: "open", path: path, code: errno) }
        defer { close(number) }
        try write(bytes, to: number, path: path)
        guard ftruncate(number, off_t(bytes.count)) == 0 else {
            throw FileError(operation: "truncate", path: path, code: errno)
        }
    }

    /// How many files this process has replaced: two at a time do not get in each other's way.
    private static let replaced = Atomic<UInt>(0)

    /// Writes the file whole or not at all: another file, moved over it when it is complete and on the disk.
    ///
    /// That is beside it, under a name that does not grow with its own, which may be as long as names can be.
    package static func replace(_ path: String, with bytes: [UInt8], mode: UInt32 = 0o644) throws(FileError) {
        let above = path.utf8.lastIndex(of: UInt8(ascii: "/")).map { path[...$0] } ?? ""
        let fresh = "\(above)..new-\(getpid())-\(replaced.wrappingAdd(1, ordering: .relaxed).newValue)"
        System.unlink(fresh)
        let number = System.open(fresh, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, mode: mode)
        guard number >= 0 else { throw FileError(operation: "open", path: fresh, code: errno) }
        do throws(FileError) {
            defer { close(number) }
            try write(bytes, to: number, path: fresh)
            guard fchmod(number, mode) == 0, fsync(number) == 0 else {
                throw FileError(operation: "write", path: fresh, code: errno)
            }
        } catch {
            System.unlink(fresh)
            throw error
        }
        guard System.rename(fresh, path) == 0 else {
            let code = errno
            System.unlink(fresh)
            throw FileError(operation: "rename", path: path, code: code)
        }
    }

    /// Gives a file another name; one that is not there is no error.
    package static func rename(_ path: String, to other: String) { _ = System.rename(path, other) }

    /// Locks the file for as long as the descriptor is open, which the caller may leave to the process's end; nil where it
    /// is not there, or another process has it.
    package static func lock(_ path: String) -> Int32? {
        let number = System.open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK)
        guard number >= 0 else { return nil }
        guard flock(number, LOCK_EX | LOCK_NB) == 0 else {
            close(number)
            return nil
        }
        return number
    }

    private static func write(_ bytes: [UInt8], to number: Int32, path: String) throws(FileError) {
        var rest = bytes[...]
        while !rest.isEmpty {
            // SAFETY: the slice is valid for its count during the call.
            let count = unsafe rest.withUnsafeBytes { unsafe Glibc.write(number, $0.baseAddress, $0.count) }
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { throw FileError(operation: "write", path: path, code: errno) }
            rest = rest.dropFirst(count)
        }
    }

    /// The names in a directory, sorted by their bytes, without `.` and `..`.
    package static func names(in path: String) throws(FileError) -> [String] {
        let number = System.open(path, O_RDONLY | O_DIRECTORY)
        guard number >= 0 else { throw FileError(operation: "open", path: path, code: errno) }
        defer { close(number) }
        let names = try bareNames(ofDescriptor: number, path: path)
        return names.map { String(decoding: $0.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self) }
            .sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
    }

    /// The names in a directory that is open, which stays so: their bytes, which need not be UTF-8, and a NUL.
    static func bareNames(ofDescriptor number: Int32, path: String) throws(FileError) -> [[CChar]] {
        // One of its own, which reads from the beginning and is closed with the stream.
        let own = System.open(".", in: number, O_RDONLY | O_DIRECTORY)
        // SAFETY: the stream is closed below, and each entry is copied before the next is read.
        guard own >= 0, let stream = unsafe fdopendir(own) else {
            let code = errno
            if own >= 0 { close(own) }
            throw FileError(operation: "open", path: path, code: code)
        }
        // SAFETY: opened above, closed once.
        defer { unsafe _ = closedir(stream) }
        var result: [[CChar]] = []
        // SAFETY: d_name ends in a NUL within the entry, which is valid until the next call.
        while let entry = unsafe readdir(stream) {
            // SAFETY: see above.
            let name = unsafe withUnsafePointer(to: &entry.pointee.d_name) { pointer in
                unsafe pointer.withMemoryRebound(to: CChar.self, capacity: 256) { bytes in
                    unsafe Array(UnsafeBufferPointer(start: bytes, count: strlen(bytes) + 1))
                }
            }
            let dot = CChar(bitPattern: UInt8(ascii: "."))
            if name != [dot, 0], name != [dot, dot, 0] { result.append(name) }
        }
        return result
    }

    /// Whether something is at the path; symbolic links are followed.
    package static func exists(_ path: String) -> Bool { System.exists(path) }

    /// Whether something is at the path that has contents: a file, a pipe, a terminal.
    package static func isReadable(_ path: String) -> Bool {
        switch LocalDirectory.kind(path) {
        case .file, .characterDevice, .other: true
        case .directory, .socket, .blockDevice, nil: false
        }
    }

    /// Makes a symbolic link at `path`, in place of what is there.
    package static func link(_ path: String, to target: String) throws(FileError) {
        System.unlink(path)
        // SAFETY: the strings are passed as NUL-terminated copies that live for the call.
        guard unsafe symlink(target, path) == 0 else { throw FileError(operation: "symlink", path: path, code: errno) }
    }

    /// What a symbolic link says; nil where there is none.
    package static func link(_ path: String) -> String? {
        var buffer = [CChar](repeating: 0, count: 4096)
        // SAFETY: the buffer is valid for its count during the call.
        let count = unsafe buffer.withUnsafeMutableBufferPointer { target in
            unsafe target.baseAddress.map { unsafe readlink(path, $0, target.count) } ?? -1
        }
        guard count > 0, count < buffer.count else { return nil }
        return String(decoding: buffer.prefix(count).map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }
}
