// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

import Samples

extension CPUAccount {
    /// All that the account remembers, as numbers, for a process that goes on with it.
    package var words: [UInt64] {
        var words = [
            ageNs, taken.user, taken.nice, taken.system, takenThrottled, debt.user, debt.nice, debt.system,
            UInt64(told.count), UInt64(takenPerCPU.count),
        ]
        for (cpu, entry) in told {
            let mark: UInt64 = visible.contains(cpu) ? 1 << 63 : 0
            words += [UInt64(clamping: cpu) | mark, entry.work.user, entry.work.nice, entry.work.system]
            words += [entry.steal, entry.idle]
        }
        for (cpu, times) in takenPerCPU { words += [UInt64(clamping: cpu), times.user, times.system] }
        return words
    }

    /// How many words an account of a machine with so many CPUs has at most.
    package static func wordLimit(cpus: Int) -> Int { 10 + 9 * max(0, min(cpus, CPUSet.capacity)) }

    /// The account that wrote these words; nil where none did.
    package init?(words: [UInt64]) {
        guard words.count >= 10, let entries = Int(exactly: words[8]), let perCPU = Int(exactly: words[9]),
            entries <= CPUSet.capacity, perCPU <= CPUSet.capacity, words.count == 10 + 6 * entries + 3 * perCPU
        else { return nil }
        self.init()
        ageNs = words[0]
        taken = CPUWork(user: words[1], nice: words[2], system: words[3])
        takenThrottled = words[4]
        debt = CPUWork(user: words[5], nice: words[6], system: words[7])
        var seen = CPUSet()
        for index in 0..<entries {
            let entry = words[(10 + 6 * index)..<(16 + 6 * index)]
            let first = entry[entry.startIndex]
            guard let cpu = Int(exactly: first & ~(1 << 63)), cpu < CPUSet.capacity else { return nil }
            if first >> 63 == 1 { seen.insert(cpu) }
            let told = Array(entry.dropFirst())
            let work = CPUWork(user: told[0], nice: told[1], system: told[2])
            self.told[cpu] = Told(work: work, steal: told[3], idle: told[4])
        }
        visible = seen
        for index in 0..<perCPU {
            let start = 10 + 6 * entries + 3 * index
            guard let cpu = Int(exactly: words[start]), cpu < CPUSet.capacity else { return nil }
            takenPerCPU[cpu] = CPUTimes(user: words[start + 1], system: words[start + 2])
        }
    }
}
