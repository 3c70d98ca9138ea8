// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

import Samples

/// What `umwelt run` was asked for, well-formed, not yet held against the host.
struct RunOptions: Equatable {
    var memory: ByteSize?
    var swap: ByteSize?
    var cpus: CPUAmount?
    var cpuset: CPUSet?
    var pids: Int64?

    var name: String
    var hostname: String
    /// nil: the host's own file system.
    var rootfs: String?
    var environment: [EnvironmentOption] = []
    var volumes: [Volume] = []
    var hasTerminal = false
    /// `runc`, `crun` or the path of a program that takes the same arguments; nil: what is there.
    var runtime: String?
    var workingDirectory: String?
    var user = UserID(user: 0, group: 0)
    var command: [String]

    init(name: String, command: [String]) {
        self.name = name
        hostname = name
        self.command = command
    }
}

/// `--env NAME=value` sets a variable, `--env NAME` hands the caller's on.
enum EnvironmentOption: Equatable {
    case set(name: String, value: String)
    case inherit(name: String)

    init?(_ text: String) {
        guard let equals = text.firstIndex(of: "=") else {
            guard !text.isEmpty else { return nil }
            self = .inherit(name: text)
            return
        }
        guard equals != text.startIndex else { return nil }
        self = .set(name: String(text[..<equals]), value: String(text[text.index(after: equals)...]))
    }
}
