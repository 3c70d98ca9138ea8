// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

/// What the kubelet makes of a pod's DNS: what it tells the runtime, and how that came to be.
public struct Composition: Equatable, Sendable {
    /// What kind of DNS the pod gets (`podDNSType`).
    public enum Kind: String, Sendable {
        /// The cluster's nameservers.
        case cluster = "Cluster"
        /// The node's file.
        case host = "Host"
        /// Nothing but what the pod says.
        case none = "None"
    }

    /// What kind it was to be; a `cluster` without clusterDNS is composed as `host`.
    public var kind: Kind
    /// Whether the policy is none that the kubelet knows, so that it logs an error and takes ClusterFirst.
    public var hasUnknownPolicy: Bool
    /// The nameservers, in order.
    public var servers: [Entry] = []
    /// The search paths, in order.
    public var searches: [Entry] = []
    /// The options.
    ///
    /// The kubelet's order is random where a pod or several lines say something; here it is that of the input.
    public var options: [Entry] = []
    /// What was said and does not count, and why.
    public var dropped: [Dropped] = []
    /// What the kubelet records, in order, at every sync of the pod.
    public var events: [Event] = []
    /// The kubelet's exact words where the pod cannot be started; nothing else is set then.
    public var error: Word?

    /// Composes as `Configurer.GetPodDNS` does.
    ///
    /// `file` is what is at `kubelet.resolvConf`; it is not looked at where that is empty.
    public init(_ pod: Pod, _ kubelet: Kubelet, _ file: Kubelet.NodeFile) {
        (kind, hasUnknownPolicy) = Self.kind(of: pod)
        let host: NodeResolver
        switch Self.host(kubelet, file) {
        case .success(let resolver): host = resolver
        case .failure(let failure):
            error = failure.message
            return
        }
        dropped = host.dropped
        switch kind {
        case .none: dropHost(host, searchesToo: true)
        case .cluster:
            let addresses = clusterAddresses(kubelet)
            if addresses.isEmpty {
                complain(pod)
                takeHost(host, kubelet)
            } else {
                servers = addresses
                searches = clusterSearches(host, pod, kubelet)
                options = [Entry("ndots:5", .rule(.clusterFirstOptions))]
                dropHost(host, searchesToo: false)
            }
        case .host: takeHost(host, kubelet)
        }
        if let config = pod.dnsConfig { append(config) }
        fit(kubelet.behaviour)
    }

    /// `getPodDNSType`, and what the caller makes of its error.
    public static func kind(of pod: Pod) -> (kind: Kind, isUnknown: Bool) {
        switch pod.policy {
        case "None": (.none, false)
        case "ClusterFirstWithHostNet": (.cluster, false)
        // The API server fills an empty one in.
        case "ClusterFirst", "": (pod.isOnHostNetwork ? .host : .cluster, false)
        case "Default": (.host, false)
        default: (.cluster, true)
        }
    }

    // MARK: The parts

    private struct Failure: Error {
        var message: Word
    }

    /// `getHostDNSConfig`: read whatever the policy, so that a missing file stops every pod.
    private static func host(_ kubelet: Kubelet, _ file: Kubelet.NodeFile) -> Result<NodeResolver, Failure> {
        guard kubelet.resolvConf != "" else { return .success(NodeResolver([], kubelet.behaviour)) }
        let prefix = "Encountered error while parsing resolv conf file. Error: "
        func failure(_ text: [UInt8], isWrapped: Bool) -> Result<NodeResolver, Failure> {
            .failure(Failure(message: Word((isWrapped ? Array(prefix.utf8) : []) + text)))
        }
        let path = kubelet.resolvConf.bytes
        switch file {
        case .cannotOpen(let reason):
            return failure(Array("open ".utf8) + path + Array(": \(reason)".utf8), isWrapped: false)
        case .cannotRead(let reason):
            let text = Array("read ".utf8) + path + Array(": \(reason)".utf8)
            return failure(text, isWrapped: kubelet.behaviour.wrapsParseErrors)
        case .contents(let bytes):
            let resolver = NodeResolver(bytes, kubelet.behaviour)
            guard let error = resolver.error else { return .success(resolver) }
            return failure(error.bytes, isWrapped: kubelet.behaviour.wrapsParseErrors)
        }
    }

    private mutating func clusterAddresses(_ kubelet: Kubelet) -> [Entry] {
        var entries: [Entry] = []
        for (index, word) in kubelet.clusterDNS.enumerated() {
            let origin = Origin.clusterDNS(index: index)
            if let address = IPAddress(sloppy: word.description) {
                entries.append(Entry(Word(address.description), origin))
            } else {
                dropped.append(Dropped(.server, Entry(word, origin), .notAnAddress))
            }
        }
        return entries
    }

