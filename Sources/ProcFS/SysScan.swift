// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

import Kernel
import Samples

/// Reads which entries a `SysTree` has, one directory after the other: those of a directory before those of the next one.
struct SysScan {
    static let tops: [StaticString] = ["cpu", "node"]

    private let root: Path
    var records: [SysTable.Record] = []
    private(set) var text: [UInt8] = []
    private(set) var starts: [UInt32] = [0]
    private(set) var owners = [SysTable.Owner()]
    private(set) var policies: [CPUSet] = []
    /// Numbers of names.
    private var names: [[UInt8]: UInt16] = [:]

    init(of root: Path) {
        self.root = root
        var directories: [(number: Int, path: [UInt8])] = []
        for top in Self.tops {
            let path = Array(top.description.utf8)
            guard let name = number(ofName: path) else { continue }
            let number = records.count
            records.append(
                SysTable.Record(
                    EntryID(sysfsPath: path),
                    .directory,
                    permissions: 0o555,
                    .verbatim,
                    parent: UInt32(truncatingIfNeeded: number),
                    name: name,
                    owner: 0
                )
            )
            directories.append((number, path))
        }
        // Those of one depth.
        for _ in 0..<6 {
            var next: [(number: Int, path: [UInt8])] = []
            for directory in directories { read(directory.path, directory.number, into: &next) }
            directories = next
        }
        names = [:]
    }

    /// Appends what is in a directory; those in it to `directories`.
    private mutating func read(_ path: [UInt8], _ number: Int, into directories: inout [(number: Int, path: [UInt8])]) {
        guard let directory = try? Fd.open(root.appending(Path(path)), [.readOnly, .directory]),
            let entries = try? directory.entries(limit: 16384)
        else { return }
        var children: [(record: SysTable.Record, path: [UInt8])] = []
        for (name, type) in entries where records.count + children.count < SysTree.entryLimit {
            let path = path + [UInt8(ascii: "/")] + name
            guard let kind = SysTree.NodeType(rawValue: UInt32(type)), let rule = SysRule(path: path),
                let status = try? directory.status(of: Path(name), follow: false),
                let nameNumber = self.number(ofName: name),
                let owner = self.number(ofOwner: rule, path, in: records[number].owner)
            else { continue }
            let record = SysTable.Record(
                EntryID(sysfsPath: path),
                kind,
                permissions: status.mode & 0o555,
                rule.treatment,
                parent: UInt32(truncatingIfNeeded: number),
                name: nameNumber,
                owner: owner
            )
            children.append((record, kind == .directory ? path : []))
        }
        func order(_ id: EntryID) -> (UInt64, UInt64) { (id.position, id.rawValue) }
        for child in children.sorted(by: { order($0.record.id) < order($1.record.id) }) {
            if child.record.type == .directory { directories.append((records.count, child.path)) }
            records.append(child.record)
        }
    }

    private mutating func number(ofName name: [UInt8]) -> UInt16? {
        if let number = names[name] { return number }
        guard let number = UInt16(exactly: starts.count - 1) else { return nil }
        names[name] = number
        text += name
        starts.append(UInt32(truncatingIfNeeded: text.count))
        return number
    }

    /// Its parent's, where it has none of its own.
    private mutating func number(ofOwner rule: SysRule, _ path: [UInt8], in parent: UInt16) -> UInt16? {
        var owner = owners[Int(parent)]
        let cpu = rule.cpu.flatMap(Int32.init(exactly:)) ?? owner.cpu
        let memoryNode = rule.memoryNode.flatMap(Int32.init(exactly:)) ?? owner.memoryNode
        guard cpu != owner.cpu || memoryNode != owner.memoryNode || rule.isPolicy else { return parent }
        (owner.cpu, owner.memoryNode) = (cpu, memoryNode)
        if rule.isPolicy { owner.policy = policy(of: path) }
        guard let number = UInt16(exactly: owners.count) else { return nil }
        owners.append(owner)
        return number
    }

    /// Of a cpufreq policy: `0 1 2` (drivers/cpufreq/cpufreq.c, cpufreq_show_cpus()); none where it cannot be read.
    private mutating func policy(of path: [UInt8]) -> SysTable.Owner.Policy {
        guard let text = try? Fd.contents(of: root.appending(Path(path)).appending("related_cpus"), limit: 65536) else {
            return .none
        }
        var reader = Reader(text.span)
        var cpus = CPUSet()
        while let number = reader.blankNumber() { if let cpu = Int(exactly: number) { cpus.insert(cpu) } }
        if cpus.count == 1, let cpu = cpus.first.flatMap(Int32.init(exactly:)) { return .one(cpu) }
        policies.append(cpus)
        return .several(Int32(truncatingIfNeeded: policies.count - 1))
    }
}
