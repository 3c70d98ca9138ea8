// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

import Glibc

/// How a terminal is set, to set it so again after a runtime or command that could not.
struct TerminalModes {
    private let file: Int32
    private var modes = termios()

    init?(of file: Int32) {
        self.file = file
        // SAFETY: tcgetattr fills the struct within the call.
        guard unsafe tcgetattr(file, &modes) == 0 else { return nil }
    }

    /// Whether descriptor 0 is this process's terminal, in which others are in the foreground.
    static var isInBackground: Bool {
        let foreground = tcgetpgrp(0)
        return foreground > 0 && foreground != getpgrp()
    }

    /// Nothing where others are in the foreground: it is theirs.
    func restore() {
        guard !Self.isInBackground else { return }
        var modes = modes
        // SAFETY: tcsetattr only reads it.
        _ = unsafe tcsetattr(file, TCSANOW, &modes)
    }
}

/// Who owns what the standard streams lead to, to give it back at the end.
///
/// A runtime gives the streams to the user that the command runs as (--user), so that it can open /dev/stdout: a file or
/// terminal of the caller's would stay that user's.
struct StandardOwners {
    private var owners: [(file: Int32, user: uid_t, group: gid_t)] = []

    init() {
        for file in Int32(0)...2 {
            if let owner = Self.owner(of: file) { owners.append((file, owner.user, owner.group)) }
        }
    }

    func restore() {
        for (file, user, group) in owners {
            guard let now = Self.owner(of: file), now != (user, group) else { continue }
            _ = fchown(file, user, group)
        }
    }

    private static func owner(of file: Int32) -> (user: uid_t, group: gid_t)? {
        var status = stat()
        // SAFETY: fstat fills the struct within the call.
        guard unsafe fstat(file, &status) == 0 else { return nil }
        return (status.st_uid, status.st_gid)
    }
}
