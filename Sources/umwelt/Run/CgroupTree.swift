// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

import Kernel
import Samples

/// Where the cgroup hierarchies are mounted: each directory, and what it has.
struct CgroupTree: Equatable {
    struct Hierarchy: Equatable {
        var directory: String
        /// v1: its controllers, or `name=...`; v2: those it can give to cgroups.
        var controllers: Set<String>
        var isUnified: Bool
    }

    var hierarchies: [Hierarchy] = []

    /// From the mounts, in their order; a mount over another hides it.
    ///
    /// `unifiedControllers` reads `cgroup.controllers`.
    init(mounts: [MountInfo], unifiedControllers: (String) -> Set<String>) {
        for mount in mounts {
            let type = String(decoding: mount.type, as: UTF8.self)
            let directory = String(decoding: mount.mountPoint, as: UTF8.self)
            guard CleanPath.is(directory, below: "/sys/fs/cgroup") else { continue }
            hierarchies.removeAll { CleanPath.is($0.directory, below: directory) }
            if type == "cgroup2" {
                hierarchies.append(
                    Hierarchy(directory: directory, controllers: unifiedControllers(directory), isUnified: true)
                )
            } else if type == "cgroup" {
                let options = mount.superOptions.split(separator: UInt8(ascii: ","))
                    .map { String(decoding: $0, as: UTF8.self) }
                hierarchies.append(Hierarchy(directory: directory, controllers: Set(options), isUnified: false))
            }
        }
    }

    /// The tree as this process sees it.
    static func own() -> CgroupTree {
        let mounts = (try? Fd.contents(of: "/proc/self/mountinfo", limit: 16 << 20)) ?? []
        return CgroupTree(mounts: MountInfo.parse(mounts.span)) { directory in
            let names = (try? Fd.contents(of: Path(directory + "/cgroup.controllers"), limit: 4096)) ?? []
            return Set(
                names.split { $0 == UInt8(ascii: " ") || $0 == UInt8(ascii: "\n") }
                    .map { String(decoding: $0, as: UTF8.self) }
            )
        }
    }

    var layout: HostFacts.Layout {
        guard let unified else { return hierarchies.isEmpty ? .missing : .v1 }
        return unified.directory == "/sys/fs/cgroup" ? .unified : .hybrid
    }

    /// The v2 hierarchy, alone or beside v1.
    var unified: Hierarchy? { hierarchies.first { $0.isUnified } }

    /// The controllers the runtimes can use: on hybrid those of v1 only.
    var controllers: Set<String> { usable.reduce(into: []) { $0.formUnion($1.controllers) } }

    func directory(of controller: String) -> String? {
        usable.first { $0.controllers.contains(controller) }?.directory
    }

    private var usable: [Hierarchy] {
        let isUnified = layout == .unified
        return hierarchies.filter { $0.isUnified == isUnified }
    }
}
