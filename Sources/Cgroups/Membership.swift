// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

package import Kernel

/// The cgroup that a process is in, in each hierarchy that matters: what /proc/PID/cgroup says.
///
/// Paths are the kernel's: bytes (any but NUL and newline), relative to the cgroup namespace of the process that read
/// the file. One that leaves that namespace starts with `/..`.
package struct Membership: Hashable, Sendable {
    /// By controller, then v2's: nil where the process is in no such hierarchy.
    private var paths: [CgroupPath?]

    private static let unifiedIndex = Controller.allCases.count

    /// No hierarchy at all.
    package init() { paths = Array(repeating: nil, count: Self.unifiedIndex + 1) }

    /// The path in the v1 hierarchy that has `controller`; nil where none has.
    package internal(set) subscript(controller: Controller) -> Path? {
        get { paths[controller.rawValue]?.path }
        set { paths[controller.rawValue] = newValue.flatMap { CgroupPath($0.bytes) } }
    }

    /// The path in the v2 hierarchy (the line `0::`).
    package internal(set) var unified: Path? {
        get { paths[Self.unifiedIndex]?.path }
        set { paths[Self.unifiedIndex] = newValue.flatMap { CgroupPath($0.bytes) } }
    }

    /// Whether the process is in no hierarchy that matters.
    package var isEmpty: Bool { paths.allSatisfy { $0 == nil } }

    /// Whether every path is its hierarchy's root: a process of the host, or of the reader's own namespace root.
    package var isRoot: Bool { paths.allSatisfy { $0?.isRoot ?? true } }

    /// Whether a path leaves the reader's cgroup namespace; `absolute(under:)` repairs it.
    package var isRelative: Bool { paths.contains { $0?.climbs ?? false } }
}

extension Membership {
    /// Whether this is `other` or a descendant of it, in every hierarchy where `other` is.
    package func isAtOrBeneath(_ other: Membership) -> Bool {
        zip(paths, other.paths).allSatisfy { mine, theirs in
            guard let theirs else { return true }
            return mine?.isAtOrBeneath(theirs) ?? false
        }
    }

    /// Without `/init.scope` at the end of any path: systemd, as PID 1 of a container, moves itself there.
    package func strippingInitScope() -> Membership {
        mapping { $0.strippingLast("init.scope") }
    }

    /// Seen from the host, given where (seen from the host) the reader's cgroup namespace has its root.
    ///
    /// A leading `/..` climbs from there. Hierarchies that `root` lacks stay as they are.
    package func absolute(under root: Membership) -> Membership {
        var result = self
        for index in paths.indices {
            guard let mine = paths[index], let base = root.paths[index] else { continue }
            result.paths[index] = mine.absolute(under: base)
        }
        return result
    }

    /// The root of the process's cgroup namespace, where `inside` is the same membership as that namespace shows it.
    ///
    /// nil where the process is outside of the namespace in some hierarchy (it was moved), or the two do not match.
    package func namespaceRoot(seenInside inside: Membership) -> Membership? {
        var result = self
        for index in paths.indices {
            guard let outer = paths[index], let inner = inside.paths[index] else { continue }
            let (all, below) = (outer.components, inner.components)
            guard !inner.climbs, all.suffix(below.count).elementsEqual(below) else { return nil }
            result.paths[index] = CgroupPath(components: Array(all.dropLast(below.count)))
        }
        return result
    }

    /// `ancestor`'s path in each hierarchy where this is at or beneath it, this one's own path elsewhere.
    package func climbed(to ancestor: Membership) -> Membership {
        var result = self
        for index in paths.indices {
            guard let mine = paths[index], let above = ancestor.paths[index], mine.isAtOrBeneath(above) else {
                continue
            }
            result.paths[index] = above
        }
        return result
    }

    /// One level up in every hierarchy; nil where every path is a root.
    package var parent: Membership? {
        isRoot ? nil : mapping { $0.parent ?? $0 }
    }

    private func mapping(_ transform: (CgroupPath) -> CgroupPath) -> Membership {
        var result = self
        for index in paths.indices { result.paths[index] = paths[index].map(transform) }
        return result
    }
}
