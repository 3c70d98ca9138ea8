// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

import Testing

@testable import PodDNS

struct StartCheckTests {
    private func message(_ text: String?, domain: Word = "") -> String? {
        let file = text.map { Kubelet.NodeFile.contents(Array($0.utf8)) } ?? .cannotOpen("no such file or directory")
        return StartCheck.event(Kubelet(resolvConf: "/r", clusterDomain: domain), file)?.message.description
    }

    @Test func itStopsAtTheFirst() {
        let paths = (1...32).map { "p\($0)" }.joined(separator: " ")
        #expect(message("search \(paths)") == nil)
        #expect(
            message("search \(paths)", domain: "c")
                == "Resolv.conf file '/r' contains search line consisting of more than 29 domains!"
        )
        let long = String(repeating: "x", count: 254)
        #expect(
            message("search \(long)")
                == "Resolv.conf file \"/r\" contains a search path which length is more than allowed 253 chars!"
        )
        let list = Array(repeating: String(repeating: "x", count: 250), count: 9).joined(separator: " ")
        #expect(
            message("search \(list)")
                == "Resolv.conf file '/r' contains search line which length is more than allowed 2048 chars!"
        )
        #expect(message(nil) == "open /r: no such file or directory")
        #expect(message("nameserver") == "nameserver list is empty ")
        #expect(StartCheck.event(Kubelet(resolvConf: ""), .cannotOpen("x")) == nil)
    }
}
