// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

import Samples

/// The entries of a `SysTree` as they were read once.
///
/// A CPU has 85 of them, and a host may have a thousand CPUs: an entry is its parent, the number of its name, which it shares
/// with all that are called the same, and a few bits. Its path is put together when somebody asks for it.
final class SysTable: Sendable {
    /// What a name's and an owner's number can be.
    static let numberLimit = 1 << 16

    struct Record: Sendable {
        /// The id (36 bits); type (4), permissions (9) and treatment (3).
        private var bits: UInt64
        /// A top directory is its own.
        let parent: UInt32
        let name: UInt16
        let owner: UInt16

        init(
            _ id: EntryID,
            _ type: SysTree.NodeType,
            permissions: UInt32,
            _ treatment: SysTreatment,
            parent: UInt32,
            name: UInt16,
            owner: UInt16
        ) {
            bits = id.rawValue & 0xF_FFFF_FFFF | UInt64(type.rawValue & 0xF) << 36
            bits |= UInt64(permissions & 0x1FF) << 40 | UInt64(treatment.rawValue & 7) << 49
            self.parent = parent
            self.name = name
            self.owner = owner
        }

        var id: EntryID { EntryID(rawValue: bits & 0xF_FFFF_FFFF) }
        /// nil: not shown.
        var type: SysTree.NodeType? { SysTree.NodeType(rawValue: UInt32(truncatingIfNeeded: bits >> 36) & 0xF) }
        var permissions: UInt32 { UInt32(truncatingIfNeeded: bits >> 40) & 0x1FF }
        var treatment: SysTreatment { SysTreatment(rawValue: UInt8(truncatingIfNeeded: bits >> 49) & 7) ?? .verbatim }

        mutating func hide() { bits &= ~(0xF << 36) }
    }

    /// To whom entries are shown; number 0 is everybody.
    struct Owner: Sendable {
        enum Policy: Sendable {
            case none
            /// Of one CPU, as nearly all are.
            case one(Int32)
            /// A number of `policies`.
            case several(Int32)
        }

        var cpu: Int32?
        var memoryNode: Int32?
        var policy = Policy.none
    }

    /// Those of one directory are one behind the other, in the order of their positions, and directories in that of these.
    let records: [Record]
    /// Numbers of records in the order of their ids.
    let order: [UInt32]
    /// All names, and where each begins; the last number is where they end.
    let text: [UInt8]
    let starts: [UInt32]
    let owners: [Owner]
    let policies: [CPUSet]

    init(_ scan: consuming SysScan) {
        // Arrays that have grown are larger than what is in them; these are not.
        var records = scan.records.map { $0 }
        scan.records = []
        let sorted = records.indices.map { UInt32(truncatingIfNeeded: $0) }
            .sorted { (records[Int($0)].id.rawValue, $0) < (records[Int($1)].id.rawValue, $1) }
        // Two paths of one hash: the later one is not shown, rather than mistaken for the other.
        for (number, next) in zip(sorted, sorted.dropFirst()) where records[Int(number)].id == records[Int(next)].id {
            records[Int(next)].hide()
        }
        order = sorted
        self.records = records
        text = scan.text.map { $0 }
        starts = scan.starts.map { $0 }
        owners = scan.owners.map { $0 }
        policies = scan.policies.map { $0 }
    }

    func node(_ id: EntryID) -> SysTree.Node? { number(of: id).flatMap(node(at:)) }

    /// In the order of their positions.
    func children(of id: EntryID) -> [(id: EntryID, node: SysTree.Node)] {
        guard let parent = number(of: id) else { return [] }
        let first = firstBelowTops { records[$0].parent >= UInt32(parent) }
        let end = firstBelowTops { records[$0].parent > UInt32(parent) }
        guard first < end else { return [] }
        let path = path(of: parent) + [UInt8(ascii: "/")]
        return (first..<end).compactMap { index in
            node(at: index, path: path + name(of: records[index])).map { (records[index].id, $0) }
        }
    }

    private func number(of id: EntryID) -> Int? {
        let index = Self.firstIndex(in: order.indices) { records[Int(order[$0])].id.rawValue >= id.rawValue }
        guard index < order.count, records[Int(order[index])].id == id else { return nil }
        return Int(order[index])
    }

    private func node(at index: Int) -> SysTree.Node? { node(at: index, path: path(of: index)) }

    private func node(at index: Int, path: [UInt8]) -> SysTree.Node? {
        let record = records[index]
        guard let type = record.type else { return nil }
        let owner = owners[Int(record.owner)]
        return SysTree.Node(
            path: path,
            type: type,
            permissions: record.permissions,
            treatment: record.treatment,
            cpu: owner.cpu.map(Int.init),
            memoryNode: owner.memoryNode.map(Int.init),
            policyCPUs: cpus(of: owner.policy)
        )
    }

    private func cpus(of policy: Owner.Policy) -> CPUSet? {
        switch policy {
        case .none: nil
        case .one(let cpu): CPUSet([Int(cpu)])
        case .several(let number): policies[Int(number)]
        }
    }

    private func path(of index: Int) -> [UInt8] {
        var path: [UInt8] = []
        path.reserveCapacity(64)
        append(pathOf: index, to: &path)
        return path
    }

    private func append(pathOf index: Int, to path: inout [UInt8]) {
        let record = records[index]
        if Int(record.parent) < index {
            append(pathOf: Int(record.parent), to: &path)
            path.append(UInt8(ascii: "/"))
        }
        path += name(of: record)
    }

    private func name(of record: Record) -> ArraySlice<UInt8> {
        text[Int(starts[Int(record.name)])..<Int(starts[Int(record.name) + 1])]
    }

    /// Top directories are their own parents; those of the others come one after the other.
    private func firstBelowTops(where isReached: (Int) -> Bool) -> Int {
        Self.firstIndex(in: min(SysScan.tops.count, records.count)..<records.count, where: isReached)
    }

    /// The first for which it is true, as it is for all that follow; the end where there is none.
    private static func firstIndex(in range: Range<Int>, where isReached: (Int) -> Bool) -> Int {
        var (low, high) = (range.lowerBound, range.upperBound)
        while low < high {
            let middle = (low + high) / 2
            if isReached(middle) { high = middle } else { low = middle + 1 }
        }
        return low
    }
}
