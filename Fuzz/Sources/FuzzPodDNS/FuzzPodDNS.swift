// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

import Input
import PodDNS

/// What libFuzzer calls with each input: a node's file, composed for pods of each policy by kubelets of several releases,
/// and written by each runtime.
@c(LLVMFuzzerTestOneInput)
public func fuzz(_ data: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    withInput(data, count) { span in
        var bytes: [UInt8] = []
        for index in span.indices { bytes.append(span[index]) }
        let host = Rendering.Host(resolvConf: bytes, systemdResolvConf: bytes)
        for version in [Version(1, 16), Version(1, 24), Version(1, 25, 0), Version(1, 36)] {
            let kubelet = Kubelet(clusterDNS: ["10.96.0.10"], clusterDomain: "c", behaviour: Behaviour(version))
            for policy: Word in ["ClusterFirst", "Default", "None"] {
                let pod = Pod(policy: policy, dnsConfig: .init(searches: [Word(bytes.prefix(300))]))
                let result = Composition(pod, kubelet, .contents(bytes))
                precondition(result.servers.count <= Limits.nameservers, "too many servers")
                precondition(result.searches.count <= kubelet.behaviour.searchPathLimit, "too many search paths")
                precondition((result.error == nil) || result.servers.isEmpty, "an error and servers")
                for runtime in [Runtime(.containerd), Runtime(.criDockerd, Version(20, 10)), Runtime(.docker)] {
                    for network in Runtime.Network.allCases {
                        let rendering = Rendering(.init(result), by: runtime, on: host, network: network, hasIPv6: true)
                        _ = Advisor.advice(result, pod, kubelet, rendering)
                        _ = Rendering(.init(), by: runtime, on: host, network: network)
                    }
                }
                _ = Validation.errors(pod, kubelet.behaviour)
            }
            _ = StartCheck.event(kubelet, .contents(bytes))
        }
    }
}
