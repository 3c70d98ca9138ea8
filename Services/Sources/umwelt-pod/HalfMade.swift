// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

import Documents
import Glibc
import LocalFiles
import Pods
import Terminal

/// What is left of a run that was killed before its engine knew of the pod: files, mounts, a cgroup.
///
/// It is found by a note that lies in the pod's directory before anything else is made, and that its run holds locked.
struct HalfMade: Sendable {
    var namespace: String
    var name: String
    var uid: String
    /// Whether its run still goes on.
    var isInTheMaking: Bool
    private var files: PodFiles
    private var cgroupParent: String

    var title: String { "\(namespace)/\(name)" }

    /// The note of a pod.
    static func note(_ plan: PodPlan, _ engine: EngineOptions.Engine, _ socket: String, marks: [String: String])
        -> Value
    {
        .object([
            "namespace": .string(plan.namespace), "name": .string(plan.name), "engine": .string(engine.rawValue),
            "socket": .string(socket), "logs": .string(marks[Labels.logsRoot] ?? PodFiles.defaultLogs),
            "cgroupParent": .string(marks[Labels.cgroupParent] ?? ""),
        ])
    }

    /// Those that nobody makes any more.
    static func left(
        below root: String,
        _ engine: EngineOptions.Engine,
        _ socket: String,
        besides known: some Collection<String>
    ) -> [HalfMade] {
        all(below: root, engine, socket, besides: known).filter { !$0.isInTheMaking }
    }

    /// Those in the directory of pods that were meant for that engine, without those that it has.
    static func all(
        below root: String,
        _ engine: EngineOptions.Engine,
        _ socket: String,
        besides known: some Collection<String>
    ) -> [HalfMade] {
        let uids = ((try? LocalFile.names(in: root)) ?? []).filter { !known.contains($0) }
        return uids.compactMap { uid in
            let paths = [PodFiles.note(in: root + "/" + uid), PodFiles.removalNote(in: root + "/" + uid)]
            guard let path = paths.first(where: LocalFile.exists),
                let bytes = try? LocalFile.contents(of: path, limit: 1 << 16), let note = try? Value.json(bytes),
                note["engine"]?.string == engine.rawValue,
                let place = note["socket"]?.string, LocalSocket.isSame(place, socket),
                let name = note["name"]?.string, let namespace = note["namespace"]?.string,
                let logs = note["logs"]?.string
            else { return nil }
            let lock = LocalFile.lock(path)
            if let lock { close(lock) }
            return HalfMade(
                namespace: namespace,
                name: name,
                uid: uid,
                isInTheMaking: lock == nil,
                files: PodFiles(root: root, logsRoot: logs, namespace: namespace, name: name, uid: uid),
                cgroupParent: note["cgroupParent"]?.string ?? ""
            )
        }
    }

    /// As `ps` shows it.
    var row: PodRow { PodRow(namespace: namespace, name: name, state: "half made", id: uid, containers: []) }

    /// Whether a command line means it: by NAME, NAMESPACE/NAME, or the beginning of its uid.
    func isCalled(_ text: String) -> Bool {
        text == name || text == title || (text.utf8.count >= 8 && uid.hasPrefix(text))
    }

    /// `keepTop` where a kubelet keeps the cgroups above it.
    func remove(keepTop: Bool) throws(Failure) {
        try files.remove()
        PodCgroup(parent: cgroupParent).remove(keepTop: keepTop)
    }
}
