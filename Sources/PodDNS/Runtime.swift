// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

/// A container runtime, and which of its releases.
public struct Runtime: Equatable, Sendable, CustomStringConvertible {
    /// What writes a pod's resolv.conf.
    public enum Kind: String, Sendable, CaseIterable {
        /// containerd's CRI plugin.
        case containerd
        /// CRI-O.
        case crio = "cri-o"
        /// cri-dockerd, and dockershim in the kubelet before it: Docker's file, rewritten.
        case criDockerd = "cri-dockerd"
        /// Docker alone, which is given the lists as `--dns`, `--dns-search` and `--dns-opt`.
        case docker
    }

    /// How a container of Docker's is connected.
    public enum Network: String, Sendable, CaseIterable {
        /// The default bridge.
        case bridge
        /// No network of Docker's: what a CNI plugin takes over.
        case none
        /// The node's.
        case host
        /// A network that a user made, with Docker's own resolver in it.
        case user
    }

    /// Which runtime.
    public var kind: Kind
    /// Its release; of cri-dockerd from 17 on, that of the Docker Engine behind it.
    ///
    /// nil: the newest known.
    public var version: Version?

    /// A runtime.
    public init(_ kind: Kind, _ version: Version? = nil) {
        self.kind = kind
        self.version = version
    }

    /// `NAME` or `NAME:VERSION`; nil where there is no such runtime, or that is no version.
    public init?(_ text: String) {
        let parts = text.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
        let names = ["crio": "cri-o", "dockershim": "cri-dockerd", "moby": "docker"]
        guard let name = parts.first, let kind = Kind(rawValue: names[name] ?? name) else { return nil }
        self.kind = kind
        if parts.count > 1 {
            guard let version = Version(parts[1]) else { return nil }
            self.version = version
        }
    }

    /// `NAME` or `NAME:VERSION`.
    public var description: String { kind.rawValue + (version.map { ":\($0)" } ?? "") }

    /// Whether Docker writes its file in the form of Engine 26 and newer, with comments.
    var isModernDocker: Bool { isDocker(from: Version(26, 0, 0)) }

    /// Whether Docker gives its own resolver no upstream of its own choice (from 27 on).
    var isDockerWithoutDefaultUpstream: Bool { isDocker(from: Version(27, 0, 0)) }

    /// Whether to Docker a comment begins a line (from 29 on); before, blanks may stand in front of it.
    var isDockerWithCommentsAtLineStart: Bool { isDocker(from: Version(29, 0, 0)) }

    /// Whether the Docker Engine is that release or a newer one, as one that is not known is.
    private func isDocker(from least: Version) -> Bool {
        guard let version, kind == .docker || version.major >= 17 else { return true }
        return version >= least
    }
}
