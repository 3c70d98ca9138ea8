// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

package import Samples

/// /proc/pressure/{cpu,memory,io} (kernel kernel/sched/psi.c, psi_show).
package enum Pressure {
    /// The cgroup's own pressure file as it stands if it is one, else the kernel's format with zeros.
    ///
    /// nil: the cgroup has none (v1, psi=0, or cgroup.pressure 0).
    package static func text(_ cgroup: [UInt8]?) -> Text {
        var text = Text(capacity: 160)
        if let cgroup, isWellFormed(cgroup) {
            text.append(cgroup)
            return text
        }
        text.append("some avg10=0.00 avg60=0.00 avg300=0.00 total=0\n")
        text.append("full avg10=0.00 avg60=0.00 avg300=0.00 total=0\n")
        return text
    }

    /// One or two lines, `some` then `full`, each whole to its newline.
    private static func isWellFormed(_ bytes: [UInt8]) -> Bool {
        guard bytes.count <= 4096, bytes.last == UInt8(ascii: "\n") else { return false }
        var reader = Reader(bytes.span)
        guard var some = reader.line(), some.take("some "), isAverages(some) else { return false }
        guard var full = reader.line() else { return true }
        return full.take("full ") && isAverages(full) && reader.isAtEnd
    }

    private static func isAverages(_ line: borrowing Reader) -> Bool {
        var line = copy line
        return line.take("avg10=") && isHundredths(&line) && line.take(" avg60=") && isHundredths(&line)
            && line.take(" avg300=") && isHundredths(&line) && line.take(" total=") && line.number() != nil
            && line.isAtEnd
    }

    private static func isHundredths(_ line: inout Reader) -> Bool {
        line.number() != nil && line.take(UInt8(ascii: ".")) && line.number() != nil
    }
}
