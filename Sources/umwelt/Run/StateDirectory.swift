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

    /// What a runtime keeps of its containers.
    func runtimeRoot(_ runtime: String) -> String { path + "/runtime/" + runtime }

    func make() throws(Failure) {
        do throws(Errno) { try Directories.make(Path(path)) } catch {
            throw .failed("cannot make \(path): \(error)")
        }
    }

    /// Opens one of the lock files.
    func lockFile(_ path: String) throws(Failure) -> Fd {
        do throws(Errno) { return try Fd.open(Path(path), [.readWrite, .create]) } catch {
            throw .failed("cannot open \(path): \(error)")
        }
    }
}
