// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

import Testing

@testable import PodDNS

/// The kubelet's own tables, row by row.
///
/// Options are compared as sets: theirs come out of a map.
struct KubeletTableTests {
    @Test func thereAreAllRows() {
        #expect(KubeletCase.count == 70)
        #expect(KubeletCase.rendered.count == 9)
    }

    @Test(arguments: KubeletCase.all("parse_resolv_conf"))
    func parses(row: KubeletCase) throws {
        let resolver = NodeResolver(Array(try #require(row.nodeResolvConf).utf8))
        #expect(resolver.error?.description == row.expected.error)
        guard row.expected.error == nil else { return }
        #expect(resolver.servers.texts == row.expected.servers)
        #expect(resolver.searches.texts == row.expected.searches)
        #expect(resolver.options.texts.sorted() == row.expected.options?.sorted())
    }

    @Test(arguments: KubeletCase.all("search_limits"))
    func fitsSearches(row: KubeletCase) throws {
        let result = Composition(fitting: [], searches: try #require(row.input).map { Word($0) })
        #expect(result.searches.texts == row.expected.searches)
        #expect(result.eventFields == row.expected.events)
    }

    @Test(arguments: KubeletCase.all("nameserver_limits"))
    func fitsServers(row: KubeletCase) throws {
        let result = Composition(fitting: try #require(row.input).map { Word($0) }, searches: [])
        #expect(result.servers.texts == row.expected.servers)
        #expect(result.eventFields == row.expected.events)
    }

    @Test(arguments: KubeletCase.all("merge_options"))
    func mergesOptions(row: KubeletCase) throws {
        var composition = Composition(Pod(policy: "None"), Kubelet(resolvConf: ""), .contents([]))
        composition.options = try #require(row.input).map { Entry(Word($0), .nodeFile(line: 1)) }
        composition.merge(try #require(row.inputOptions).map(\.option))
        #expect(composition.options.texts.sorted() == row.expected.options?.sorted())
    }

    @Test(arguments: KubeletCase.all("dns_type"))
    func tellsTheKind(row: KubeletCase) throws {
        let (kind, isUnknown) = Composition.kind(of: row.podValue)
        let expected = try #require(row.expected.dnsType)
        #expect(isUnknown == expected.hasPrefix("ERROR"))
        if !isUnknown { #expect(kind.rawValue == expected) } else { #expect(kind == .cluster) }
    }

    @Test(arguments: KubeletCase.all("get_pod_dns"))
    func composes(row: KubeletCase) {
        let result = Composition(row.podValue, row.kubeletValue, row.fileValue)
        #expect(result.error?.description == row.expected.error)
        #expect(result.servers.texts == row.expected.servers)
        #expect(result.searches.texts == row.expected.searches)
        #expect(result.options.texts.sorted() == row.expected.options?.sorted())
        #expect(result.eventFields == row.expected.events)
    }

    @Test(arguments: KubeletCase.rendered)
    func renders(row: KubeletCase.Rendered) throws {
        let lists = Rendering.Lists(
            servers: row.dnsConfig.servers.map { Word($0) },
            searches: row.dnsConfig.searches.map { Word($0) },
            options: row.dnsConfig.options.map { Word($0) }
        )
        let host = Rendering.Host(resolvConf: Array(row.hostResolvConf.utf8))
        func text(_ kind: Runtime.Kind) -> String? {
            Rendering(lists, by: Runtime(kind), on: host).file.map { String(decoding: $0, as: UTF8.self) }
        }
        #expect(text(.containerd) == row.expected["containerd"])
        #expect(text(.crio) == row.expected["crio"])
        if lists.isEmpty {
            // The row's file is a made-up one of Docker's; what is Docker's own is DockerFileTests' business.
            #expect(Rendering(lists, by: Runtime(.criDockerd), on: host).source == .docker)
        } else {
            #expect(text(.criDockerd) == row.expected["cri_dockerd_rewriteResolvFile"])
        }
    }
}
