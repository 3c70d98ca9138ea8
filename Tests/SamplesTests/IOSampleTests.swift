// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

import Testing

@testable import Samples

@Suite struct IOSampleTests {
    @Test func v2() {
        let text = bytes(FormatsV2.ioStat)
        let samples = IOSample.parse(ioStat: text.span)
        #expect(samples.map { [$0.major, $0.minor] } == [[8, 16], [8, 0], [253, 0]])
        var expected = IOSample(major: 8, minor: 0)
        expected.readBytes = 90_430_464
        expected.writtenBytes = 299_008_000
        expected.reads = 8950
        expected.writes = 1252
        expected.discardedBytes = 50_331_648
        expected.discards = 3021
        #expect(samples[1] == expected)
    }

    @Test func v2DeviceWithoutFiguresOrNewline() {
        let text = bytes("7:0 8:0 rbytes=5 wbytes=6 rios=1 wios=1 dbytes=0 dios=0\n7:1 \n")
        let samples = IOSample.parse(ioStat: text.span)
        #expect(samples.map(\.readBytes) == [0, 5, 0])
    }

    @Test func v1MergesBothFiles() {
        let serviced = bytes(
            "8:0 Read 10\n8:0 Write 20\n8:0 Sync 25\n8:0 Async 5\n8:0 Discard 3\n8:0 Total 33\n253:1 Read 1\nTotal 34\n"
        )
        let serviceBytes = bytes("253:1 Read 512\n8:0 Read 4096\n8:0 Write 8192\n8:0 Discard 1024\nTotal 13824\n")
        let samples = IOSample.parse(serviced: serviced.span, serviceBytes: serviceBytes.span)
        #expect(samples.count == 2)
        #expect(samples[0].reads == 10)
        #expect(samples[0].writes == 20)
        #expect(samples[0].discards == 3)
        #expect(samples[0].readBytes == 4096)
        #expect(samples[0].writtenBytes == 8192)
        #expect(samples[0].discardedBytes == 1024)
        #expect(samples[1].reads == 1)
        #expect(samples[1].readBytes == 512)
    }

    @Test func v1WithoutAnyIO() {
        let empty = bytes("Total 0\n")
        #expect(IOSample.parse(serviced: empty.span, serviceBytes: empty.span).isEmpty)
    }

    @Test func theTableIsBounded() {
        let text = bytes((0..<3000).map { "8:\($0) rbytes=1\n" }.joined())
        #expect(IOSample.parse(ioStat: text.span).count == IOSample.capacity)
        let strange = bytes("99999999999:1 rbytes=1\nrbytes=5\n1: rbytes=1\n")
        #expect(IOSample.parse(ioStat: strange.span).isEmpty)
    }
}