    /// `generateSearchesForDNSClusterFirst`.
    private mutating func clusterSearches(_ host: NodeResolver, _ pod: Pod, _ kubelet: Kubelet) -> [Entry] {
        let domain = kubelet.clusterDomain.bytes
        // Without a domain the host's paths are not looked at for duplicates either.
        guard !domain.isEmpty else { return host.searches }
        let service = Array("svc.".utf8) + domain
        let own = [
            Entry(Word(pod.namespace.bytes + [UInt8(ascii: ".")] + service), .clusterDomain(part: .namespace)),
            Entry(Word(service), .clusterDomain(part: .service)),
            Entry(Word(domain), .clusterDomain(part: .domain)),
        ]
        return withoutDuplicates(own + host.searches, .search)
    }

    private mutating func takeHost(_ host: NodeResolver, _ kubelet: Kubelet) {
        servers = host.servers
        searches = host.searches
        options = host.options
        guard kubelet.resolvConf == "" else { return }
        for (index, word) in kubelet.nodeIPs.enumerated() {
            let isIPv6 = IPAddress(sloppy: word.description)?.isIPv6 ?? false
            servers.append(Entry(isIPv6 ? "::1" : "127.0.0.1", .nodeIP(index: index)))
        }
        if servers.isEmpty { servers = [Entry("127.0.0.1", .rule(.noResolverFile))] }
        searches = [Entry(".", .rule(.noSearch))]
    }

    private mutating func dropHost(_ host: NodeResolver, searchesToo: Bool) {
        dropped += host.servers.map { Dropped(.server, $0, .policy) }
        if searchesToo { dropped += host.searches.map { Dropped(.search, $0, .policy) } }
        dropped += host.options.map { Dropped(.option, $0, .policy) }
    }

    /// The words are constants: they say ClusterFirst for ClusterFirstWithHostNet too.
    private mutating func complain(_ pod: Pod) {
        let text = """
            kubelet does not have ClusterDNS IP configured and cannot create Pod using "ClusterFirst" policy. \
            Falling back to "Default" policy.
            """
        events.append(Event(.node, "MissingClusterDNS", Word(text)))
        let name = pod.name.bytes + Array("_".utf8) + pod.namespace.bytes + Array("(".utf8) + pod.uid.bytes
        let message = Array("pod: \"".utf8) + name + Array(")\". \(text)".utf8)
        events.append(Event(.pod, "MissingClusterDNS", Word(message)))
    }

    /// `appendDNSConfig`; even an empty one drops duplicates.
    private mutating func append(_ config: Pod.DNSConfig) {
        servers = withoutDuplicates(
            servers + config.nameservers.enumerated().map { Entry($1, .podNameserver(index: $0)) },
            .server
        )
        searches = withoutDuplicates(
            searches + config.searches.enumerated().map { Entry($1, .podSearch(index: $0)) },
            .search
        )
        merge(config.options)
    }

    /// `omitDuplicates`: the first of equals stays.
    private mutating func withoutDuplicates(_ entries: [Entry], _ kind: Dropped.Kind) -> [Entry] {
        var seen: Set<Word> = []
        var result: [Entry] = []
        for entry in entries {
            if seen.insert(entry.word).inserted {
                result.append(entry)
            } else {
                dropped.append(Dropped(kind, entry, .duplicate))
            }
        }
        return result
    }

    /// `mergeDNSOptions`: by name, which for a pod's option is its whole name, colons and all.
    public mutating func merge(_ podOptions: [Pod.Option]) {
        struct Merged {
            var name: Word
            var entry: Entry
        }
        func text(_ name: Word, _ value: Word?) -> Word {
            guard let value, value != "" else { return name }
            return Word(name.bytes + [UInt8(ascii: ":")] + value.bytes)
        }
        var merged: [Merged] = []
        var places: [Word: Int] = [:]
        let said =
            options.map {
                Merged(name: $0.word.optionName, entry: Entry(text($0.word.optionName, $0.word.optionValue), $0.origin))
            }
            + podOptions.enumerated().map { index, option in
                Merged(name: option.name, entry: Entry(text(option.name, option.value), .podOption(index: index)))
            }
        for option in said {
            if let place = places[option.name] {
                dropped.append(Dropped(.option, merged[place].entry, .overridden(by: option.entry.word)))
                merged[place] = option
            } else {
                places[option.name] = merged.count
                merged.append(option)
            }
        }
        options = merged.map(\.entry)
    }
}
