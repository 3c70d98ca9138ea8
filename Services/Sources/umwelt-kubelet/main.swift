// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

import Documents
import Glibc
import KubeletSettings

// What `umwelt keydns refresh` runs: prints what the kubelet of this node was told of DNS, a word and a value on each line.
// The root package has no YAML; this program has nothing else.

/// One line on standard error, and the end.
func refuse(_ message: String, code: Int32) -> Never {
    let line = Array("umwelt-kubelet: \(message)\n".utf8)
    // SAFETY: the bytes are read within the call.
    _ = unsafe line.withUnsafeBytes { unsafe write(2, $0.baseAddress, $0.count) }
    exit(code)
}

/// `--config FILE`: this file alone; `--root DIR`: a node whose files are below it.
func settings(_ arguments: [String]) -> KubeletSettings {
    var file: String?
    var root = ""
    var rest = arguments[...]
    while let word = rest.popFirst() {
        guard ["--config", "--root"].contains(word), let value = rest.popFirst() else {
            refuse("usage: umwelt-kubelet [--config FILE] [--root DIR]", code: 2)
        }
        if word == "--config" { file = value } else { root = value }
    }
    guard let file else { return KubeletFinder(root: root).find() }
    do throws(DocumentError) { return try KubeletFinder.read(file: root + file) } catch {
        refuse("\(error)", code: 1)
    }
}

/// Control characters would be other lines.
func line(_ word: String, _ value: String) -> String {
    word + " " + String(value.unicodeScalars.map { $0.value < 0x20 ? " " : Character($0) }) + "\n"
}

let found = settings(Array(CommandLine.arguments.dropFirst()))
var text = ""
if let domain = found.clusterDomain, !domain.value.isEmpty {
    text += line("domain", domain.value) + line("domain-origin", domain.source)
}
if let servers = found.clusterDNS {
    for server in servers.value { text += line("server", server) }
    text += line("server-origin", servers.source)
}
if let process = found.process { text += line("process", "\(process)") }
for file in found.files { text += line("file", file) }
for problem in found.problems { text += line("problem", problem) }
print(text, terminator: "")
