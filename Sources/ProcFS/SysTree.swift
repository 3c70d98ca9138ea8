// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

import Kernel
import Samples
import Synchronization

/// The parts of /sys/devices/system that containers see, as the host has them: which entries there are and how each is
/// shown.
///
/// Read once, and again where a name is looked up that the host has and it does not know, or a directory is listed and a CPU
/// came, at most once a second. On a host of many CPUs that takes long: who asks so waits, and nobody else. The
/// content of files is read when they are opened.
final class SysTree: Sendable {
    /// Entries in all; a host of 1024 CPUs has about 90,000.
    static let entryLimit = 1 << 17

    struct Node: Sendable {
        /// Below /sys/devices/system, without a leading slash: `cpu/cpu0/topology`.
        var path: [UInt8]
        var type: NodeType
        /// Permission bits.
        var permissions: UInt32
        var treatment: SysTreatment
        /// Shown only to containers that see this CPU, or this memory node.
        var cpu: Int?
        var memoryNode: Int?
        /// Shown only to containers that see one of these: a cpufreq policy's.
        var policyCPUs: CPUSet?

        /// Whether it is shown to some containers, and to others not.
        var depends: Bool { cpu != nil || memoryNode != nil || policyCPUs != nil }

        var name: ArraySlice<UInt8> {
            guard let slash = path.lastIndex(of: UInt8(ascii: "/")) else { return path[...] }
            return path[(slash + 1)...]
        }
    }

    enum NodeType: UInt32, Sendable {
        case directory = 4
        case file = 8
        case link = 10
    }

    /// /sys/devices/system, or a fixture.
    let root: Path
    /// Held for as long as it takes to get hold of it.
    private let table: Mutex<SysTable>
    /// CPUs that are all known.
    private let knownCPUs = Mutex(CPUSet())
    /// When the tree was read again, of the monotonic clock; held while it is.
    private let rescannedAt = Mutex<UInt64>(0)

    init(root: Path) {
        self.root = root
        table = Mutex(SysTable(SysScan(of: root)))
    }

    func node(_ entry: EntryID) -> Node? { table.withLock { $0 }.node(entry) }

    /// The child of `parent` with this name.
    func child(_ name: [UInt8], of parent: Node) -> (id: EntryID, node: Node)? {
        let path = parent.path + [UInt8(ascii: "/")] + name
        let id = EntryID(sysfsPath: path)
        if node(id) == nil, SysRule(path: path) != nil, FileTree.isThere(root.appending(Path(path))) { rescan(for: id) }
        guard let node = node(id), node.name.elementsEqual(name) else { return nil }
        return (id, node)
    }

    /// In the order of their positions in a listing: an entry has its own, whatever comes beside it.
    func children(of parent: Node) -> [(id: EntryID, node: Node)] {
        table.withLock { $0 }.children(of: EntryID(sysfsPath: parent.path))
    }

    /// Has the tree read again where it does not know one of these CPUs, and the host has it.
    func look(for cpus: CPUSet) {
        guard knownCPUs.withLock({ $0 != cpus }), let parent = node(EntryID(sysfsPath: Array("cpu".utf8))) else {
            return
        }
        if cpus.numbers.allSatisfy({ child(Array("cpu\($0)".utf8), of: parent) != nil }) {
            knownCPUs.withLock { $0 = cpus }
        }
    }

    /// Returns when somebody has read the tree again, unless that was a moment ago.
    private func rescan(for id: EntryID) {
        rescannedAt.withLock { rescannedAt in
            // Somebody did, while this thread waited.
            guard node(id) == nil, Clock.monotonic &- rescannedAt > 1_000_000_000 else { return }
            let table = SysTable(SysScan(of: root))
            self.table.withLock { $0 = table }
            rescannedAt = Clock.monotonic
        }
    }
}
