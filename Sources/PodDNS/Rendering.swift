// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

/// What a runtime makes of the lists that the kubelet gives it.
public struct Rendering: Equatable, Sendable {
    /// How the file comes about.
    public enum Source: String, Sendable {
        /// From the lists.
        case lists
        /// A copy of the node's /etc/resolv.conf.
        case hostCopy
        /// Docker's own, which is left as it is.
        case docker
        /// An empty file.
        case empty
        /// The runtime mounts none: the image's own, if it has one.
        case image
        /// None: the sandbox is not made.
        case failure
    }

    /// How the file comes about.
    public var source: Source
    /// The file's bytes; nil where the runtime writes none.
    public var file: [UInt8]?
    /// Why the sandbox is not made.
    public var error: String?

    /// What a CRI DNSConfig says.
    public struct Lists: Equatable, Sendable {
        /// Nameservers.
        public var servers: [Word]
        /// Search paths.
        public var searches: [Word]
        /// Options.
        public var options: [Word]

        /// These lists.
        public init(servers: [Word] = [], searches: [Word] = [], options: [Word] = []) {
            self.servers = servers
            self.searches = searches
            self.options = options
        }

        /// The lists of a composition.
        public init(_ composition: Composition) {
            self.init(
                servers: composition.servers.map(\.word),
                searches: composition.searches.map(\.word),
                options: composition.options.map(\.word)
            )
        }

        /// Whether nothing is in any of them.
        public var isEmpty: Bool { servers.isEmpty && searches.isEmpty && options.isEmpty }
    }

    /// The files of the node that a runtime reads; nil where one is missing.
    public struct Host: Equatable, Sendable {
        /// /etc/resolv.conf.
        public var resolvConf: [UInt8]?
        /// /run/systemd/resolve/resolv.conf.
        public var systemdResolvConf: [UInt8]?

        /// These files.
        public init(resolvConf: [UInt8]?, systemdResolvConf: [UInt8]? = nil) {
            self.resolvConf = resolvConf
            self.systemdResolvConf = systemdResolvConf
        }
    }

    /// Renders as that runtime does.
    ///
    /// `lists` nil: the CRI request has no DNSConfig, which the kubelet never does.
    /// `network` and `hasIPv6` matter to Docker alone; a pod of cri-dockerd is on `none` or `host`.
    public init(
        _ lists: Lists?,
        by runtime: Runtime,
        on host: Host,
        network: Runtime.Network = .none,
        hasIPv6: Bool = false
    ) {
        source = .lists
        render(lists, by: runtime, on: host, network, hasIPv6)
    }

    private mutating func render(
        _ lists: Lists?,
        by runtime: Runtime,
        on host: Host,
        _ network: Runtime.Network,
        _ hasIPv6: Bool
    ) {
        switch runtime.kind {
        case .containerd:
            guard let lists else { return copy(host, as: "containerd") }
            guard lists.isEmpty else { return file = Self.searchFirst(lists) }
            // 1.6.34, 1.7.20 and 2.0.0 brought it; each line by itself.
            let version = runtime.version ?? Version(2, 0)
            let writesEmpty =
                version >= Version(1, 7, 20) || (version >= Version(1, 6, 34) && version < Version(1, 7, 0))
            guard writesEmpty else { return copy(host, as: "containerd") }
            source = .empty
            file = []
        case .crio:
            guard let lists else {
                if let version = runtime.version, version < Version(1, 30, 0) {
                    source = .image
                    return
                }
                return copy(host, as: "cri-o")
            }
            guard lists.isEmpty else { return file = Self.searchFirst(lists) }
            copy(host, as: "cri-o")
        case .criDockerd:
            if let lists, !lists.isEmpty {
                file = Self.serversFirst(lists)
            } else {
                source = .docker
                file = DockerFile.bytes(Lists(), runtime, host, network == .host ? .host : .none, hasIPv6: hasIPv6)
            }
        case .docker:
            source = .docker
            file = DockerFile.bytes(lists ?? Lists(), runtime, host, network, hasIPv6: hasIPv6)
        }
    }

    private mutating func copy(_ host: Host, as runtime: String) {
        guard let bytes = host.resolvConf else {
            source = .failure
            error =
                runtime == "containerd"
                ? "failed to copy host's resolv.conf: open /etc/resolv.conf: no such file or directory"
                : "open /etc/resolv.conf: no such file or directory"
            return
        }
        source = .hostCopy
        file = bytes
    }

    /// containerd's and CRI-O's order.
    static func searchFirst(_ lists: Lists) -> [UInt8] {
        line("search", lists.searches) + lists.servers.flatMap { line("nameserver", [$0]) }
            + line("options", lists.options)
    }

    /// dockershim's order.
    static func serversFirst(_ lists: Lists) -> [UInt8] {
        lists.servers.flatMap { line("nameserver", [$0]) } + line("search", lists.searches)
            + line("options", lists.options)
    }

    private static func line(_ keyword: String, _ words: [Word]) -> [UInt8] {
        words.isEmpty ? [] : Array(keyword.utf8) + [UInt8(ascii: " ")] + words.joined + [UInt8(ascii: "\n")]
    }
}
