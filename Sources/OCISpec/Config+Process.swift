// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

extension Config {
    /// The container's first process.
    package struct Process: Codable, Equatable, Sendable {
        package var terminal: Bool?
        package var user: User
        package var args: [String]
        /// `NAME=value` each.
        package var env: [String]?
        package var cwd: String
        package var capabilities: Capabilities?
        package var noNewPrivileges: Bool?

        package init(user: User, args: [String], cwd: String) {
            self.user = user
            self.args = args
            self.cwd = cwd
        }
    }

    /// Numbers as the container knows them.
    package struct User: Codable, Equatable, Sendable {
        package var uid: UInt32
        package var gid: UInt32

        package init(uid: UInt32, gid: UInt32) {
            self.uid = uid
            self.gid = gid
        }
    }

    /// The five capability sets, by name (`CAP_KILL`).
    package struct Capabilities: Codable, Equatable, Sendable {
        package var bounding: [String]?
        package var effective: [String]?
        package var permitted: [String]?
        package var inheritable: [String]?
        package var ambient: [String]?

        package init(bounding: [String], effective: [String], permitted: [String]) {
            self.bounding = bounding
            self.effective = effective
            self.permitted = permitted
        }
    }
}
