// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

import Testing

@testable import Samples

@Suite struct MemInfoTests {
    @Test func namesValuesAndOrder() {
        let text = bytes(Captured.meminfo)
        let info = MemInfo(parsing: text.span)
        #expect(info.lines.count == 54)
        #expect(string(info.lines[0].name) == "MemTotal")
        #expect(info["MemTotal"] == 24_684_092)
        #expect(info["Active(anon)"] == 1528)
        #expect(info["HugePages_Total"] == 0)
        #expect(info.lines.first { string($0.name) == "HugePages_Total" }?.isKB == false)
        #expect(info["DirectMap1G"] == 25_165_824)
        #expect(info["Nothing"] == nil)
    }

    @Test func nodeLinesLoseTheirPrefix() {
        let text = bytes(Captured.nodeMeminfo)
        let info = MemInfo(parsingNode: text.span)
        #expect(info["MemTotal"] == 7_039_188)
        #expect(string(info.lines[0].name) == "MemTotal")
        #expect(info["FilePages"] != nil)
    }

    @Test func readingAgainIsTheSameAsReading() {
        let first = bytes("MemTotal: 5 kB\nMemFree: 3 kB\nHugePages_Total: 1\n")
        let second = bytes("MemTotal: 6 kB\nNew: 9\n")
        var info = MemInfo(parsing: first.span)
        info.update(parsing: second.span)
        #expect(info == MemInfo(parsing: second.span))
        info.update(parsing: first.span)
        #expect(info == MemInfo(parsing: first.span))
    }

    @Test func linesAreBounded() {
        let text = bytes((0..<1000).map { "Key\($0): 1 kB\n" }.joined() + "NoNumber: x\n:5\nNode 0\n")
        #expect(MemInfo(parsing: text.span).lines.count == MemInfo.capacity)
    }
}

@Suite struct HostStatTests {
    @Test func cpusAndBootTime() {
        let text = bytes(Captured.stat)
        let stat = HostStat(parsing: text.span)
        #expect(stat.cpus.numbers == [0, 1])
        #expect(stat.perCPU[0]?.count == 10)
        #expect(stat.bootTime == 1_795_234_940)
    }

    @Test func oldKernelsWithFewerColumns() {
        let text = bytes("cpu  1 2 3 4\ncpu3 1 2 3 4\ncpu99999 1\nbtime x\n")
        let stat = HostStat(parsing: text.span)
        #expect(stat.perCPU == [3: [1, 2, 3, 4, 0, 0, 0, 0, 0, 0]])
    }
}

@Suite struct DiskNameTests {
    @Test func names() {
        let text = bytes("   7       0 loop0 0 0 0\n 254       0 vda 1 2 3\n 259       5 nvme0n1p5\nx y z\n 1 2\n")
        #expect(DiskName.parse(text.span).map { string($0.name) } == ["loop0", "vda", "nvme0n1p5"])
    }
}

@Suite struct SwapDeviceTests {
    @Test func devices() {
        let text = bytes(
            "Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n"
                + "/dev/zram0                              partition\t1048572\t\t1024\t\t100\n"
                + "/swap\\040file                           file\t\t16777212\t0\t\t-2\n"
        )
        let devices = SwapDevice.parse(text.span)
        #expect(devices.map { string($0.name) } == ["/dev/zram0", "/swap file"])
        #expect(devices.map(\.isPartition) == [true, false])
        #expect(devices.map(\.sizeKB) == [1_048_572, 16_777_212])
        #expect(devices.map(\.usedKB) == [1024, 0])
        #expect(devices.map(\.priority) == [100, -2])
    }
}

@Suite struct HostClockTests {
    @Test func uptime() {
        let text = bytes("1699.82 3237.23\n")
        let uptime = HostUptime(parsing: text.span)
        #expect(uptime?.uptime == 169_982)
        #expect(uptime?.idle == 323_723)
        let short = bytes("5.1")
        #expect(HostUptime(parsing: short.span) == nil)
    }

    @Test func load() {
        let text = bytes("0.39 0.22 10.09 1/88 18653\n")
        let load = HostLoad(parsing: text.span)
        #expect(load?.load1 == 39)
        #expect(load?.load15 == 1009)
        #expect(load?.running == 1)
        #expect(load?.threads == 88)
        #expect(load?.lastPID == 18653)
    }
}
