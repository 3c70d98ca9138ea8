// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

import Testing

@testable import Samples

/// Every parser against every truncation of a sample, every number at its greatest and beyond, and noise: it must come
/// back, and what it gives must be bounded.
@Suite struct RobustnessTests {
    struct Parser: Sendable, CustomTestStringConvertible {
        var name: String
        var sample: String
        var parse: @Sendable ([UInt8]) -> Void
        var testDescription: String { name }
    }

    static let parsers: [Parser] = [
        Parser(name: "memory.stat v1", sample: Captured.memoryStatV1) { _ = MemoryStat(parsingV1: $0.span) },
        Parser(name: "memory.stat v2", sample: FormatsV2.memoryStat) { _ = MemoryStat(parsingV2: $0.span) },
        Parser(name: "cpu.stat v2", sample: FormatsV2.cpuStat) { _ = CPUUsage(parsingV2: $0.span) },
        Parser(name: "cpuacct.usage_all", sample: Captured.cpuacctUsageAll) { _ = CPUUsage(parsingUsageAll: $0.span) },
        Parser(name: "cpuacct.usage_percpu", sample: Captured.cpuacctUsagePercpu) {
            _ = CPUUsage(parsingUsagePercpu: $0.span, stat: bytes(Captured.cpuacctStat).span)
        },
        Parser(name: "cpuacct.stat", sample: Captured.cpuacctStat) {
            _ = CPUUsage(parsingUsagePercpu: bytes(Captured.cpuacctUsagePercpu).span, stat: $0.span)
        },
        Parser(name: "cpu.max", sample: "50000 100000\n") {
            _ = CPUQuota.cpus(parsingMax: $0.span)
            _ = CPUQuota.cpus(parsingQuota: $0.span, period: $0.span)
        },
        Parser(name: "cpulist", sample: "0-1,4-7:1/2,100-200\n") { _ = CPUSet(parsingList: $0.span) },
        Parser(name: "cpumask", sample: "ff,ffffffff,00000000\n") { _ = CPUSet(parsingMask: $0.span) },
        Parser(name: "io.stat", sample: FormatsV2.ioStat) { _ = IOSample.parse(ioStat: $0.span) },
        Parser(name: "blkio", sample: "8:0 Read 10\n8:0 Write 20\n8:0 Discard 3\nTotal 33\n") {
            _ = IOSample.parse(serviced: $0.span, serviceBytes: $0.span)
        },
        Parser(name: "meminfo", sample: Captured.meminfo) { _ = MemInfo(parsing: $0.span) },
        Parser(name: "node meminfo", sample: Captured.nodeMeminfo) { _ = MemInfo(parsingNode: $0.span) },
        Parser(name: "stat", sample: Captured.stat) { _ = HostStat(parsing: $0.span).cpus },
        Parser(name: "cpuinfo", sample: Captured.cpuinfoX86) { _ = CPUInfo(parsing: $0.span) },
        Parser(name: "diskstats", sample: "   7       0 loop0 0 0\n 254       0 vda 1 2 3\n") {
            _ = DiskName.parse($0.span)
        },
        Parser(name: "swaps", sample: "Filename\n/dev/a\\040b partition\t5\t\t6\t\t-2\n") {
            _ = SwapDevice.parse($0.span)
        },
        Parser(name: "uptime", sample: Captured.uptime) { _ = HostUptime(parsing: $0.span) },
        Parser(name: "loadavg", sample: Captured.loadavg) { _ = HostLoad(parsing: $0.span) },
        Parser(name: "PID/cgroup", sample: Captured.pidCgroup) { _ = CgroupMembership.parse($0.span) },
        Parser(name: "PID/stat", sample: "1 (a) b) S" + ProcessStatTests.tail) { _ = ProcessStat(parsing: $0.span) },
        Parser(name: "PID/status", sample: "Name:\ta\nNSpid:\t1\t2\n") { _ = ProcessStatus(parsing: $0.span) },
        Parser(name: "mountinfo", sample: Captured.mountinfo) { _ = MountInfo.parse($0.span) },
        Parser(name: "timens_offsets", sample: Captured.timensOffsets) { _ = TimeOffsets(parsing: $0.span) },
        Parser(name: "limit", sample: "9223372036854771712\n") { _ = Limit(parsing: $0.span) },
    ]

    @Test(arguments: parsers)
    func truncations(_ parser: Parser) {
        let sample = bytes(parser.sample)
        for count in 0...sample.count { parser.parse(Array(sample.prefix(count))) }
    }

    @Test(arguments: parsers)
    func greatestNumbers(_ parser: Parser) {
        for number in ["18446744073709551615", "9223372036854775807", "99999999999999999999999999", "-1", ""] {
            var text: [UInt8] = []
            var isInNumber = false
            for byte in parser.sample.utf8 {
                let isDigit = byte >= UInt8(ascii: "0") && byte <= UInt8(ascii: "9")
                if !isDigit {
                    text.append(byte)
                } else if !isInNumber {
                    text.append(contentsOf: number.utf8)
                }
                isInNumber = isDigit
            }
            parser.parse(text)
        }
    }

    @Test(arguments: parsers)
    func noise(_ parser: Parser) {
        let seed = UInt64.random(in: .min ... .max)
        print("\(parser.name): seed \(seed)")
        var random = SplitMix(seed: seed)
        let sample = bytes(parser.sample)
        for _ in 0..<200 {
            var text = sample
            for _ in 0..<Int.random(in: 1...20, using: &random) {
                let index = Int.random(in: 0..<text.count, using: &random)
                switch Int.random(in: 0..<4, using: &random) {
                case 0: text[index] = UInt8.random(in: .min ... .max, using: &random)
                case 1: text.insert(UInt8.random(in: .min ... .max, using: &random), at: index)
                case 2: if text.count > 1 { text.remove(at: index) }
                default: text.insert(contentsOf: sample.prefix(index), at: index)
                }
                if text.count > 20000 { text.removeLast(text.count - 20000) }
            }
            parser.parse(text)
        }
    }
}
