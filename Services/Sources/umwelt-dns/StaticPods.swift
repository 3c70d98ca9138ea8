// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

import Documents
import KubeletSettings
import LocalFiles
import Manifests
import PodDNS

/// Pods whose manifests are in a directory of the kubelet's, each named after its manifest's pod and the node.
enum StaticPods {
    private static let fileLimit = 256

    /// What the manifest says that the running pod was made of, and its path; nil where none is found.
    static func find(_ running: RunningPod, _ settings: KubeletSettings) -> (pod: Pod, path: String)? {
        guard let identity = running.identity else { return nil }
        let directory = settings.staticPodPath?.value ?? KubeletSettings.Default.staticPodPath
        // Its files as the kubelet sees them, which may be in a container itself.
        let place = settings.process.map { "/proc/\($0)/root" } ?? ""
        let names = (try? LocalFile.names(in: place + directory)) ?? []
        var found: (document: PodDocument, path: String)?
        for name in names.filter({ !$0.hasPrefix(".") }).prefix(fileLimit) {
            let path = directory + "/" + name
            guard let bytes = try? LocalFile.contents(of: place + path, limit: Value.sizeLimit),
                let manifest = try? Manifest(bytes, path: path)
            else { continue }
            for pod in manifest.pods
            where pod.kind == "Pod" && (pod.namespace ?? "default") == identity.namespace.description {
                // NAME-NODE; of several that fit, the longest leaves the least for the node's name.
                let isIt = identity.name.description.hasPrefix(pod.name + "-")
                if isIt, pod.name.utf8.count > found?.document.name.utf8.count ?? 0 { found = (pod, path) }
            }
        }
        guard let found, var pod = try? found.document.dnsPod() else { return nil }
        (pod.name, pod.uid) = (identity.name, identity.uid)
        return (pod, found.path)
    }
}
