// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

/// Docker's stream of a container's output without a terminal: frames of a type, three zeros, a length, and that many bytes.
///
/// A frame is handed on as it comes: its length, which is what the other side says, reserves nothing.
package struct StreamFrames: Sendable {
    private var head: [UInt8] = []
    private var isError = false
    /// What of the frame is still to come.
    private var left = 0

    package init() {}

    /// Takes what was received; what of it is output.
    package mutating func feed(_ bytes: ArraySlice<UInt8>) -> [(isError: Bool, text: [UInt8])] {
        var result: [(isError: Bool, text: [UInt8])] = []
        var rest = bytes
        while !rest.isEmpty {
            if left == 0 {
                let part = rest.prefix(8 - head.count)
                head += part
                rest = rest.dropFirst(part.count)
                guard head.count == 8 else { break }
                isError = head[0] == 2
                left = head[4...].reduce(0) { $0 << 8 | Int($1) }
                head = []
            } else {
                let part = rest.prefix(left)
                result.append((isError, Array(part)))
                left -= part.count
                rest = rest.dropFirst(part.count)
            }
        }
        return result
    }
}
