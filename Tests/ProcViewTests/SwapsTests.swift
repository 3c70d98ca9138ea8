// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

import Testing

@testable import ProcView
@testable import Samples

@Suite struct SwapsTests {
    @Test func columnsAreTheKernels() {
        let text = Swaps.text(MemoryFigures(host: Hosts.withSwap, memory: Hosts.container))
        #expect(
            text.string == """
                Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority
                none                                    virtual\t\t65536\t\t16384\t\t0

                """
        )
    }

    @Test func greatSizesTakeOneTab() {
        var host = Hosts.withSwap
        for index in host.lines.indices where string(host.lines[index].name) == "SwapTotal" {
            host.set(16_777_212, at: index)
        }
        var sample = MemorySample()
        sample.swapUsage = 12_000_000 << 10
        let text = Swaps.text(MemoryFigures(host: host, memory: sample))
        #expect(text.string.hasSuffix("virtual\t\t16777212\t12000000\t0\n"))
    }

    @Test func withoutSwapOnlyTheHeader() {
        let figures = MemoryFigures(host: Hosts.meminfo(Captured.meminfo), memory: Hosts.container)
        #expect(Swaps.text(figures).string == "Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n")
    }
}
