// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

import Testing

@testable import Samples

@Suite struct CPUSetTests {
    @Test(arguments: [
        ("0-1\n", [0, 1]), ("\n", []), ("", []), ("0\n", [0]), ("0-3,8,10-11", [0, 1, 2, 3, 8, 10, 11]),
        ("0-1,4-7:1/2", [0, 1, 4, 6]), ("0-9:2/5\n", [0, 1, 5, 6]), (" 1, 3 \n", [1, 3]), ("5,1", [1, 5]),
        ("8191", [8191]), ("8192", []), ("8190-18446744073709551615", [8190, 8191]),
        ("0-18446744073709551615:1/18446744073709551615", [0]),
    ])
    func readsLists(_ text: String, _ numbers: [Int]) {
        let text = bytes(text)
        #expect(CPUSet(parsingList: text.span)?.numbers == numbers)
    }

    @Test(arguments: ["x", "1-", "-1", "3-1", "1-4:0/2", "1-4:3/2", "1-4:1", "1-4:1/", "1;2", "1,,2", "0-1x"])
    func refusesWhatIsNoList(_ text: String) {
        let text = bytes(text)
        #expect(CPUSet(parsingList: text.span) == nil)
    }

    @Test(arguments: [([0, 1], "0-1"), ([], ""), ([3], "3"), ([0, 2, 3, 4, 64, 65, 127], "0,2-4,64-65,127")])
    func writesLists(_ numbers: [Int], _ list: String) {
        var text = Text()
        text.append(cpulist: CPUSet(numbers))
        #expect(text.string == list)
    }

    @Test(arguments: [
        ("3\n", [0, 1]), ("0\n", []), ("00000001,00000000\n", [32]), ("ff,ffffffff", Array(0..<40)),
        ("F0", [4, 5, 6, 7]),
    ])
    func readsMasks(_ text: String, _ numbers: [Int]) {
        let text = bytes(text)
        #expect(CPUSet(parsingMask: text.span)?.numbers == numbers)
    }

    @Test(arguments: ["g", "1,,1", "123456789", "1 "])
    func refusesWhatIsNoMask(_ text: String) {
        let text = bytes(text)
        #expect(CPUSet(parsingMask: text.span) == nil)
    }

    @Test func aMaskOfMoreWordsThanThereAreNumbersKeepsTheLowOnes() {
        let text = bytes(String(repeating: "ffffffff,", count: 5000) + "5")
        #expect(CPUSet(parsingMask: text.span)?.prefix(3).numbers == [0, 2, 32])
    }

    @Test func writesMasks() {
        var text = Text()
        text.append(cpumask: CPUSet([0, 33, 39, 99]), digits: 10)
        #expect(text.string == "82,00000001")
    }

    @Test func listsAndMasksComeBack() {
        var random = SplitMix(seed: 7)
        for _ in 0..<500 {
            let set = CPUSet(
                (0..<Int.random(in: 0..<40, using: &random)).map { _ in Int.random(in: 0..<300, using: &random) }
            )
            var list = Text()
            list.append(cpulist: set)
            #expect(CPUSet(parsingList: list.bytes.span) == set)
            var mask = Text()
            mask.append(cpumask: set, digits: 75)
            #expect(CPUSet(parsingMask: mask.bytes.span) == set)
        }
    }
}
