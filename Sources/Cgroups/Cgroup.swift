// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

import Kernel
import Synchronization

/// A handle on one container's cgroups, one in each hierarchy.
///
/// All readings are exact at the moment of the call, bounded, and cost a pread (0.5 us) for each small file once it was
/// opened.
///
/// A file that a cgroup lacks, because its controller is not enabled there, is read in the nearest ancestor that has
/// it; never in a hierarchy's root, whose figures are the host's. Every reading throws `gone` once the cgroup was removed,
/// and `unconfined` where the container has no cgroup of its own that could tell.
///
/// Safe for use by several threads. Cheap to make; keep one for each container.
package final class Cgroup: Sendable {
    package let membership: Membership
    /// By controller, then v2's.
    private let nodes: [Node?]
    /// Whether the v2 cgroup is the container's, and not merely one that it was started from.
    private let ownsUnified: Bool

    private static let unifiedIndex = Controller.allCases.count

    let hugePageSizes: [UInt64]

    /// Which levels have a memory limit (v1), and what memory.stat said when that was looked at.
    struct KnownLimits: Sendable {
        /// Of one of `nodes` or an ancestor: as long-lived as this.
        let leaf: ObjectIdentifier
        let least: UInt64
        /// Of the monotonic clock, in nanoseconds.
        let readAt: UInt64
        let limited: [(level: Node, limit: UInt64)]
    }

    let knownLimits = Mutex<KnownLimits?>(nil)

    init(_ membership: Membership, _ layout: Layout, hugePageSizes: [UInt64]) {
        self.hugePageSizes = hugePageSizes
        self.membership = membership
        func node(_ hierarchy: Hierarchy?, _ path: Path?) -> Node? {
            guard let path = path.flatMap({ CgroupPath($0.bytes) }) else { return nil }
            return hierarchy?.node(path)
        }
        var nodes: [Node?] = Controller.allCases.map { controller in
            let hierarchy = layout.hierarchy(of: controller)
            return node(hierarchy, hierarchy?.version == .v2 ? membership.unified : membership[controller])
        }
        nodes.append(node(layout.unified, membership.unified))
        self.nodes = nodes
        // On a hybrid system an engine may leave its containers where it is itself in v2; what that cgroup accounts
        // for is the engine's. The container's own has the path that it has in v1.
        let others = Controller.allCases.compactMap { membership[$0] }.filter { $0.bytes.count > 1 }
        ownsUnified = others.isEmpty || others.contains { $0 == membership.unified }
    }

    /// The container's directory for `controller`, where it has one of its own.
    func node(_ controller: Controller) throws(CgroupError) -> Node {
        guard let node = nodes[controller.rawValue], !node.isRoot else {
            throw CgroupError(.locate, "", .unconfined)
        }
        return node
    }

    /// The container's directory for `controller`, the hierarchy's root included.
    func anyNode(_ controller: Controller) throws(CgroupError) -> Node {
        guard let node = nodes[controller.rawValue] else { throw CgroupError(.locate, "", .unconfined) }
        return node
    }

    /// The container's v2 directory, where it has one of its own.
    var unifiedNode: Node? {
        guard ownsUnified, let node = nodes[Self.unifiedIndex], !node.isRoot else { return nil }
        return node
    }

    /// Whether the container has a cgroup of its own for `controller`.
    ///
    /// Where not, readings of it throw `unconfined`, or, in `CPUSample`, the usage is 0.
    package func isConfined(_ controller: Controller) -> Bool {
        if let node = nodes[controller.rawValue], !node.isRoot { return true }
        return controller == .cpuacct && unifiedNode != nil
    }
}

extension Cgroup {
    /// The cgroup's inode number (v2's cgroup id) in the hierarchy that identifies it; `gone` once it was removed.
    ///
    /// Another number than before: it was removed, and made again under its name. One statx.
    package func inode() throws(CgroupError) -> UInt64 { try identifyingNode().status().inode }

    /// Whether the cgroup that had `inode` is still there, as far as can be known: errors other than `gone` say yes.
    ///
    /// Without a number: whether one of its name is.
    package func isThere(inode: UInt64?) -> Bool {
        do throws(CgroupError) {
            let now = try self.inode()
            return inode == nil || now == inode
        } catch {
            return error.cause != .gone
        }
    }

    /// The container's directory in the hierarchy that identifies it.
    func identifyingNode() throws(CgroupError) -> Node {
        if let unifiedNode { return unifiedNode }
        for controller in [Controller.memory, .pids, .cpu, .cpuacct, .cpuset, .io, .hugetlb] {
            if let node = nodes[controller.rawValue], !node.isRoot { return node }
        }
        throw CgroupError(.locate, "", .unconfined)
    }
}
