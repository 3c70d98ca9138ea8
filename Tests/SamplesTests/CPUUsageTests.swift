// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

import Testing

@testable import Samples

@Suite struct CPUUsageTests {
    @Test func v2() {
        let text = bytes(FormatsV2.cpuStat)
        let usage = CPUUsage(parsingV2: text.span)
        #expect(usage.user == 3_000_000_000)
        #expect(usage.system == 2_000_000_000)
        #expect(usage.nice == 250_000_000)
        #expect(usage.throttled == 1_234_567_000)
        #expect(usage.perCPU.isEmpty)
    }

    @Test func v2WithoutTheCPUController() {
        let text = bytes(Captured.cpuStatV2)
        let usage = CPUUsage(parsingV2: text.span)
        #expect(usage.user == 527_820_085_000)
        #expect(usage.throttled == 0)
    }

    @Test func usageAllTellsEveryCPU() {
        let text = bytes(Captured.cpuacctUsageAll)
        let usage = CPUUsage(parsingUsageAll: text.span)
        #expect(usage.perCPU[0] == CPUTimes(user: 254_769_558_221, system: 121_501_590_209))
        #expect(usage.perCPU[1] == CPUTimes(user: 273_050_527_240, system: 214_559_348_350))
        #expect(usage.user == 254_769_558_221 + 273_050_527_240)
        #expect(usage.system == 121_501_590_209 + 214_559_348_350)
    }

    /// The tick's estimate gives the parts, the scheduler the whole; possible CPUs may have gaps between their numbers.
    @Test func usagePercpuTellsHowMuch() {
        let (all, percpu) = (bytes("cpu user system\n0 300 100\n2 0 0\n5 50 50\n"), bytes("200 7 80 \n"))
        var usage = CPUUsage(parsingUsageAll: all.span)
        usage.takeTotals(parsingUsagePercpu: percpu.span)
        #expect(usage.perCPU[0] == CPUTimes(user: 150, system: 50))
        #expect(usage.perCPU[2] == CPUTimes(user: 7, system: 0))
        #expect(usage.perCPU[5] == CPUTimes(user: 40, system: 40))
        #expect(usage.user == 197 && usage.system == 90)
        // Less than all of them: the others stay estimates.
        let cut = bytes("100")
        usage.takeTotals(parsingUsagePercpu: cut.span)
        #expect(usage.user + usage.system == 187)
    }

    /// LXCFS puts the one number of usage_percpu into both user and system, and so doubles it.
    @Test func lxcfsUsagePercpuDoubled() {
        let percpu = bytes("1000 3000 \n")
        let stat = bytes("user 75\nsystem 25\n")
        let usage = CPUUsage(parsingUsagePercpu: percpu.span, stat: stat.span)
        #expect(usage.perCPU[0] == CPUTimes(user: 750, system: 250))
        #expect(usage.perCPU[1] == CPUTimes(user: 2250, system: 750))
        #expect(usage.user + usage.system == 4000)
    }

    @Test func usagePercpuOfAnIdleContainer() {
        let percpu = bytes("7 0")
        let stat = bytes("user 0\nsystem 0\n")
        let usage = CPUUsage(parsingUsagePercpu: percpu.span, stat: stat.span)
        #expect(usage.perCPU[0] == CPUTimes(user: 7, system: 0))
    }

    @Test func throttledTimeOfV1() {
        var usage = CPUUsage()
        let text = bytes("nr_periods 5\nnr_throttled 3\nthrottled_time 123456789\nnr_bursts 0\nburst_time 0\n")
        usage.takeThrottled(parsingV1: text.span)
        #expect(usage.throttled == 123_456_789)
    }

    @Test func hostileNumbersSaturate() {
        let text = bytes("user_usec 18446744073709551615\nsystem_usec 999999999999999999999999\n")
        let usage = CPUUsage(parsingV2: text.span)
        #expect(usage.user == .max)
        #expect(usage.system == .max)
        let all = bytes("cpu user system\n0 18446744073709551615 1\n1 18446744073709551615 1\n9999999999 1 1\n")
        let perCPU = CPUUsage(parsingUsageAll: all.span)
        #expect(perCPU.user == .max)
        #expect(perCPU.perCPU.count == 2)
    }
}
