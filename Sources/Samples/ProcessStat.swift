// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

/// /proc/PID/stat (kernel fs/proc/array.c, do_task_stat), what we need of it.
package struct ProcessStat: Equatable, Sendable {
    /// R, S, D, Z, T and so on.
    package var state: UInt8
    package var parent: UInt64
    package var threads: UInt64
    /// Since boot, in USER_HZ ticks, in the reader's time namespace.
    package var startTicks: UInt64
    /// CPU it last ran on.
    package var processor: UInt64

    /// nil where `bytes` are no such line up to `processor` (field 39).
    ///
    /// The second field is the command's name in parentheses, and may itself hold parentheses, blanks and newlines: it
    /// ends at the last `)`.
    package init?(parsing bytes: Span<UInt8>) {
        var reader = Reader(bytes)
        guard reader.number() != nil, reader.take(" ("), let close = reader.lastOffset(of: UInt8(ascii: ")")) else {
            return nil
        }
        reader.skip(close + 1)
        guard reader.take(UInt8(ascii: " ")), let state = reader.next(), let parent = reader.blankNumber(),
            reader.skipFields(5...19), let threads = reader.blankNumber(), reader.skipFields(21...21),
            let start = reader.blankNumber(), reader.skipFields(23...38), let processor = reader.blankNumber()
        else { return nil }
        self.state = state
        self.parent = parent
        self.threads = threads
        startTicks = start
        self.processor = processor
    }
}

extension Reader {
    /// Steps over the fields numbered as proc(5) numbers them; false where the line ends before.
    fileprivate mutating func skipFields(_ fields: ClosedRange<Int>) -> Bool {
        for _ in fields where word().isAtEnd { return false }
        return true
    }
}
