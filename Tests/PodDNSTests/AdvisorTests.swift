// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

import Testing

@testable import PodDNS

struct AdvisorTests {
    private func codes(_ pod: Pod, _ kubelet: Kubelet, _ file: String, _ runtime: Runtime = Runtime(.containerd))
        -> Set<Advice.Code>
    {
        let composition = Composition(pod, kubelet, .contents(Array(file.utf8)))
        let rendering = Rendering(.init(composition), by: runtime, on: .init(resolvConf: Array(file.utf8)))
        return Set(Advisor.advice(composition, pod, kubelet, rendering).map(\.code))
    }

    private let kubelet = Kubelet(clusterDNS: ["10.96.0.10"], clusterDomain: "cluster.local")

    @Test func theTrapsAreNamed() {
        #expect(codes(Pod(policy: "Default"), kubelet, "nameserver 127.0.0.53\n") == [.loopbackServer])
        #expect(codes(Pod(isOnHostNetwork: true, policy: "Default"), kubelet, "nameserver 127.0.0.53\n") == [])
        #expect(codes(Pod(), kubelet, "nameserver 1.1.1.1\n") == [.searchAmplification, .proxyRace])
        #expect(codes(Pod(isOnHostNetwork: true), kubelet, "nameserver 1.1.1.1\n") == [.hostNetworkWithClusterFirst])
        #expect(codes(Pod(), Kubelet(), "nameserver 1.1.1.1\n") == [.missingClusterDNS])
        #expect(codes(Pod(policy: "Default"), kubelet, "") == [.emptyDNS])
        #expect(codes(Pod(policy: "Default"), kubelet, "", Runtime(.criDockerd)) == [.emptyDNS, .dockerDefaults])
        #expect(
            codes(Pod(policy: "Default"), kubelet, "nameserver fe80::1%eth0\ndomain x\n") == [
                .unreachableZone, .lineIgnored,
            ]
        )
        let four = (1...4).map { "nameserver 192.0.2.\($0)\n" }.joined()
        #expect(codes(Pod(policy: "Default"), kubelet, four) == [.nameserversCut])
        let long = "nameserver 192.0.2.1\nsearch " + (1...20).map { "path-number-\($0).example" }.joined(separator: " ")
        #expect(codes(Pod(policy: "Default"), kubelet, long) == [.muslSearchLine, .oldGlibcSearches])
        let mixed = Pod(dnsConfig: .init(nameservers: ["192.0.2.1"], options: [.init("ndots", "1"), .init("use-vc")]))
        #expect(codes(mixed, kubelet, "") == [.mixedServers])
    }

    @Test func aLookupsCost() {
        let paths: [Word] = ["ns.svc.c", "svc.c", "c"]
        #expect(QueryCost(of: "www.example.com", searches: paths, ndots: 5).queries == 8)
        #expect(QueryCost(of: "www.example.com.", searches: paths, ndots: 5).queries == 2)
        #expect(QueryCost(of: "www.example.com", searches: paths, ndots: 2).names.first == "www.example.com")
        #expect(QueryCost(of: "db", searches: paths, ndots: 5).names.first == "db.ns.svc.c")
        #expect(QueryCost.ndots(["ndots:99"]) == 15)
        #expect(QueryCost.ndots(["rotate"]) == 1)
        #expect(QueryCost.ndots(["ndots:1", "ndots:3"]) == 3)
    }
}
