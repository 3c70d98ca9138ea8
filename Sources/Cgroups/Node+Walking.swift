// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

import Kernel
import Samples

/// A node and its ancestors from there up, without the hierarchy's root, which has no limits.
struct Levels: Sequence, IteratorProtocol {
    private var current: Node?

    init(_ node: Node) { current = node }

    mutating func next() -> Node? {
        guard let node = current, !node.isRoot else { return nil }
        current = node.parent
        return node
    }
}

extension Node {
    var levels: Levels { Levels(self) }

    /// The parsed content; nil where there is no such file, `malformed` where `parse` says nil.
    func value<Result>(_ file: CgroupFile, _ parse: (Span<UInt8>) -> Result?) throws(CgroupError) -> Result? {
        guard let parsed = try read(file, parse) else { return nil }
        guard let parsed else { throw CgroupError(.parse, path(of: file), .malformed) }
        return parsed
    }

    func number(_ file: CgroupFile) throws(CgroupError) -> UInt64? { try value(file, Parse.number) }

    /// The parsed memory.stat; nil where there is none.
    func memoryStat() throws(CgroupError) -> MemoryStat? {
        let isV1 = version == .v1
        return try value(.memoryStat) { isV1 ? MemoryStat(parsingV1: $0) : MemoryStat(parsingV2: $0) }
    }

    /// nil where there is no such file, or it sets no limit.
    func limit(_ file: CgroupFile) throws(CgroupError) -> UInt64? {
        try value(file) { Limit(parsing: $0) }?.value
    }

    /// The first answer on the way up, the hierarchy's root excluded.
    func nearest<Result>(_ file: CgroupFile, _ parse: (Span<UInt8>) -> Result?) throws(CgroupError) -> Result? {
        if isRoot { return nil }
        // Mostly here, without a walk.
        if let value = try value(file, parse) { return value }
        for node in levels.dropFirst() {
            if let value = try node.value(file, parse) { return value }
        }
        return nil
    }

    /// The nearest level that has `file`, and the number in it.
    func nearestNumber(_ file: CgroupFile) throws(CgroupError) -> (value: UInt64, level: Node)? {
        if isRoot { return nil }
        if let value = try number(file) { return (value, self) }
        for node in levels.dropFirst() {
            if let value = try node.number(file) { return (value, node) }
        }
        return nil
    }

    /// The least limit on the way up; nil: none.
    func leastLimit(_ file: CgroupFile) throws(CgroupError) -> UInt64? {
        var least: UInt64?
        for node in levels { least = minimum(least, try node.limit(file)) }
        return least
    }

    /// The least limit on the way up, and the least (limit - usage), never below 0; nil where nothing sets one.
    ///
    /// `own` is the usage of this level.
    func least(
        _ limitFile: CgroupFile,
        _ usageFile: CgroupFile,
        own: UInt64
    ) throws(CgroupError) -> (limit: UInt64?, headroom: UInt64?) {
        var (least, headroom): (UInt64?, UInt64?)
        for level in levels {
            guard let limit = try level.limit(limitFile) else { continue }
            let usage = level === self ? own : try level.number(usageFile) ?? 0
            least = minimum(least, limit)
            headroom = minimum(headroom, limit.subtracting(orMin: usage))
        }
        return (least, headroom)
    }
}

/// The lesser of two limits, where nil is none.
func minimum(_ one: UInt64?, _ other: UInt64?) -> UInt64? {
    guard let one, let other else { return one ?? other }
    return min(one, other)
}
