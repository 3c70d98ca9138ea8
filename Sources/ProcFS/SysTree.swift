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
    /// Entries in all; a host of 1024 CPUs has about 60,000.
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
        /// In the order of these, which are their positions in a listing: an entry has its own, whatever comes beside it.
        var children: [EntryID] = []

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
    /// Held for as long as it takes to look one up.
    private let nodes = Mutex<[EntryID: Node]>([:])
    /// CPUs that are all known.
    private let knownCPUs = Mutex(CPUSet())
    /// When the tree was read again, of the monotonic clock; held while it is.
    private let rescannedAt = Mutex<UInt64>(0)

    init(root: Path) {
        self.root = root
        let nodes = scan()
        self.nodes.withLock { $0 = nodes }
    }

    func node(_ entry: EntryID) -> Node? { nodes.withLock { $0[entry] } }

    /// The child of `parent` with this name.
    func child(_ name: [UInt8], of parent: Node) -> (id: EntryID, node: Node)? {
        let path = parent.path + [UInt8(ascii: "/")] + name
        let id = EntryID(sysfsPath: path)
        if node(id) == nil, SysRule(path: path) != nil, FileTree.isThere(root.appending(Path(path))) { rescan(for: id) }
        guard let node = node(id), node.name.elementsEqual(name) else { return nil }
        return (id, node)
    }

    func children(of parent: Node) -> [(id: EntryID, node: Node)] {
        let nodes = nodes.withLock { $0 }
        return parent.children.compactMap { id in nodes[id].map { (id, $0) } }
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
            let nodes = scan()
            self.nodes.withLock { $0 = nodes }
            rescannedAt = Clock.monotonic
        }
    }

    private func scan() -> [EntryID: Node] {
        var nodes: [EntryID: Node] = [:]
        for top in ["cpu", "node"] as [StaticString] {
            let path = Array(top.description.utf8)
            let id = EntryID(sysfsPath: path)
            var node = Node(path: path, type: .directory, permissions: 0o555, treatment: .verbatim)
            node.children = scanDirectory(path, depth: 0, in: node, into: &nodes)
            nodes[id] = node
        }
        return nodes
    }

    private func scanDirectory(
        _ path: [UInt8],
        depth: Int,
        in parent: Node,
        into nodes: inout [EntryID: Node]
    ) -> [EntryID] {
        guard depth < 6, let directory = try? Fd.open(root.appending(Path(path)), [.readOnly, .directory]),
            let entries = try? directory.entries(limit: 16384)
        else { return [] }
        var children: [EntryID] = []
        for (name, type) in entries where nodes.count < Self.entryLimit {
            let childPath = path + [UInt8(ascii: "/")] + name
            guard let kind = NodeType(rawValue: UInt32(type)), let rule = SysRule(path: childPath),
                let status = try? directory.status(of: Path(name), follow: false)
            else { continue }
            let id = EntryID(sysfsPath: childPath)
            // Two paths of one hash: the later one is not shown, rather than mistaken for the other.
            if nodes[id] != nil { continue }
            var node = Node(
                path: childPath,
                type: kind,
                permissions: status.mode & 0o555,
                treatment: rule.treatment,
                cpu: rule.cpu ?? parent.cpu,
                memoryNode: rule.memoryNode ?? parent.memoryNode,
                policyCPUs: rule.isPolicy ? relatedCPUs(of: childPath) : parent.policyCPUs
            )
            nodes[id] = node
            if kind == .directory {
                node.children = scanDirectory(childPath, depth: depth + 1, in: node, into: &nodes)
                nodes[id] = node
            }
            children.append(id)
        }
        return children.sorted { ($0.position, $0.rawValue) < ($1.position, $1.rawValue) }
    }

    /// Of a cpufreq policy: `0 1 2` (drivers/cpufreq/cpufreq.c, cpufreq_show_cpus()); nil where it cannot be read.
    private func relatedCPUs(of path: [UInt8]) -> CPUSet? {
        guard let text = try? Fd.contents(of: root.appending(Path(path)).appending("related_cpus"), limit: 65536) else {
            return nil
        }
        var reader = Reader(text.span)
        var cpus = CPUSet()
        while let number = reader.blankNumber() { if let cpu = Int(exactly: number) { cpus.insert(cpu) } }
        return cpus
    }
}
