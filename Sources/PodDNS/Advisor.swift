// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

/// Looks for known traps in what was composed and rendered.
public enum Advisor {
    /// musl reads lines into 256 bytes and skips those that do not fit (src/network/resolvconf.c).
    private static let muslLine = 254
    /// glibc before 2.26.
    private static let oldGlibcPaths = 6
    private static let oldGlibcList = 256

    /// The traps, the bad ones first.
    public static func advice(
        _ composition: Composition,
        _ pod: Pod,
        _ kubelet: Kubelet,
        _ rendering: Rendering?
    ) -> [Advice] {
        guard composition.error == nil else { return [] }
        var result: [Advice] = []
        func add(_ code: Advice.Code, _ severity: Advice.Severity, _ message: String) {
            result.append(Advice(code, severity, message))
        }
        servers(composition, pod, kubelet, add)
        policy(composition, pod, add)
        searches(composition, add)
        empty(composition, rendering, add)
        let lists = Rendering.Lists(composition)
        for word in lists.servers + lists.searches + lists.options where !word.isUTF8 {
            add(
                .notUTF8,
                .warning,
                "\(word) is no UTF-8, as the strings of the Container Runtime Interface have to be: newer kubelets make no "
                    + "sandbox of it"
            )
        }
        return result.filter { $0.severity == .warning } + result.filter { $0.severity == .note }
    }

    private typealias Add = (Advice.Code, Advice.Severity, String) -> Void

    private static func servers(_ composition: Composition, _ pod: Pod, _ kubelet: Kubelet, _ add: Add) {
        for entry in composition.servers {
            let text = entry.word.description
            guard let address = IPAddress(sloppy: text) else {
                if text.contains("%") {
                    add(
                        .unreachableZone,
                        .warning,
                        "\(text) names an interface of the node, which the pod does not have"
                    )
                } else {
                    add(.notAnAddress, .warning, "\(text) is no IP address: resolvers skip it")
                }
                continue
            }
            if address.isLoopback, !pod.isOnHostNetwork {
                let stub = text == "127.0.0.53" ? ", systemd-resolved's stub" : ""
                let remedy =
                    text == "127.0.0.53"
                    ? "set the kubelet's resolvConf to /run/systemd/resolve/resolv.conf"
                    : "set the kubelet's resolvConf to a file with servers that pods reach"
                add(
                    .loopbackServer,
                    .warning,
                    "\(text)\(stub) is on the node; in the pod's own network nothing listens there, and CoreDNS "
                        + "forwards to itself: \(remedy)"
                )
            }
        }
        let kinds = Set(
            composition.servers.map { entry -> Int in
                switch entry.origin {
                case .clusterDNS: 0
                default: 1
                }
            }
        )
        if kinds.count > 1 {
            add(
                .mixedServers,
                .warning,
                "the cluster's nameserver stands beside others: glibc asks those only when it gets no answer, musl asks all "
                    + "at once and takes the first, which may say that a Service does not exist"
            )
        }
        for item in composition.dropped where item.reason == .notAnAddress {
            add(
                .skippedClusterDNS,
                .warning,
                "clusterDNS has \(item.entry.word), which is no IP address: the kubelet skips it"
            )
        }
        if composition.events.contains(where: { $0.reason == "MissingClusterDNS" }) {
            add(
                .missingClusterDNS,
                .warning,
                "the kubelet has no clusterDNS, so the pod gets the node's resolvers and finds no Service: set clusterDNS"
            )
        }
        let cut = composition.dropped.count { $0.kind == .server && $0.reason == .count(limit: Limits.nameservers) }
        if cut > 0 {
            add(
                .nameserversCut,
                .warning,
                "\(cut) nameserver\(cut == 1 ? " is" : "s are") left out: there may be \(Limits.nameservers)"
            )
        }
        let settings: Set<Word> = ["single-request", "single-request-reopen", "use-vc"]
        if composition.servers.contains(where: { if case .clusterDNS = $0.origin { true } else { false } }),
            !composition.options.contains(where: { settings.contains($0.word) }),
            !composition.servers.contains(where: { $0.word.description.hasPrefix("169.254.") })
        {
            add(
                .proxyRace,
                .note,
                "A and AAAA are asked at once from one port; where kube-proxy translates addresses one of them can be "
                    + "lost, and the lookup takes 5 s: NodeLocal DNSCache, or the option single-request-reopen (glibc)"
            )
        }
    }

