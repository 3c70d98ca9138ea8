// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

import Testing

@testable import ProcView
@testable import Samples

@Suite struct SlabinfoTests {
    /// LXCFS 7 shows every reader the host's table, which the host itself keeps to root.
    @Test func lxcfsSlabinfoDisclosed() {
        let lines = Slabinfo.text().string.split(separator: "\n")
        #expect(lines.count == 2)
        #expect(lines[0] == "slabinfo - version: 2.1")
        #expect(
            lines[1].hasPrefix("# name            <active_objs> <num_objs> <objsize> <objperslab> <pagesperslab> : ")
        )
        #expect(lines[1].hasSuffix(" : slabdata <active_slabs> <num_slabs> <sharedavail>"))
    }
}

@Suite struct PressureTests {
    static let zeros = """
        some avg10=0.00 avg60=0.00 avg300=0.00 total=0
        full avg10=0.00 avg60=0.00 avg300=0.00 total=0

        """

    @Test(arguments: [
        Captured.pressure, zeros, "some avg10=0.41 avg60=1.54 avg300=1.07 total=9876270\n",
        "some avg10=100.00 avg60=1.54 avg300=1.07 total=18446744073709551615\n"
            + "full avg10=0.00 avg60=0.00 avg300=0.00 total=0\n",
    ])
    func theCgroupsOwn(_ text: String) {
        #expect(Pressure.text(bytes(text)).string == text)
    }

    @Test(arguments: [
        "", "\n", "some", "full avg10=0.00 avg60=0.00 avg300=0.00 total=0\n",
        "some avg10=0.00 avg60=0.00 avg300=0.00 total=0", "some avg10=0 avg60=0.00 avg300=0.00 total=0\n",
        "some avg10=0.00 avg60=0.00 avg300=0.00 total=0\nsome avg10=0.00 avg60=0.00 avg300=0.00 total=0\n",
        zeros + "more\n", "some avg10=0.00 avg60=0.00 avg300=0.00 total=0 \n",
    ])
    func elseZeros(_ text: String) {
        #expect(Pressure.text(bytes(text)).string == Self.zeros)
    }

    /// LXCFS 7 always shows the host's /proc/pressure/io, by the same wrong name of a controller as in diskstats.
    @Test func lxcfsHostPressureIO() {
        #expect(Pressure.text(nil).string == Self.zeros)
    }
}

@Suite struct UptimeTests {
    @Test func hundredths() {
        #expect(Uptime.text(uptimeNs: 1_699_829_999_999, idleNs: 3_237_230_000_000).string == "1699.82 3237.23\n")
        #expect(Uptime.text(uptimeNs: 0, idleNs: 0).string == "0.00 0.00\n")
    }

    /// Uptimes below zero (#732) cannot be told at all.
    @Test func lxcfsNegativeUptime732() {
        #expect(Uptime.text(uptimeNs: .max, idleNs: .max).string == "18446744073.70 18446744073.70\n")
    }
}
