// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

import Kernel
import Samples

/// A line of mountinfo that mounts a cgroup hierarchy.
struct CgroupMount {
    var version: CgroupVersion
    /// In the order of `Controller`, so that equal hierarchies have equal lists.
    var controllers: [Controller]
    var root: CgroupPath
    var point: [UInt8]
    var order: Int

    /// Less is better.
    var rank: Int {
        let usual = point.starts(with: "/sys/fs/cgroup".utf8)
        // What climbs is mounted from above the reader's namespace: the highest shows most.
        let depth = root.components.reduce(0) { $0 + ($1.elementsEqual("..".utf8) ? -1 : 1) }
        return 2 * depth + (usual ? 0 : 1)
    }

    /// The cgroup mounts of `mountinfo`, in its order, at most 1024 of them.
    static func parse(_ mountinfo: [UInt8]) -> [CgroupMount] {
        var result: [CgroupMount] = []
        for mount in MountInfo.parse(mountinfo.span) where result.count < 1024 {
            let isV2 = mount.type.elementsEqual("cgroup2".utf8)
            guard isV2 || mount.type.elementsEqual("cgroup".utf8), let root = CgroupPath(mount.root) else { continue }
            let named = mount.superOptions.split(separator: UInt8(ascii: ",")).compactMap {
                Controller(kernelName: $0)
            }
            // Named hierarchies (systemd's) have no controllers.
            guard isV2 || !named.isEmpty else { continue }
            result.append(
                CgroupMount(
                    version: isV2 ? .v2 : .v1,
                    controllers: isV2 ? [] : Controller.allCases.filter(named.contains),
                    root: root,
                    point: mount.mountPoint,
                    order: result.count
                )
            )
        }
        return result
    }
}

extension Membership {
    /// From the bytes of /proc/PID/cgroup: lines `N:controllers:path`, in any order.
    ///
    /// What is no such line is left out.
    package init(parsing bytes: Span<UInt8>) {
        self.init()
        for line in CgroupMembership.parse(bytes) {
            let path = Path(line.path)
            if line.isUnified { unified = path }
            for name in line.controllers {
                if let controller = Controller(kernelName: name) { self[controller] = path }
            }
        }
    }

    /// In the form of /proc/PID/cgroup, for `init(parsing:)`.
    package var text: [UInt8] {
        var result: [UInt8] = []
        for controller in Controller.allCases {
            guard let path = self[controller] else { continue }
            result += Array("1:\(controller.kernelName):".utf8) + path.bytes + [UInt8(ascii: "\n")]
        }
        if let unified { result += Array("0::".utf8) + unified.bytes + [UInt8(ascii: "\n")] }
        return result
    }

    /// The cgroup-namespace root of a process, from the bytes of /proc/PID/mountinfo.
    ///
    /// They are the roots of the cgroup mounts that it sees, in the reader's terms. There is none in the hierarchies that
    /// it has not mounted.
    package init(mountRoots mountinfo: [UInt8]) {
        self.init()
        for mount in CgroupMount.parse(mountinfo) {
            if mount.version == .v2 { unified = unified ?? mount.root.path }
            for controller in mount.controllers { self[controller] = self[controller] ?? mount.root.path }
        }
    }
}