    private static func policy(_ composition: Composition, _ pod: Pod, _ add: Add) {
        if composition.hasUnknownPolicy {
            add(
                .unknownPolicy,
                .warning,
                "dnsPolicy \(pod.policy) is none of Kubernetes': the kubelet takes ClusterFirst"
            )
        }
        if pod.isOnHostNetwork, pod.policy == "ClusterFirst" || pod.policy == "" {
            add(
                .hostNetworkWithClusterFirst,
                .warning,
                "with hostNetwork, ClusterFirst means Default: the pod finds no Service; set dnsPolicy to "
                    + "ClusterFirstWithHostNet"
            )
        }
    }

    private static func searches(_ composition: Composition, _ add: Add) {
        let words = composition.searches.map(\.word)
        let length = words.joinedCount
        let cut = composition.dropped.count { item in
            guard item.kind == .search else { return false }
            return switch item.reason {
            case .count, .pathLength, .listLength: true
            default: false
            }
        }
        if cut > 0 {
            add(.searchesCut, .warning, "\(cut) search path\(cut == 1 ? " is" : "s are") left out by the limits")
        }
        if length + "search ".utf8.count > muslLine {
            add(
                .muslSearchLine,
                .warning,
                "the search line has \(length + 7) bytes: musl (Alpine) skips lines of more than \(muslLine), so it has no "
                    + "search paths there"
            )
        }
        if words.count > oldGlibcPaths || length > oldGlibcList {
            add(
                .oldGlibcSearches,
                .note,
                "\(words.count) search paths of \(length) bytes: glibc before 2.26 takes \(oldGlibcPaths) and "
                    + "\(oldGlibcList)"
            )
        }
        if words.contains(".") {
            add(.rootSearch, .note, "the search path \".\" breaks lookups with musl before 1.2.3 (kubernetes#112135)")
        }
        if words.contains("") {
            add(.emptySearch, .warning, "an empty search path: what a resolver makes of it differs")
        }
        let domain = composition.dropped.first { item in
            item.reason == .unknownKeyword
                && item.entry.word.bytes.prefix { $0 != UInt8(ascii: " ") }.elementsEqual("domain".utf8)
        }
        if let domain {
            add(
                .lineIgnored,
                .note,
                "the kubelet does not read \"\(domain.entry.word)\" in the node's file: write search"
            )
        }
        amplification(composition, words, add)
    }

    private static func amplification(_ composition: Composition, _ words: [Word], _ add: Add) {
        let options = composition.options.map(\.word)
        let ndots = QueryCost.ndots(options)
        let cost = QueryCost(of: "www.example.com", searches: words, ndots: ndots)
        if cost.names.count > 1, cost.names.last == "www.example.com" {
            add(
                .searchAmplification,
                .note,
                "ndots:\(ndots) with \(words.count) search paths: one lookup of www.example.com asks \(cost.queries) "
                    + "questions where 2 do; write the name with a dot at its end, or lower ndots in dnsConfig"
            )
        }
        if options.contains(where: { $0.optionName == "ndots" && ($0.optionValue?.count ?? 0) > 1 && ndots == 15 }) {
            add(.highNdots, .note, "resolvers take ndots for 15 at most")
        }
    }

    private static func empty(_ composition: Composition, _ rendering: Rendering?, _ add: Add) {
        guard Rendering.Lists(composition).isEmpty else { return }
        add(
            .emptyDNS,
            .warning,
            "the kubelet says nothing about DNS, and what the pod gets depends on the runtime (kubernetes#120748): an empty "
                + "file, the node's, or Google's servers"
        )
        if rendering?.source == .docker, let file = rendering?.file,
            String(decoding: file, as: UTF8.self).contains("nameserver 8.8.8.8")
        {
            add(.dockerDefaults, .warning, "Docker put Google's public servers in, 8.8.8.8 and 8.8.4.4")
        }
    }
}
