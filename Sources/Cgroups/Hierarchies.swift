// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

package import Kernel
import Samples
import Synchronization

/// Which controller lives where on this machine: in a v1 hierarchy of its own or shared, or in v2, each for itself.
///
/// Named v1 hierarchies are ignored. Makes the handles on containers' cgroups, which share open descriptors.
///
/// Safe for use by several threads.
package final class Hierarchies: Sendable {
    private let prefix: Path
    private let kept: KeptFiles
    private let layout: Mutex<Layout>
    private let hugePageSizes: [UInt64]

    /// Finds the hierarchies in `mountinfo` (the bytes of /proc/PID/mountinfo).
    ///
    /// - Parameters:
    ///   - mountinfo: of a process that sees the cgroup file systems.
    ///   - prefix: the root directory of that PID: `/` for the daemon's own mounts, `/proc/1/root` for the host's.
    ///   - keptDescriptors: how many files of cgroups stay open, in the whole process; each pins some 4.6 kB of kernel
    ///     memory. Keep it well below RLIMIT_NOFILE.
    ///   - hugePages: where the kernel has a directory for each size of huge pages.
    package init(
        mountinfo: [UInt8],
        prefix: Path = "/",
        keptDescriptors: Int = 512,
        hugePages: Path = "/sys/kernel/mm/hugepages"
    ) {
        self.prefix = prefix
        hugePageSizes = Self.hugePageSizes(hugePages)
        let kept = KeptFiles(limit: keptDescriptors)
        self.kept = kept
        layout = Mutex(Layout(mountinfo: mountinfo, prefix: prefix, kept: kept))
    }

    /// Looks again, after something was mounted.
    ///
    /// Handles made before go on reading where they did; whether the hierarchies differ now, so that new handles are
    /// needed, is the result.
    package func refresh(mountinfo: [UInt8]) -> Bool {
        let fresh = Layout(mountinfo: mountinfo, prefix: prefix, kept: kept)
        return layout.withLock { layout in
            guard !fresh.isSame(as: layout) else { return false }
            layout = fresh
            return true
        }
    }

    /// A handle on the cgroups of a container.
    ///
    /// Makes no system call.
    ///
    /// Paths that leave the reader's cgroup namespace (`/..`), or that lie outside what is mounted, count as none.
    package func cgroup(_ membership: Membership) -> Cgroup {
        layout.withLock { Cgroup(membership, $0, hugePageSizes: hugePageSizes) }
    }

    /// Where `controller` lives; nil where it is not mounted.
    package func version(of controller: Controller) -> CgroupVersion? {
        layout.withLock { $0.hierarchy(of: controller)?.version }
    }

    /// The directory where the hierarchy of `controller` is mounted, prefix included.
    package func directory(of controller: Controller) -> Path? {
        layout.withLock { $0.hierarchy(of: controller)?.top.path }
    }

    /// Whether a v2 hierarchy is mounted, with controllers or without.
    package var hasUnified: Bool { layout.withLock { $0.unified != nil } }

    /// How many files of cgroups are open now.
    package var keptDescriptors: Int { kept.count }

    /// The sizes of huge pages this kernel has (`hugepages-2048kB`), in bytes, ascending.
    ///
    /// They are fixed at boot.
    private static func hugePageSizes(_ directory: Path) -> [UInt64] {
        guard let names = try? Fd.open(directory, [.directory]).entries(limit: 64) else { return [] }
        return names.compactMap { entry in
            var reader = Reader(entry.name.span)
            guard reader.take("hugepages-"), let kilobytes = reader.number(), reader.equals("kB") else { return nil }
            return kilobytes.multiplied(orMax: 1024)
        }.sorted()
    }
}
