// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

/// One difference from LXCFS that is meant, under the name it has in docs/FILES.md.
struct PeerDivergence: Sendable {
    enum Layout { case v1, v2 }

    /// Both values of one field, and what else it takes to judge ours.
    struct Pair {
        var kind: PeerScene.Kind
        var field: String
        var ours: String?
        var peer: String?
        /// The host's own value of this field.
        var host: String?
        /// What ours may be by the container's cgroup and the clock, where they tell.
        var bounds: ClosedRange<Double>?

        var ourNumber: Double? { ours.flatMap(Double.init) }
        var peerNumber: Double? { peer.flatMap(Double.init) }
        var hostNumber: Double? { host.flatMap(Double.init) }
        var isWithinBounds: Bool { ourNumber.map { bounds?.contains($0) == true } ?? false }
    }

    var name: String
    var file: String
    /// Names of fields; `*` stands for anything.
    var fields: [String]
    var reason: String
    var layouts: [Layout] = [.v1, .v2]
    /// The containers it shows in; all where empty.
    var kinds: [PeerScene.Kind] = []
    /// It shows on some hosts only (those with huge pages in use, for instance), so that it may not be seen.
    var isOccasional = false
    /// Whether ours is right where the two differ.
    var isRight: @Sendable (Pair) -> Bool

    func covers(_ file: String, _ field: String, _ kind: PeerScene.Kind, _ layout: Layout) -> Bool {
        file == self.file && layouts.contains(layout) && (kinds.isEmpty || kinds.contains(kind))
            && fields.contains { PeerPattern.matches(field, $0) }
    }
}

/// How far apart two values may be that mean the same: they are read one after the other.
struct PeerTolerance: Sendable {
    var file: String
    var field: String
    var absolute: Double
    var relative: Double = 0

    func allows(_ ours: String?, _ peer: String?) -> Bool {
        guard let ours = ours.flatMap(Double.init), let peer = peer.flatMap(Double.init) else { return false }
        return abs(ours - peer) <= absolute + relative * max(ours, peer)
    }

    func covers(_ file: String, _ field: String) -> Bool {
        file == self.file && PeerPattern.matches(field, self.field)
    }
}

enum PeerPattern {
    /// `*` stands for any run of characters.
    static func matches(_ name: String, _ pattern: String) -> Bool {
        matches(Array(name.utf8)[...], Array(pattern.utf8)[...])
    }

    private static func matches(_ name: ArraySlice<UInt8>, _ pattern: ArraySlice<UInt8>) -> Bool {
        guard let first = pattern.first else { return name.isEmpty }
        if first == UInt8(ascii: "*") {
            return (name.startIndex...name.endIndex).contains { matches(name[$0...], pattern.dropFirst()) }
        }
        return name.first == first && matches(name.dropFirst(), pattern.dropFirst())
    }
}
