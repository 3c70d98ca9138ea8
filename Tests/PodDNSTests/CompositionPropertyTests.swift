// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

import Testing

@testable import PodDNS

/// What holds whatever is put in: a fixed sequence of made-up nodes, kubelets and pods.
struct CompositionPropertyTests {
    /// Splitmix64: the same sequence everywhere.
    private struct Numbers: RandomNumberGenerator {
        var state: UInt64
        mutating func next() -> UInt64 {
            state &+= 0x9e37_79b9_7f4a_7c15
            var value = state
            value = (value ^ (value >> 30)) &* 0xbf58_476d_1ce4_e5b9
            value = (value ^ (value >> 27)) &* 0x94d0_49bb_1331_11eb
            return value ^ (value >> 31)
        }
    }

    private struct Input {
        var pod: Pod
        var kubelet: Kubelet
        var file: [UInt8]
    }

    private func input(_ numbers: inout Numbers) -> Input {
        let words = [
            "a", "b.c", "svc.cluster.local", "cluster.local", "x.", ".", "", "ndots:2", "ndots", "rotate", "1.1.1.1",
            "::1",
            "fd00:0::a", String(repeating: "l", count: 254), String(repeating: "m", count: 120), "\u{e9}", "#",
            "ns.svc.cluster.local",
        ]
        func some(_ most: Int) -> [Word] {
            (0..<Int.random(in: 0...most, using: &numbers)).map { _ in Word(words.randomElement(using: &numbers) ?? "")
            }
        }
        var file: [UInt8] = []
        for _ in 0..<Int.random(in: 0...9, using: &numbers) {
            let keyword = ["nameserver x", "search", "options", "# c", "domain"].randomElement(using: &numbers) ?? ""
            file += Array(keyword.utf8) + [0x20] + some(20).joined + [0x0a]
        }
        let policy: Word =
            ["ClusterFirst", "Default", "None", "ClusterFirstWithHostNet", "?"].randomElement(using: &numbers) ?? ""
        let config =
            Bool.random(using: &numbers)
            ? Pod.DNSConfig(
                nameservers: some(5),
                searches: some(40),
                options: some(5).map { Pod.Option($0, some(1).first) }
            ) : nil
        return Input(
            pod: Pod(namespace: "ns", isOnHostNetwork: Bool.random(using: &numbers), policy: policy, dnsConfig: config),
            kubelet: Kubelet(
                resolvConf: Bool.random(using: &numbers) ? "/r" : "",
                clusterDNS: some(5),
                clusterDomain: some(1).first ?? "",
                nodeIPs: some(3),
                behaviour: Behaviour(Version(1, Int.random(in: 16...36, using: &numbers)))
            ),
            file: file
        )
    }

    @Test func limitsHoldOrderIsKeptAndNothingIsLostWithoutAReason() {
        var numbers = Numbers(state: 5)
        for _ in 0..<800 {
            let input = input(&numbers)
            let result = Composition(input.pod, input.kubelet, .contents(input.file))
            guard result.error == nil else { continue }
            let behaviour = input.kubelet.behaviour
            #expect(result.servers.count <= Limits.nameservers)
            #expect(result.searches.count <= behaviour.searchPathLimit)
            #expect(result.searches.map(\.word).joinedCount <= behaviour.searchListLimit)
            #expect(result.searches.map(\.word).joinedCount == result.searches.map(\.word).joined.count)
            if behaviour.dropsLongPaths { #expect(result.searches.allSatisfy { $0.word.count <= Limits.searchPath }) }
            // Entries of one source come in its order.
            let lines = result.servers.compactMap { if case .nodeFile(let line) = $0.origin { line } else { nil } }
            #expect(lines == lines.sorted())
            let places = result.searches.compactMap { if case .podSearch(let index) = $0.origin { index } else { nil } }
            #expect(places == places.sorted())
            // Each path of the pod is there, or said to be dropped.
            for (index, search) in (input.pod.dnsConfig?.searches ?? []).enumerated() {
                let entry = Entry(search, .podSearch(index: index))
                #expect(result.searches.contains(entry) != result.dropped.contains { $0.entry == entry })
            }
            // Something cut is an event, and an event is something cut.
            let isCut = result.dropped.contains {
                switch $0.reason {
                case .count, .pathLength, .listLength: true
                default: false
                }
            }
            #expect(isCut == result.events.contains { $0.reason == "DNSConfigForming" })
        }
    }

    /// What comes out, written as a node's file with policy Default and composed again, comes out the same.
    @Test func composingTheResultAgainChangesNothing() {
        var numbers = Numbers(state: 6)
        var compared = 0
        for _ in 0..<800 {
            let input = input(&numbers)
            let first = Composition(input.pod, input.kubelet, .contents(input.file))
            let words = first.searches.map(\.word)
            // A node's file cannot say these.
            let canBeSaid = words.allSatisfy { $0 != "" && $0 != "." && $0.bytes.last != UInt8(ascii: ".") }
            let names = first.options.map(\.word.optionName)
            guard first.error == nil, canBeSaid, first.servers.allSatisfy({ $0.word != "" }), !names.contains(""),
                Set(names).count == names.count,
                !first.servers.contains(where: { $0.word == "#" })
            else { continue }
            compared += 1
            let file = Rendering(.init(first), by: Runtime(.containerd), on: .init(resolvConf: nil)).file ?? []
            let kubelet = Kubelet(behaviour: input.kubelet.behaviour)
            let second = Composition(Pod(policy: "Default"), kubelet, .contents(file))
            #expect(Rendering.Lists(second) == Rendering.Lists(first))
            #expect(second.events.isEmpty)
        }
        #expect(compared > 60)
    }
}
