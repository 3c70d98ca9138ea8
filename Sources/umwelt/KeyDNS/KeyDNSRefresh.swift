// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

import Glibc
import KeyDNS
import Kernel
import Resolver
import Upcall

/// Makes the flat file that helpers read, from the policy and what the kubelet says.
struct KeyDNSRefresh {
    let node: KeyDNSNode
    /// The program that reads the kubelet's configuration, which is YAML.
    var kubeletReader: String?

    /// What that program found.
    struct Kubelet: Equatable {
        var domain: String?
        var domainOrigin = ""
        var servers: [String] = []
        var serversOrigin = ""
        var files: [String] = []
        /// The kubelet's number, where it runs.
        var process: String?
        var problems: [String] = []

        /// A word and a value on each line: `domain cluster.local`, `server 10.96.0.10`.
        init(parsing text: String) {
            for line in text.split(separator: "\n") {
                let parts = line.split(separator: " ", maxSplits: 1).map(String.init)
                guard parts.count == 2 else { continue }
                switch parts[0] {
                case "domain": domain = parts[1]
                case "domain-origin": domainOrigin = parts[1]
                case "server": servers.append(parts[1])
                case "server-origin": serversOrigin = parts[1]
                case "file": files.append(parts[1])
                case "process": process = parts[1]
                case "problem": problems.append(parts[1])
                default: continue
                }
            }
        }
    }

    /// The whole policy, nothing left open; `notes`: what there is to say about it, also where it fails.
    func flattened(_ policy: Policy, seed: UInt64, _ notes: inout [String]) throws(Failure) -> Policy {
        var result = policy
        result.seed = seed
        result.sources = [.init(path: KeyDNSPaths.policy.bytes, digest: node.digest(of: node.policyFile))]
        for index in result.zones.indices { result.zones[index].origin = "\(node.policyFile)" }
        // `servers = none`: there is no cluster.
        guard var cluster = result.zones.first, cluster.servers?.isEmpty != true else { return result }
        var process: String?
        var hasProblem = false
        if cluster.domain == nil || cluster.servers == nil {
            let kubelet = try askKubelet(policy)
            notes += kubelet.problems
            process = kubelet.process
            hasProblem = !kubelet.problems.isEmpty
            result.sources += kubelet.files.prefix(Policy.maximumSources - 1).map {
                .init(path: Array($0.utf8), digest: node.digest(of: node.path(Array($0.utf8))))
            }
            if cluster.domain == nil, let text = kubelet.domain {
                guard let name = DNSName(text), name != .root else {
                    throw .failed("clusterDomain of the kubelet is no domain name: \(text) (\(kubelet.domainOrigin))")
                }
                cluster.domain = name
            }
            if cluster.servers == nil {
                let servers = kubelet.servers.compactMap { Server($0) }
                for text in kubelet.servers where Server(text) == nil {
                    notes.append("clusterDNS of the kubelet has \(text) in it, which is no address; skipped")
                }
                cluster.servers = servers.isEmpty ? nil : Array(servers.prefix(Zone.maximumServers))
                cluster.origin = kubelet.serversOrigin
            }
        }
        if cluster.strategy == .namespace, let servers = cluster.servers, servers.count > 3 {
            notes.append("the kubelet has \(servers.count) servers; glibc asks the first three (strategy 'namespace')")
        }
        result.zones[0] = cluster
        if cluster.domain == nil || cluster.servers == nil {
            let lack = cluster.domain == nil ? "clusterDomain" : "clusterDNS"
            let place =
                process.map { "the kubelet that runs (process \($0)) was told none that can be used" }
                ?? "no kubelet runs here, and none of its usual configuration files says one that can be used"
            throw .failed(
                "no \(lack) found: \(place); write 'domain =' and 'servers =' below [cluster] in \(node.policyFile), or "
                    + "'servers = none' where there is no cluster"
            )
        }
        // What is left may be what another file says, which does not hold.
        guard !hasProblem else {
            throw .failed(
                "what the kubelet was told cannot be read whole: mend that, name one file with 'kubelet-config =' in "
                    + "\(node.policyFile), or write 'domain =' and 'servers =' below [cluster] there"
            )
        }
        if let domain = cluster.domain, result.zones.dropFirst().contains(where: { $0.domain == domain }) {
            throw .failed(
                "\(node.policyFile): [zone \(domain)] is the cluster's own zone (\(cluster.origin ?? "")); write its settings "
                    + "below [cluster]"
            )
        }
        return result
    }

    private func askKubelet(_ policy: Policy) throws(Failure) -> Kubelet {
        guard let program = kubeletReader else {
            throw .failed(
                "umwelt-kubelet, which reads the kubelet's configuration, is not installed beside umwelt nor in "
                    + "libexec/umwelt; build it with 'make services' and install again, or write 'domain =' and "
                    + "'servers =' below [cluster] in \(node.policyFile)"
            )
        }
        var arguments = [program]
        if let file = policy.kubeletConfig { arguments += ["--config", String(decoding: file, as: UTF8.self)] }
        if !node.root.isEmpty { arguments += ["--root", node.root] }
        return Kubelet(parsing: try Self.output(of: program, arguments))
    }

    /// Runs a program to its end; its standard error is ours.
    private static func output(of program: String, _ arguments: [String]) throws(Failure) -> String {
        let command = Command(
            path: Path(program),
            arguments: arguments.map { Array($0.utf8) },
            environment: [Array("PATH=/usr/sbin:/usr/bin:/sbin:/bin".utf8)]
        )
        do throws(Errno) {
            let (bytes, status) = try command.output(limit: 1 << 20)
            guard status == .exited(0) else { throw .io }
            return String(decoding: bytes, as: UTF8.self)
        } catch {
            throw .failed("\(program), which reads the kubelet's configuration, failed: \(error)")
        }
    }
}
