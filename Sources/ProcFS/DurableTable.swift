// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

import Cgroups

/// What of the container table outlives the process: which containers are registered, under which keys (node ids are made
/// of them), and with which first process.
///
/// A text of lines, each a whole change: a line that was cut short by the writer's end is left out. Pure.
struct DurableTable: Equatable, Sendable {
    struct Entry: Equatable, Sendable {
        var key: UInt32
        var id: [UInt8]
        var route: [UInt8]
        /// 0 while none was named.
        var pid: Int32 = 0
        var start = Identity.Start(bootNs: 0)
        var membership = Membership()
        /// When that process was started, where it is not the one whose start the container's is.
        var processStartNs: UInt64?
        /// The mount namespace in which others may go on when that process ends.
        var refuge: UInt64?
    }

    /// One change.
    enum Change: Equatable, Sendable {
        case registered(key: UInt32, id: [UInt8], route: [UInt8])
        case attached(key: UInt32, pid: Int32, start: Identity.Start, membership: Membership)
        /// Another process took the place of the first one, which has ended.
        case succeeded(key: UInt32, pid: Int32, startNs: UInt64)
        /// In which mount namespace others may go on when the first process ends.
        case refuge(key: UInt32, namespace: UInt64)
        case deregistered(key: UInt32)
        /// Keys up to this one have been given out.
        case lastKey(UInt32)
    }

    private(set) var entries: [UInt32: Entry] = [:]
    /// The key given out last: none is given out twice on one connection.
    private(set) var lastKey: UInt32 = 0

    init() {}

    /// `boot`: the kernel's id of this boot; what was written in another one is of no use.
    init(parsing text: [UInt8], boot: [UInt8]) {
        let all = text.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
        // Behind the last newline there is nothing, or a line without its end.
        let lines = all.dropLast()
        guard lines.first?.elementsEqual(Self.header(boot: boot).dropLast()) == true else { return }
        for line in lines.dropFirst() { if let change = Self.change(line) { apply(change) } }
    }

    static func header(boot: [UInt8]) -> [UInt8] { Array("umwelt-table 1 ".utf8) + boot + [UInt8(ascii: "\n")] }

    mutating func apply(_ change: Change) {
        switch change {
        case .registered(let key, let id, let route):
            guard ContainerTable.isValid(id: id), (1..<NodeID.keyLimit).contains(key) else { return }
            lastKey = key
            entries[key] = Entry(key: key, id: id, route: route)
        case .attached(let key, let pid, let start, let membership):
            entries[key]?.pid = pid
            entries[key]?.start = start
            entries[key]?.membership = membership
            entries[key]?.processStartNs = nil
            entries[key]?.refuge = nil
        case .succeeded(let key, let pid, let startNs):
            entries[key]?.pid = pid
            entries[key]?.processStartNs = startNs
        case .refuge(let key, let namespace): entries[key]?.refuge = namespace
        case .deregistered(let key): entries[key] = nil
        case .lastKey(let key): lastKey = key
        }
    }

    /// The shortest list of changes that makes this table, in the order of the keys.
    var changes: [Change] {
        var result: [Change] = []
        for entry in entries.values.sorted(by: { $0.key < $1.key }) {
            result.append(.registered(key: entry.key, id: entry.id, route: entry.route))
            guard entry.pid > 0 else { continue }
            let (start, membership) = (entry.start, entry.membership)
            result.append(.attached(key: entry.key, pid: entry.pid, start: start, membership: membership))
            if let refuge = entry.refuge { result.append(.refuge(key: entry.key, namespace: refuge)) }
            guard let startNs = entry.processStartNs else { continue }
            result.append(.succeeded(key: entry.key, pid: entry.pid, startNs: startNs))
        }
        return result + [.lastKey(lastKey)]
    }

    // MARK: Lines

    static func line(_ change: Change) -> [UInt8] {
        var words: [[UInt8]]
        switch change {
        case .registered(let key, let id, let route): words = ["+".bytes, "\(key)".bytes, id, route]
        case .attached(let key, let pid, let start, let membership):
            words = ["@", "\(key)", "\(pid)", "\(start.bootNs)", "\(start.clockOffsetNs)"].map(\.bytes)
            words.append(membership.text)
        case .succeeded(let key, let pid, let startNs): words = ["p", "\(key)", "\(pid)", "\(startNs)"].map(\.bytes)
        case .refuge(let key, let namespace): words = ["m".bytes, "\(key)".bytes, "\(namespace)".bytes]
        case .deregistered(let key): words = ["-".bytes, "\(key)".bytes]
        case .lastKey(let key): words = ["k".bytes, "\(key)".bytes]
        }
        words = words.map(escaped)
        return Array(words.joined(separator: [UInt8(ascii: " ")])) + [UInt8(ascii: "\n")]
    }

    static func change(_ line: ArraySlice<UInt8>) -> Change? {
        let words = line.split(separator: UInt8(ascii: " ")).map { unescaped($0) }
        func number<Number: FixedWidthInteger>(_ index: Int) -> Number? {
            index < words.count ? Number(String(decoding: words[index], as: UTF8.self)) : nil
        }
        guard let key: UInt32 = number(1) else { return nil }
        switch (words.first?.first, words.count) {
        case (UInt8(ascii: "+"), 4): return .registered(key: key, id: words[2], route: words[3])
        case (UInt8(ascii: "@"), 6):
            guard let pid: Int32 = number(2), pid > 0, let bootNs: UInt64 = number(3), let offset: Int64 = number(4)
            else { return nil }
            let start = Identity.Start(bootNs: bootNs, clockOffsetNs: offset)
            let text = words[5]
            let membership = Membership(parsing: text.span)
            return .attached(key: key, pid: pid, start: start, membership: membership)
        case (UInt8(ascii: "p"), 4):
            guard let pid: Int32 = number(2), pid > 0, let startNs: UInt64 = number(3) else { return nil }
            return .succeeded(key: key, pid: pid, startNs: startNs)
        case (UInt8(ascii: "m"), 3):
            guard let namespace: UInt64 = number(2), namespace > 0 else { return nil }
            return .refuge(key: key, namespace: namespace)
        case (UInt8(ascii: "-"), 2): return .deregistered(key: key)
        case (UInt8(ascii: "k"), 2): return .lastKey(key)
        default: return nil
        }
    }

    /// Blanks, controls, `%` and what is not ASCII as `%` and two hexadecimal digits; nothing as `%`.
    private static func escaped(_ word: [UInt8]) -> [UInt8] {
        guard !word.isEmpty else { return [UInt8(ascii: "%")] }
        let digits = Array("0123456789abcdef".utf8)
        return word.flatMap { byte in
            (0x21..<0x7F).contains(byte) && byte != UInt8(ascii: "%")
                ? [byte] : [UInt8(ascii: "%"), digits[Int(byte >> 4)], digits[Int(byte & 15)]]
        }
    }

    private static func unescaped(_ word: ArraySlice<UInt8>) -> [UInt8] {
        var result: [UInt8] = []
        var rest = word
        while let byte = rest.popFirst() {
            guard byte == UInt8(ascii: "%") else {
                result.append(byte)
                continue
            }
            let digits = rest.prefix(2)
            guard digits.count == 2, let value = UInt8(String(decoding: digits, as: UTF8.self), radix: 16) else {
                break
            }
            rest = rest.dropFirst(2)
            result.append(value)
        }
        return result
    }
}

extension String {
    fileprivate var bytes: [UInt8] { Array(utf8) }
}
