// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

internal import Glibc

/// Directories of this node, made and removed.
package enum LocalDirectory {
    private static let depthLimit = 256

    /// Makes the directory and what is missing above it (0755), whatever the umask; one that is there stays as it is.
    package static func make(_ path: String, mode: UInt32 = 0o755) throws(FileError) {
        var current = ""
        // By bytes, as the kernel has it.
        let parts = path.utf8.split(separator: UInt8(ascii: "/"))
        for (index, part) in parts.enumerated() {
            current += "/" + String(decoding: part, as: UTF8.self)
            let mode = index == parts.count - 1 ? mode : 0o755
            // SAFETY: the string is passed as a NUL-terminated copy that lives for the call.
            if unsafe mkdir(current, mode) == 0 {
                // SAFETY: as above.
                unsafe _ = chmod(current, mode)
            } else if errno != EEXIST {
                throw FileError(operation: "mkdir", path: current, code: errno)
            }
        }
    }

    /// Removes the directory with all that is in it; what is not there is no error, links are not followed.
    ///
    /// However deep: what is in a directory that is not empty is moved up before that is removed.
    package static func remove(_ path: String) throws(FileError) {
        func fail(_ operation: String) -> FileError { FileError(operation: operation, path: path, code: errno) }
        if System.unlink(path) == 0 || errno == ENOENT || errno == ENOTDIR { return }
        guard errno == EISDIR || errno == EPERM else { throw fail("unlink") }
        let top = System.open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW)
        guard top >= 0 else { throw fail("open") }
        defer { close(top) }
        var changes = 0
        var names = try LocalFile.bareNames(ofDescriptor: top, path: path)
        while !names.isEmpty {
            let before = changes
            for name in names where !isGone(name, from: top, &changes) {
                guard errno == ENOTEMPTY || errno == EEXIST else { throw fail("remove from") }
                // SAFETY: the names end in a NUL, and live for the calls.
                let inner = unsafe openat(top, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
                guard inner >= 0 else { throw fail("open") }
                defer { close(inner) }
                for other in try LocalFile.bareNames(ofDescriptor: inner, path: path)
                where !isGone(other, from: inner, &changes) {
                    changes += 1
                    // SAFETY: as above.
                    let result = unsafe renameat(inner, other, top, ".moved-\(changes)")
                    // One of that name is in the way: the next name will do, another time.
                    guard result == 0 || errno == ENOTEMPTY || errno == EEXIST else { throw fail("rename") }
                }
            }
            names = try LocalFile.bareNames(ofDescriptor: top, path: path)
            // Whatever the reason, a round that does nothing is not followed by another.
            guard changes > before || names.isEmpty else {
                errno = EBUSY
                throw fail("remove from")
            }
        }
        guard removeIfEmpty(path) else { throw fail("rmdir") }
    }

    /// Whether a file, or a directory that is empty, could be removed, which is counted, or is gone.
    private static func isGone(_ name: [CChar], from directory: Int32, _ removed: inout Int) -> Bool {
        // SAFETY: the name ends in a NUL, and lives for the calls.
        if unsafe unlinkat(directory, name, 0) == 0 || unlinkat(directory, name, AT_REMOVEDIR) == 0 {
            removed += 1
            return true
        }
        return errno == ENOENT
    }

    /// Removes the directory where it is empty; says whether it is gone.
    @discardableResult package static func removeIfEmpty(_ path: String) -> Bool {
        // SAFETY: as above.
        unsafe rmdir(path) == 0 || errno == ENOENT
    }

    /// Mounts a file system in memory there, of so many bytes at most.
    package static func mountMemory(_ path: String, sizeLimit: Int?) throws(FileError) {
        let options = "mode=0777" + (sizeLimit.map { ",size=\($0)" } ?? "")
        let flags = UInt(MS_NOSUID) | UInt(MS_NODEV)
        // SAFETY: the strings are passed as NUL-terminated copies that live for the call.
        let result = unsafe options.withCString { unsafe mount("tmpfs", path, "tmpfs", flags, $0) }
        guard result == 0 else { throw FileError(operation: "mount", path: path, code: errno) }
    }

    /// Takes a mount away, even one that is in use; one that is not there is no error.
    package static func unmount(_ path: String) {
        // SAFETY: as above.
        unsafe _ = umount2(path, Int32(MNT_DETACH) | Int32(UMOUNT_NOFOLLOW))
    }

    /// Gives the directory, with what is in it and is made in it later, to a group (`SetVolumeOwnership`, pkg/volume).
    ///
    /// Links are left as they are.
    package static func giveToGroup(_ path: String, _ group: Int, isReadOnly: Bool, depth: Int = 0) throws(FileError) {
        guard depth < depthLimit else { throw FileError(operation: "chown", path: path, code: ELOOP) }
        var status = stat()
        // SAFETY: the structure is valid during the call.
        guard unsafe lstat(path, &status) == 0 else { throw FileError(operation: "stat", path: path, code: errno) }
        let kind = status.st_mode & S_IFMT
        guard kind != S_IFLNK else { return }
        let more: mode_t = (isReadOnly ? 0o440 : 0o660) | (kind == S_IFDIR ? 0o2110 : 0)
        // SAFETY: the string is passed as a NUL-terminated copy that lives for the call. chown takes the setgid bit.
        guard unsafe chown(path, uid_t.max, gid_t(clamping: group)) == 0,
            unsafe chmod(path, status.st_mode & 0o7777 | more) == 0
        else { throw FileError(operation: "chown", path: path, code: errno) }
        guard kind == S_IFDIR else { return }
        for name in try LocalFile.names(in: path) {
            try giveToGroup(path + "/" + name, group, isReadOnly: isReadOnly, depth: depth + 1)
        }
    }

    /// Permission bits of what is at the path, links followed; nil where nothing is.
    package static func mode(_ path: String) -> UInt32? {
        var status = stat()
        // SAFETY: the structure is valid during the call.
        return unsafe stat(path, &status) == 0 ? status.st_mode & 0o7777 : nil
    }

    /// The path with every link followed; nil where something on it is missing.
    package static func resolved(_ path: String) -> String? {
        // SAFETY: realpath returns a string of its own, copied and then freed.
        guard let pointer = unsafe realpath(path, nil) else { return nil }
        // SAFETY: as above.
        defer { unsafe free(pointer) }
        // SAFETY: as above.
        return unsafe String(cString: pointer)
    }

    /// What is at a path.
    package enum Kind: String, Sendable {
        case directory, file, socket, characterDevice, blockDevice, other
    }

    /// What is at the path, links followed; nil where nothing is.
    package static func kind(_ path: String) -> Kind? {
        var status = stat()
        // SAFETY: the structure is valid during the call.
        guard unsafe stat(path, &status) == 0 else { return nil }
        return switch status.st_mode & S_IFMT {
        case S_IFDIR: .directory
        case S_IFREG: .file
        case S_IFSOCK: .socket
        case S_IFCHR: .characterDevice
        case S_IFBLK: .blockDevice
        default: .other
        }
    }
}
