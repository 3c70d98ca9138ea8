// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

/// /proc/PID/status (kernel fs/proc/array.c, proc_pid_status), what we need of it.
package struct ProcessStatus: Equatable, Sendable {
    /// Pid namespaces nest at most 32 deep (MAX_PID_NS_LEVEL).
    package static let capacity = 33

    /// The process's number in the reader's pid namespace, then in each below it (`NSpid`).
    package var namespacePIDs: [UInt64] = []

    package init(parsing bytes: Span<UInt8>) {
        var reader = Reader(bytes)
        // Name, the one line a process can choose, has its newlines escaped.
        while var line = reader.line() {
            guard line.take("NSpid:") else { continue }
            while namespacePIDs.count < Self.capacity, let pid = line.blankNumber() { namespacePIDs.append(pid) }
            return
        }
    }
}
