// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

import Kernel

/// The directory that holds what runs now: `/run/umwelt` unless told otherwise.
struct StateDirectory: Equatable {
    static let standard = "/run/umwelt"

    let path: String

    init(_ path: String?) { self.path = path ?? Self.standard }

    var socket: String { path + "/umweltd.sock" }
    /// Where an embedded daemon mounts.
    var mountPoint: String { path + "/mnt" }
    /// What an embedded daemon says.
    var daemonLog: String { path + "/umweltd.log" }
    var bundles: String { path + "/bundles" }
    /// Held while a daemon is looked for or started.
    var daemonLock: String { path + "/daemon.lock" }
    /// Held while bundles are claimed or removed.
    var bundlesLock: String { path + "/bundles.lock" }
    /// Who changes a running container's views.
    var attachLock: String { path + "/attach.lock" }
    /// Shared while a container's cgroups are made, held while empty ones are removed.
    var cgroupsLock: String { path + "/cgroups.lock" }

    /// The cgroup that its containers' are in, as a path without `/` at its start.
    ///
    /// Cgroups are the machine's, names of containers the state directory's: each state directory has a cgroup of its own, so
    /// that what one clears away is never another's.
    var cgroup: String { Self.cgroup(ofReal: Self.real(path), standard: Self.real(Self.standard)) }

    static func cgroup(ofReal path: String, standard: String) -> String {
        guard path != standard else { return "umwelt" }
        return path.utf8.reduce(into: "umwelt") { name, byte in
            let code = (byte < 16 ? "%0" : "%") + String(byte, radix: 16)
            name += plain.contains(byte) ? "\(Unicode.Scalar(byte))" : code
        }
    }

    /// What stays as it is in a cgroup's name, which can have neither slashes nor line ends.
    private static let plain = Set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-".utf8)

    private static func real(_ path: String) -> String { (try? FileTree.resolved(Path(path)))?.description ?? path }

    /// What a runtime keeps of its containers.
    func runtimeRoot(_ runtime: String) -> String { path + "/runtime/" + runtime }

    func make() throws(Failure) {
        do throws(Errno) { try Directories.make(Path(path)) } catch {
            throw .failed("cannot make \(path): \(error)")
        }
        // The path is short, but may be a link.
        guard cgroup.utf8.count <= 255 else { throw .failed("\(path) leads to too long a path for a cgroup's name") }
    }

    /// Opens one of the lock files.
    func lockFile(_ path: String) throws(Failure) -> Fd {
        do throws(Errno) { return try Fd.open(Path(path), [.readWrite, .create]) } catch {
            throw .failed("cannot open \(path): \(error)")
        }
    }
}
