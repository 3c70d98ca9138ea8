// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

package import Kernel
package import Samples

/// Which files of a running container are to be covered, by what is mounted in it already.
///
/// Pure.
package struct ViewPlan: Equatable, Sendable {
    /// What is at one place.
    package enum Standing: Equatable, Sendable {
        /// The kernel's own file, as far as mounts tell.
        case free
        /// A file of the present daemon.
        case ours
        /// A file of a daemon that is gone, or of a container that the present one does not know any more.
        case stale
        /// The container has something of its own there; the type of its file system.
        case covered(by: String)
        /// What is mounted there would show on the host too.
        case shared
    }

    package struct Step: Equatable, Sendable {
        /// As below the daemon's directory of a container: `proc/meminfo`.
        package var view: String
        package var standing: Standing

        /// Where it is in the container.
        package var target: Path { Path("/" + view) }
    }

    package var steps: [Step]
    /// Ours that are there, dead or alive, and what of ours is beneath them; the last mounted first.
    package var held: [MountInfo]

    /// All views that there are.
    package static var views: [String] {
        Views.procFiles.map { "proc/" + $0 } + Views.pressureFiles.map { "proc/pressure/" + $0 }
            + [Views.cpuDirectory, Views.nodeDirectory]
    }

    /// - Parameters:
    ///   - mounts: Of the container's first process.
    ///   - host: Of process 1 and the daemon: what shows there is not to be changed from a container.
    ///   - mountPoint: Where the daemon's file system is mounted on the host.
    ///   - earlier: Where those were mounted of daemons before it that did not end in order.
    ///   - known: The ids of the registered containers; nil: any may be.
    package init(
        mounts: [MountInfo],
        host: [MountInfo],
        mountPoint: Path,
        earlier: [Path] = [],
        known: Set<String>? = nil
    ) {
        let mountPoints = [mountPoint] + earlier
        let present = host.topmost.ours(of: mountPoint).first { $0.mountPoint == mountPoint.bytes }
        let groups = Set(host.map(\.peerGroup)).subtracting([0])
        let topmost = mounts.topmost
        steps = Self.views.map { view in
            let target = Path("/" + view).bytes
            let mount = topmost.last { $0.mountPoint == target }
            if let mount, ![mount].ours(of: mountPoints).isEmpty {
                let isPresent = mount.major == present?.major && mount.minor == present?.minor
                let isKnown = Self.container(mount.root).map { known?.contains($0) ?? true } ?? true
                return Step(view: view, standing: isPresent && isKnown ? .ours : .stale)
            }
            // What is there now: the mount at the very place, the one around it, or something further down.
            let around =
                mount
                ?? topmost.filter { Self.isBelow(target, $0.mountPoint) }.max {
                    $0.mountPoint.count < $1.mountPoint.count
                }
            if let around, !Self.isKernels(target, around) {
                return Step(view: view, standing: .covered(by: String(decoding: around.type, as: UTF8.self)))
            }
            if let inside = topmost.first(where: { Self.isBelow($0.mountPoint, target) && !Self.isMask($0) }) {
                return Step(view: view, standing: .covered(by: String(decoding: inside.type, as: UTF8.self)))
            }
            return Step(view: view, standing: groups.contains(around?.peerGroup ?? 0) ? .shared : .free)
        }
        let places = Set(steps.filter { $0.standing == .ours || $0.standing == .stale }.map(\.target.bytes))
        held = mounts.reachable.ours(of: mountPoints).reversed().filter { places.contains($0.mountPoint) }
    }

    /// Whether the kernel's own file shows at `target`, which `mount` is at or around.
    private static func isKernels(_ target: [UInt8], _ mount: MountInfo) -> Bool {
        for (base, type) in [("/proc", "proc"), ("/sys", "sysfs")] where target.starts(with: Array("\(base)/".utf8)) {
            // /sys/devices of sysfs is at /sys/devices, or all of it at /sys.
            let place = Array(base.utf8) + (mount.root.count > 1 ? mount.root : [])
            return mount.type.elementsEqual(type.utf8) && mount.mountPoint == place
        }
        return false
    }

    /// `ID` of `/containers/ID/proc/meminfo`; nil where the file is one by its caller.
    private static func container(_ root: [UInt8]) -> String? {
        let parts = root.split(separator: UInt8(ascii: "/"), maxSplits: 2)
        guard parts.count == 3, parts[0].elementsEqual("containers".utf8) else { return nil }
        return String(decoding: parts[1], as: UTF8.self)
    }

    /// An engine hides this of the host's CPUs; our directories do not have it.
    private static func isMask(_ mount: MountInfo) -> Bool {
        mount.mountPoint.suffix(17).elementsEqual("/thermal_throttle".utf8)
    }

    private static func isBelow(_ path: [UInt8], _ directory: [UInt8]) -> Bool {
        guard directory.count > 1 else { return path.count > 1 }
        return path.starts(with: directory) && path.count > directory.count
            && path[directory.count] == UInt8(ascii: "/")
    }
}
