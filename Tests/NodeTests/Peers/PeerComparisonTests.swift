// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

import Kernel
import Testing

/// The same containers, served by LXCFS and by us: every field of every file that LXCFS serves is compared.
///
/// A difference is within a tolerance (`PeerTable.tolerances`), or on the list (`PeerTable.divergences`); and every entry of the list shows.
@Suite(.serialized, .enabled(if: PeerNeeds.missing(["runc", "lxcfs"]) == nil, PeerNeeds.reason(["runc", "lxcfs"])))
struct PeerComparisonTests {
    @Test func everyFieldAgreesOrIsOnTheList() throws {
        let layout: PeerDivergence.Layout = PeerCgroup.isV2 ? .v2 : .v1
        var seen: [String: Int] = [:]
        var compared = 0
        try PeerLab.with(seconds: 300) { lab in
            let umwelt = try PeerUmwelt(lab)
            let lxcfs = try PeerLxcfs(lab)
            // Somebody else is busy on this host.
            try PeerBurden.burn(lab: lab)
            for kind in PeerScene.Kind.allCases {
                let scene = try PeerScene(kind, umwelt: umwelt, lxcfs: lxcfs, lab: lab)
                for file in PeerScene.files {
                    let before = try PeerTruth(scene.guest)
                    let (ours, peer) = try scene.read(file)
                    let after = try PeerTruth(scene.guest)
                    let bounds = PeerTruth.bounds(file, before, after, cpus: ours.cpus)
                    let host = PeerFields(file, try PeerNeeds.hostText(file))
                    #expect(!ours.names.isEmpty || file.hasSuffix("diskstats"), "\(kind) \(file) has no fields")
                    if file == "proc/stat" { #expect(PeerTruth.complaints(ours, before, after) == [], "\(kind)") }
                    for field in ours.names + peer.names.filter({ ours[$0] == nil }) {
                        compared += 1
                        let pair = PeerDivergence.Pair(
                            kind: kind,
                            field: field,
                            ours: ours[field],
                            peer: peer[field],
                            host: host[field],
                            bounds: bounds[field]
                        )
                        // Where they agree, both might be wrong.
                        if let bounds = pair.bounds, pair.ours != nil {
                            #expect(
                                pair.isWithinBounds,
                                "\(kind) \(file) \(field): \(pair.ours ?? ""), by its cgroup \(bounds)"
                            )
                        }
                        guard pair.ours != pair.peer else { continue }
                        let divergence = PeerTable.divergences.first { $0.covers(file, field, kind, layout) }
                        if let divergence {
                            seen[divergence.name, default: 0] += 1
                            #expect(
                                divergence.isRight(pair),
                                "\(kind) \(file) \(field), \(divergence.name): \(pair.ours ?? "none") is wrong (LXCFS \(pair.peer ?? "none"))"
                            )
                        } else {
                            let tolerance = PeerTable.tolerances.first { $0.covers(file, field) }
                            #expect(
                                tolerance?.allows(pair.ours, pair.peer) == true,
                                "\(kind) \(file) \(field): \(pair.ours ?? "none"), LXCFS \(pair.peer ?? "none"), host \(pair.host ?? "none")"
                            )
                        }
                    }
                }
            }
        }
        for divergence in PeerTable.divergences where divergence.layouts.contains(layout) && !divergence.isOccasional {
            #expect(seen[divergence.name] != nil, "\(divergence.name) is on the list, and does not show")
        }
        #expect(compared > 400)
    }
}

/// What these tests cannot do without.
enum PeerNeeds {
    /// What is missing, in words; nil where nothing is.
    static func missing(_ programs: [String]) -> String? {
        if ProcessID.effectiveUser != 0 { return "needs root" }
        if !FileTree.isThere("/dev/fuse") { return "needs /dev/fuse" }
        return PeerCommand.missing(programs).map { "needs \($0)" }
    }

    static func reason(_ programs: [String]) -> Comment { "\(missing(programs) ?? "")" }

    static func hostText(_ file: String) throws -> String {
        String(decoding: try Fd.contents(of: Path("/\(file)"), limit: 1 << 20), as: UTF8.self)
    }
}
