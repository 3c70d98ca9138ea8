// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

package import Samples

/// The CPU list files of /sys/devices/system/cpu (kernel drivers/base/cpu.c), and filters for the topology files below it.
package enum CPULists {
    /// `online`, `possible` and `present`: all three are what the container sees.
    package static func online(_ visible: CPUSet) -> Text {
        var text = Text()
        text.append(cpulist: visible)
        text.append("\n")
        return text
    }

    /// `offline`: no CPU is hidden from a container and yet there, so an empty line, as the kernel prints it.
    package static func offline() -> Text {
        var text = Text()
        text.append("\n")
        return text
    }

    /// A cpulist file of the host (`core_cpus_list`), cut to the CPUs in sight; also of cpufreq's form (`affected_cpus`:
    /// `0 1 2`).
    package static func list(_ host: Span<UInt8>, visible: CPUSet) -> Text {
        if let set = CPUSet(parsingList: host) { return online(set.intersection(visible)) }
        // Kernel drivers/cpufreq/cpufreq.c, cpufreq_show_cpus().
        var text = Text()
        var reader = Reader(host)
        while let number = reader.blankNumber() {
            guard let cpu = Int(exactly: number), visible.contains(cpu) else { continue }
            if !text.bytes.isEmpty { text.append(" ") }
            text.append(number)
        }
        text.append("\n")
        return text
    }

    /// A cpumask file of the host (`core_cpus`), cut to the CPUs in sight; the width stays.
    package static func mask(_ host: Span<UInt8>, visible: CPUSet) -> Text {
        var width = 0
        var reader = Reader(host)
        while let byte = reader.next(), byte != UInt8(ascii: "\n") { width += byte == UInt8(ascii: ",") ? 0 : 1 }
        var text = Text()
        text.append(
            cpumask: (CPUSet(parsingMask: host) ?? CPUSet()).intersection(visible),
            digits: min(width, CPUSet.capacity / 4)
        )
        text.append("\n")
        return text
    }
}
