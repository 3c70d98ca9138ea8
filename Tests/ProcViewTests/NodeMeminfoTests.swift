// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

import Testing

@testable import ProcView
@testable import Samples

@Suite struct NodeMeminfoTests {
    private func node(_ text: String) -> MemInfo {
        let text = bytes(text)
        return MemInfo(parsingNode: text.span)
    }

    private func values(_ text: Text) -> [String: UInt64] {
        let info = MemInfo(parsingNode: text.bytes.span)
        return Dictionary(info.lines.map { (string($0.name), $0.value) }) { first, _ in first }
    }

    @Test func columnsAreTheKernels() {
        var text = Text()
        for line in node(Captured.nodeMeminfo).lines {
            text.append("Node 0 ")
            text.append(capacity: MemInfo.longestLine) { $0.put(line, value: line.value, countColumn: 17) }
        }
        #expect(text.string == Captured.nodeMeminfo)
    }

    @Test func oneNodeSaysWhatMeminfoSays() {
        let host = Hosts.withSwap
        let figures = MemoryFigures(host: host, memory: Hosts.container)
        let whole = ProcViewTests.figures(Meminfo(host: host).text(figures))
        let nodes = [0: node(Captured.nodeMeminfo)]
        let text = NodeMeminfo.text(figures, node: 0, hostNodes: nodes, visible: CPUSet([0]))
        #expect(text.string.hasPrefix("Node 0 MemTotal:         262144 kB\n"))
        let part = values(text)
        for (key, value) in whole where part[key] != nil { #expect(part[key] == value, "\(key)") }
        #expect(part["MemUsed"] == 100 << 10)
        #expect(part["FilePages"] == 50 << 10)
    }

    @Test func severalNodesAddUp() {
        let seed = UInt64.random(in: .min ... .max)
        print("NodeMeminfoTests: seed \(seed)")
        var random = SplitMix(seed: seed)
        for _ in 0..<300 {
            let host = MemoryInvariantsTests.host(&random)
            let figures = MemoryFigures(host: host, memory: MemoryInvariantsTests.sample(&random))
            let whole = ProcViewTests.figures(Meminfo(host: host).text(figures))
            var nodes: [Int: MemInfo] = [:]
            for number in [0, 1, 3] {
                var info = node(Captured.nodeMeminfo)
                info.set(MemoryInvariantsTests.size(&random) >> 12, at: 0)
                nodes[number] = info
            }
            guard nodes.values.contains(where: { $0["MemTotal"] != 0 }) else { continue }
            var sum: [String: UInt64] = [:]
            for number in [0, 1, 3] {
                let text = NodeMeminfo.text(figures, node: number, hostNodes: nodes, visible: CPUSet([0, 1, 3]))
                let part = values(text)
                #expect(part["MemTotal"] == part["MemFree"].map { $0.adding(orMax: part["MemUsed"] ?? 0) })
                sum.merge(part) { $0.adding(orMax: $1) }
            }
            for key in ["MemTotal", "MemFree", "Active", "Inactive(file)", "AnonPages", "Slab", "HugePages_Total"] {
                #expect(sum[key] == whole[key], "seed \(seed): \(key)")
            }
        }
    }

    @Test func nodesInSight() {
        var sample = CPUSample()
        #expect(NodeMeminfo.visible(sample, hostOnline: CPUSet([0, 1])).numbers == [0, 1])
        sample.memoryNodes = CPUSet([1])
        #expect(NodeMeminfo.visible(sample, hostOnline: CPUSet([0, 1])).numbers == [1])
        sample.memoryNodes = CPUSet([7])
        #expect(NodeMeminfo.visible(sample, hostOnline: CPUSet([0, 1])).numbers == [0, 1])
    }
}
