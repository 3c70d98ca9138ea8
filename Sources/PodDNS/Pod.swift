// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

/// What of a pod matters to its DNS.
public struct Pod: Equatable, Sendable {
    /// `metadata.name`.
    public var name: Word
    /// `metadata.namespace`.
    public var namespace: Word
    /// `metadata.uid`.
    public var uid: Word
    /// `spec.hostNetwork`.
    public var isOnHostNetwork: Bool
    /// `spec.dnsPolicy` as it stands there; empty is what the API server makes ClusterFirst.
    public var policy: Word
    /// `spec.dnsConfig`; an empty one is not the same as none.
    public var dnsConfig: DNSConfig?

    /// A pod.
    public init(
        name: Word = "",
        namespace: Word = "default",
        uid: Word = "",
        isOnHostNetwork: Bool = false,
        policy: Word = "ClusterFirst",
        dnsConfig: DNSConfig? = nil
    ) {
        self.name = name
        self.namespace = namespace
        self.uid = uid
        self.isOnHostNetwork = isOnHostNetwork
        self.policy = policy
        self.dnsConfig = dnsConfig
    }

    /// `spec.dnsConfig`.
    public struct DNSConfig: Equatable, Sendable {
        /// `nameservers`.
        public var nameservers: [Word]
        /// `searches`.
        public var searches: [Word]
        /// `options`.
        public var options: [Option]

        /// What it says.
        public init(nameservers: [Word] = [], searches: [Word] = [], options: [Option] = []) {
            self.nameservers = nameservers
            self.searches = searches
            self.options = options
        }
    }

    /// One of `spec.dnsConfig.options`.
    public struct Option: Equatable, Sendable {
        /// `name`.
        public var name: Word
        /// `value`; none and an empty one are the same.
        public var value: Word?

        /// An option.
        public init(_ name: Word, _ value: Word? = nil) {
            self.name = name
            self.value = value
        }
    }
}
