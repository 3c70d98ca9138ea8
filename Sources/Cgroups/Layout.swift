// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

import Kernel

/// One mounted hierarchy.
struct Hierarchy: Sendable {
    let version: CgroupVersion
    /// The v1 controllers it has; for v2, those it could enable.
    let controllers: [Controller]
    /// The cgroup that the top directory is: `/`, but in a bind mount of a part of the hierarchy.
    let mountRoot: CgroupPath
    let top: Node

    /// The most levels of one path that are looked at.
    static let depthLimit = 256

    /// The node of the cgroup `path`; nil where it is not below what is mounted.
    func node(_ path: CgroupPath) -> Node? {
        guard let components = path.below(mountRoot) else { return nil }
        // A path holds at most 2048 components (PATH_MAX). Where it is as deep as that, the levels nearest the root
        // count, each for itself, since the host made those, and what a container nested below them is one step.
        let single = components.prefix(Self.depthLimit - 1)
        let rest = components.dropFirst(single.count)
        let node = single.reduce(top) { $0.child($1) }
        return rest.isEmpty ? node : node.child(Array(rest.joined(separator: [UInt8(ascii: "/")])))
    }
}

/// The hierarchies of a machine, from its mount table.
struct Layout: Sendable {
    private(set) var unified: Hierarchy?
    private(set) var v1: [Hierarchy] = []

    init(mountinfo: [UInt8], prefix: Path, kept: KeptFiles) {
        var mounts = CgroupMount.parse(mountinfo)
        // Of several mounts of one hierarchy, the one that shows most of it; then the usual place; then the first.
        mounts.sort { ($0.rank, $0.order) < ($1.rank, $1.order) }
        for mount in mounts {
            let isKnown =
                switch mount.version {
                case .v2: unified != nil
                case .v1: v1.contains { $0.controllers == mount.controllers }
                }
            if isKnown { continue }
            guard let hierarchy = Hierarchy(mount, prefix: prefix, kept: kept) else { continue }
            if mount.version == .v2 { unified = hierarchy } else { v1.append(hierarchy) }
        }
    }

    /// A controller is in one hierarchy at a time.
    ///
    /// CPU accounting needs no controller in v2.
    func hierarchy(of controller: Controller) -> Hierarchy? {
        if let v1 = v1.first(where: { $0.controllers.contains(controller) }) { return v1 }
        guard let unified else { return nil }
        return controller == .cpuacct || unified.controllers.contains(controller) ? unified : nil
    }

    func isSame(as other: Layout) -> Bool {
        func key(_ layout: Layout) -> [[[UInt8]]] {
            ((layout.unified.map { [$0] } ?? []) + layout.v1).map { hierarchy in
                [hierarchy.top.path.bytes, hierarchy.mountRoot.path.bytes]
                    + hierarchy.controllers.map { [UInt8($0.rawValue)] }
            }
        }
        return key(self) == key(other)
    }
}

extension Hierarchy {
    /// nil where `mount` cannot be seen: another mount covers it.
    init?(_ mount: CgroupMount, prefix: Path, kept: KeptFiles) {
        let directory = prefix.appending(Path(mount.point))
        func has(_ file: Path) -> Bool { (try? FileStatus.of(directory.appending(file))) != nil }
        // Files that only a root has (v1 CFTYPE_ONLY_ON_ROOT), or that every cgroup but a root has (v2
        // CFTYPE_NOT_ON_ROOT), tell the hierarchy's root from that of a cgroup namespace: kernel/cgroup/cgroup.c.
        let isRoot: Bool
        switch mount.version {
        case .v1:
            guard has("cgroup.procs") else { return nil }
            isRoot = has("release_agent")
            controllers = mount.controllers
        case .v2:
            guard let names = try? Fd.contents(of: directory.appending("cgroup.controllers"), limit: 4096) else {
                return nil
            }
            isRoot = !has("cgroup.events")
            controllers = names.split { $0 == UInt8(ascii: " ") || $0 == UInt8(ascii: "\n") }
                .compactMap { Controller(kernelName: $0) }
        }
        version = mount.version
        mountRoot = mount.root
        top = Node(directory: directory, version: mount.version, isRoot: isRoot, kept: kept)
    }
}
