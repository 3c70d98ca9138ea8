// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

package import Samples

/// /proc/cpuinfo (kernel fs/proc/cpuinfo.c, and arch/*/kernel for each architecture's show_cpuinfo()).
package enum CPUInfoView {
    /// The host's blocks of the CPUs in sight, under the kernel's numbers, with what stands before and after them.
    ///
    /// `siblings` and `cpu cores` (x86: arch/x86/kernel/cpu/proc.c) count the CPUs and cores of the package that are in
    /// sight, s390x's `# processors` all that are.
    package static func text(_ host: CPUInfo, visible: CPUSet) -> Text {
        let blocks = host.blocks.filter { visible.contains($0.processor) }
        let places = blocks.map { Place($0) }
        var siblings: [UInt64: UInt64] = [:]
        var cores: [UInt64: Set<UInt64>] = [:]
        for place in places {
            guard let package = place.package else { continue }
            siblings[package, default: 0] += 1
            cores[package, default: []].insert(place.core ?? 0)
        }
        var text = Text(capacity: blocks.reduce(host.header.count) { $0 &+ $1.text.count &+ 1 })
        append(host.header, to: &text) { line in
            line.starts(with: "# processors") ? UInt64(clamping: blocks.count) : nil
        }
        for line in host.summary where visible.contains(line.processor) { text.append(line.text) }
        for (block, place) in zip(blocks, places) {
            if host.isS390 { text.append("\n") }
            append(block.text, to: &text) { line in
                guard let package = place.package else { return nil }
                if line.starts(with: "siblings") { return siblings[package] }
                if line.starts(with: "cpu cores") { return UInt64(clamping: cores[package]?.count ?? 1) }
                return nil
            }
            if !host.isS390 { text.append("\n") }
        }
        text.append(host.trailer)
        return text
    }

    /// Where in the machine a CPU sits, as far as its block tells.
    private struct Place {
        var package: UInt64?
        var core: UInt64?

        init(_ block: CPUInfoBlock) {
            var reader = Reader(block.text.span)
            while var line = reader.line() {
                if line.take("physical id") {
                    package = CPUInfoView.value(&line)
                } else if line.take("core id") {
                    core = CPUInfoView.value(&line)
                }
            }
        }
    }

    /// The number after the colon.
    private static func value(_ line: inout Reader) -> UInt64? {
        _ = line.field(until: UInt8(ascii: ":"))
        return line.blankNumber()
    }

    /// Appends the lines of `block`; where `number` has one for a line, in place of what stands after the colon.
    private static func append(_ block: [UInt8], to text: inout Text, number: (borrowing Reader) -> UInt64?) {
        var reader = Reader(block.span)
        while var line = reader.line() {
            guard let number = number(line) else {
                text.append(line)
                text.append("\n")
                continue
            }
            text.append(line.field(until: UInt8(ascii: ":")))
            text.append(": ")
            text.append(number)
            text.append("\n")
        }
    }
}
