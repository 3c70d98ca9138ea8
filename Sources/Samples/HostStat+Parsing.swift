// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

extension HostStat {
    /// /proc/stat (kernel fs/proc/stat.c, show_stat).
    package init(parsing bytes: Span<UInt8>) {
        self.init()
        var reader = Reader(bytes)
        while var line = reader.line() {
            if line.take("cpu") {
                guard let cpu = line.number(), cpu < UInt64(CPUSet.capacity) else { continue }
                var columns: [UInt64] = []
                columns.reserveCapacity(10)
                while columns.count < 10 { columns.append(line.blankNumber() ?? 0) }
                perCPU[Int(truncatingIfNeeded: cpu)] = columns
            } else if line.take("btime ") {
                bootTime = line.number() ?? 0
            }
        }
    }

    /// The CPUs that have a line: those online.
    package var cpus: CPUSet { CPUSet(perCPU.keys) }
}
