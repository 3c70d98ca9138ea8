// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

import Testing

@testable import Samples

@Suite struct CPUInfoTests {
    @Test func x86() {
        let text = bytes(Captured.cpuinfoX86)
        let info = CPUInfo(parsing: text.span)
        #expect(info.blocks.map(\.processor) == [0, 1])
        #expect(info.header.isEmpty)
        #expect(info.trailer.isEmpty)
        #expect(info.blocks.allSatisfy { string($0.text).hasSuffix("power management:\n") })
    }

    @Test func trailerOfPowerPC() {
        let text = bytes(
            "processor\t: 0\ncpu\t\t: POWER9\n\nprocessor\t: 8\ncpu\t\t: POWER9\n\ntimebase\t: 512000000\n"
        )
        let info = CPUInfo(parsing: text.span)
        #expect(info.blocks.map(\.processor) == [0, 8])
        #expect(string(info.trailer) == "timebase\t: 512000000\n")
    }

    @Test func s390x() {
        let text = bytes(
            "vendor_id       : IBM/S390\n# processors    : 2\nprocessor 0: version = FF\nprocessor 1: version = FF\n"
                + "\ncpu number      : 0\ncpu MHz dynamic : 5200\n\ncpu number      : 1\ncpu MHz dynamic : 5200\n"
        )
        let info = CPUInfo(parsing: text.span)
        #expect(info.isS390)
        #expect(string(info.header).hasSuffix("# processors    : 2\n"))
        #expect(info.summary.map(\.processor) == [0, 1])
        #expect(info.blocks.map(\.processor) == [0, 1])
        #expect(info.trailer.isEmpty)
    }

    @Test func aModelNameIsNoProcessor() {
        let text = bytes("Processor\t: ARMv7 Processor rev 4\nprocessor\t: 0\nBogoMIPS\t: 38.40\n\nprocessor\t: x\n")
        let info = CPUInfo(parsing: text.span)
        #expect(string(info.header) == "Processor\t: ARMv7 Processor rev 4\n")
        #expect(info.blocks.map(\.processor) == [0])
        #expect(string(info.trailer) == "processor\t: x\n")
    }
}
