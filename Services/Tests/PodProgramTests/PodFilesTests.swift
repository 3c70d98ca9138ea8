// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

import Documents
import Foundation
import LocalFiles
import Testing

@testable import umwelt_pod

/// What is removed with a pod is its own, whatever is said of it.
struct PodFilesTests {
    private let directory = FileManager.default.temporaryDirectory.path + "/umwelt-" + UUID().uuidString

    private func item(_ changes: [String: String] = [:]) -> DockerPods.Item? {
        let labels = [
            Labels.managed: "/var/lib/umwelt-pods", Labels.logsRoot: "/var/log/pods", Labels.podNamespace: "shop",
            Labels.podName: "web.1", Labels.podUID: "0d1e-2f",
        ].merging(changes) { $1 }
        return DockerPods.Item(
            .object(["Id": .string("1"), "Labels": .object(labels.map { .init($0.key, .string($0.value)) })])
        )
    }

    /// A container has its image's labels.
    @Test func anImagesLabelsAreNoPodOfOurs() {
        #expect(item()?.files.directory == "/var/lib/umwelt-pods/0d1e-2f")
        #expect(item()?.files.logs == "/var/log/pods/shop_web.1_0d1e-2f")
        for (label, text) in [
            (Labels.managed, ""), (Labels.managed, "etc"), (Labels.logsRoot, "log"), (Labels.podUID, ""),
            (Labels.podUID, ".."), (Labels.podUID, "../../etc"), (Labels.podUID, "a/\u{301}"), (Labels.podName, "a/.."),
            (Labels.podNamespace, "/.."),
        ] {
            #expect(item([label: text]) == nil, "\(label): \(text)")
        }
    }

    /// A directory of somebody else's may be called as a pod's.
    @Test func whatHasNoNoteStays() throws {
        try LocalDirectory.make(directory + "/etc/volumes/v")
        defer { try? LocalDirectory.remove(directory) }
        let files = PodFiles(root: directory, logsRoot: directory + "/logs", namespace: "n", name: "p", uid: "etc")
        try LocalDirectory.make(files.logs)
        try files.remove()
        #expect(LocalFile.exists(files.volume("v")))
        #expect(!LocalFile.exists(files.logs))
        try LocalFile.replace(PodFiles.note(in: files.directory), with: [])
        try files.remove()
        #expect(!LocalFile.exists(files.directory))
    }
}
