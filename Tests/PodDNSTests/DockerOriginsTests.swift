// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

import Testing

@testable import PodDNS

/// What Docker wrote, as its own model has it, with who said each word.
struct DockerOriginsTests {
    private static let node =
        "# n\nnameserver 127.0.0.1\nnameserver 192.0.2.7\nnameserver fd00:0::1\nsearch old\nsearch lan x.y\noptions a\nsortlist s\n"

    private func origins(
        _ options: Rendering.Lists,
        _ network: Runtime.Network,
        node: String = DockerOriginsTests.node,
        _ name: String
    ) throws -> DockerOrigins {
        let (runtime, host) = (try #require(Runtime(name)), Rendering.Host(resolvConf: Array(node.utf8)))
        let file = try #require(Rendering(options, by: runtime, on: host, network: network).file)
        return DockerOrigins(of: file, options, runtime, host, network)
    }

    private func told(_ origins: DockerOrigins) -> [String] {
        origins.lines.flatMap(\.entries).map { entry in
            "\(entry.word) " + (entry.origin.map { "\($0)" } ?? "?")
        }
    }

    private func leftOut(_ origins: DockerOrigins) -> [String] {
        origins.omissions.map { "\($0.word) \($0.line) \($0.reason)" }
    }

    @Test(arguments: ["docker:20.10.24", "docker:28.0.0"])
    func theNodesWordsHaveTheirLines(runtime: String) throws {
        let found = try origins(.init(), .bridge, runtime)
        let searches =
            runtime == "docker:28.0.0"
            ? ["lan nodeFile(line: 6)", "x.y nodeFile(line: 6)"]
            // Lines are cut out, and the others stay as they are.
            : ["old nodeFile(line: 5)", "lan nodeFile(line: 6)", "x.y nodeFile(line: 6)"]
        #expect(
            told(found) == ["192.0.2.7 nodeFile(line: 3)"] + searches + [
                "a nodeFile(line: 7)", "sortlist s nodeFile(line: 8)",
            ]
        )
        let replaced = runtime == "docker:28.0.0" ? ["old 5 replaced"] : []
        #expect(leftOut(found) == ["127.0.0.1 2 loopback", "fd00:0::1 4 notPassedOn"] + replaced)
        #expect(found.path == "/etc/resolv.conf")
    }

    @Test(arguments: ["docker:20.10.24", "docker:28.0.0"])
    func theContainersOwnWordsHoldByList(runtime: String) throws {
        let found = try origins(.init(servers: ["9.9.9.9"], searches: ["x.z"]), .bridge, runtime)
        let words = Set(told(found))
        #expect(
            words.isSuperset(of: [#"9.9.9.9 option("--dns")"#, #"x.z option("--dns-search")"#, "a nodeFile(line: 7)"])
        )
        #expect(leftOut(found).contains(#"192.0.2.7 3 option("--dns")"#))
        #expect(leftOut(found).contains(#"lan 6 option("--dns-search")"#))
    }

    @Test func dockersOwn() throws {
        let fallback = try origins(.init(), .bridge, node: "nameserver 127.0.0.1\n", "docker:20.10.24")
        #expect(told(fallback) == ["8.8.8.8 fallback", "8.8.4.4 fallback"])
        #expect(leftOut(fallback) == ["127.0.0.1 1 loopback"])
        let resolver = try origins(.init(), .user, node: "nameserver 192.0.2.7\n", "docker:28.0.0")
        #expect(told(resolver) == ["127.0.0.11 resolver", "ndots:0 resolver"])
        #expect(leftOut(resolver) == ["192.0.2.7 1 askedByResolver"])
        // Of the host's network it is a copy.
        let copy = try origins(.init(), .host, "docker:28.0.0")
        #expect(copy.omissions == [])
        #expect(copy.lines.first == .init(text: Array("# n".utf8), kind: nil, entries: []))
        // What nobody of those said.
        let host = Rendering.Host(resolvConf: nil)
        let edited = DockerOrigins(of: Array("nameserver 1.1.1.1\n".utf8), .init(), Runtime(.docker), host, .bridge)
        #expect(told(edited) == ["1.1.1.1 ?"])
    }
}
