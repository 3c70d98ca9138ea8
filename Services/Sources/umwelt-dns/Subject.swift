// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

import Documents
import LocalFiles
import Manifests
import PodDNS
import Terminal

/// What a command's POD names.
enum Subject {
    /// A pod of a manifest.
    case manifest(title: String, Pod)
    /// Something that may run here.
    case container(String)

    private static let words = ["yaml", "yml", "json"]

    /// Reads the manifest, where it names one: `-`, a file or a pipe that is there, or what looks like a file's name.
    ///
    /// A directory of a pod's name hides no pod.
    static func find(_ options: PodOptions) throws(Failure) -> Subject {
        let name = options.subject
        // NAMESPACE/NAME is a pod's name, where there is no such file.
        let isPodName = name.split(separator: "/").count == 2 && name.first != "/" && name.first != "."
        let hasSuffix = words.contains(name.split(separator: ".").last.map(String.init) ?? "")
        let isFileName = hasSuffix || (name.contains("/") && !isPodName)
        guard name == "-" || isFileName || LocalFile.isReadable(name) else { return .container(name) }
        let path = name == "-" ? "standard input" : name
        do throws(DocumentError) {
            let manifest = try Manifest(try bytes(name, path), path: path)
            let document = try manifest.pod(named: options.pod, in: options.namespace, path: path)
            return .manifest(title: document.title, try document.dnsPod(namespace: options.namespace))
        } catch {
            throw .failed(error.description)
        }
    }

    private static func bytes(_ name: String, _ path: String) throws(DocumentError) -> [UInt8] {
        do throws(FileError) {
            return name == "-"
                ? try LocalFile.contents(ofDescriptor: 0, path: path, limit: Value.sizeLimit)
                : try LocalFile.contents(of: name, limit: Value.sizeLimit, waits: true)
        } catch {
            throw DocumentError("\(path): cannot be read: \(error.reason)")
        }
    }
}
