// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

package import Kernel

/// What could not be learnt of a cgroup, and why.
package struct CgroupError: Error, Equatable, Sendable, CustomStringConvertible {
    package enum Operation: String, Sendable {
        case open, read, parse, list, stat, locate
    }

    package enum Cause: Equatable, Sendable {
        /// The cgroup was removed, and no other was made under its name.
        case gone
        /// The container has no cgroup of its own in the hierarchy that would tell: it is in the root there, the
        /// controller is not mounted, or it is enabled nowhere on the path. What the root says is the host's.
        case unconfined
        /// The kernel's answer is not of the form it has.
        case malformed
        case system(Errno)
    }

    package var operation: Operation
    /// The file or directory; empty where there is none.
    package var path: Path
    package var cause: Cause

    package init(_ operation: Operation, _ path: Path, _ cause: Cause) {
        self.operation = operation
        self.path = path
        self.cause = cause
    }

    package var description: String {
        let why =
            switch cause {
            case .gone: "the cgroup is gone"
            case .unconfined: "the process has no cgroup of its own there"
            case .malformed: "not the form the kernel writes"
            case .system(let errno): errno.description
            }
        return "cannot \(operation.rawValue) \(path): \(why)"
    }
}
