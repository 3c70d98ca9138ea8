// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

import FuseWire
import Synchronization

/// What the session has done, for people and metrics.
///
/// Lock-free; each number may be a moment old.
package final class Counters: Sendable {
    /// Opcodes of this number and above share the last place.
    private static let opcodes = 64

    private let requests: [Counter]
    private let errors = Counter()
    private let malformed = Counter()
    private let unimplemented = Counter()
    private let rerendered = Counter()
    private let exchanged = Counter()

    package init() { requests = (0..<Self.opcodes).map { _ in Counter() } }

    func count(_ opcode: Opcode) { requests[Int(min(opcode.rawValue, UInt32(Self.opcodes - 1)))].add() }
    func countError() { errors.add() }
    func countMalformed() { malformed.add() }
    func countUnimplemented() { unimplemented.add() }
    func countRerendered() { rerendered.add() }
    func countExchanged() { exchanged.add() }

    /// Messages that were no requests.
    package var malformedCount: UInt64 { malformed.value }

    package var unimplementedCount: UInt64 { unimplemented.value }

    /// Requests that one thread has taken and left to another, on their reader's CPU.
    package var exchangedCount: UInt64 { exchanged.value }

    /// `name value` pairs in a fixed order; requests by opcode number where there were any.
    package var all: [(name: String, value: UInt64)] {
        var result: [(name: String, value: UInt64)] = [
            ("fuse_errors_total", errors.value), ("fuse_malformed_total", malformed.value),
            ("fuse_unimplemented_total", unimplemented.value), ("fuse_rerendered_total", rerendered.value),
            ("fuse_exchanged_total", exchanged.value),
        ]
        for (opcode, counter) in requests.enumerated() where counter.value > 0 {
            result.append(("fuse_requests_total{opcode=\"\(opcode)\"}", counter.value))
        }
        return result
    }
}

private final class Counter: Sendable {
    private let number = Atomic<UInt64>(0)

    func add() { number.wrappingAdd(1, ordering: .relaxed) }

    var value: UInt64 { number.load(ordering: .relaxed) }
}
