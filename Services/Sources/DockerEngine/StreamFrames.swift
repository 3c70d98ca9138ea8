// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

/// Docker's stream of a container's output without a terminal: frames of a type, three zeros, a length, and that many bytes.
package struct StreamFrames: Sendable {
    private var pending: [UInt8] = []

    package init() {}

    /// Takes what was received; the whole frames in it.
    package mutating func feed(_ bytes: ArraySlice<UInt8>) -> [(isError: Bool, text: [UInt8])] {
        pending += bytes
        var result: [(isError: Bool, text: [UInt8])] = []
        var start = 0
        while pending.count - start >= 8 {
            let length = pending[(start + 4)..<(start + 8)].reduce(0) { $0 << 8 | Int($1) }
            guard pending.count - start - 8 >= length else { break }
            result.append((pending[start] == 2, Array(pending[(start + 8)..<(start + 8 + length)])))
            start += 8 + length
        }
        pending.removeFirst(start)
        return result
    }
}
