// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

import ArgumentParser
import LocalFiles
import NodeDNS
import PodDNS
import Terminal

/// `umwelt dns apply`: the command line of it.
struct ApplyCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "apply",
        abstract: "Rewrite the resolv.conf of a running pod as it should be now.",
        discussion: """
            A runtime writes the file once, when it makes the sandbox; a change of the node's resolv.conf or of the kubelet's \
            settings does not reach pods that run. This writes it again: in place, so that every container of the pod sees it at \
            once. Where there is nothing to write the file is left alone.
            """
    )

    @OptionGroup var pod: PodOptions
    @Flag(help: "Say what would change, and change nothing.")
    var dryRun = false
    @Option(help: ArgumentHelp("The pod's manifest, where the engine does not know its spec.", valueName: "file"))
    var manifest: String?
    @OptionGroup var sockets: SocketOptions
    @OptionGroup var node: NodeOptions

    func run() throws {
        let question = try Question(pod, node, sockets, manifest: manifest)
        guard let running = question.running else {
            throw Failure.usage("apply is for a running pod or container; \(pod.subject) is a manifest")
        }
        guard let answer = question.answer else {
            throw Failure.failed(
                "\(running.title): the engine does not tell the pod's spec, so what should be is not known: give --manifest"
            )
        }
        if let error = answer.composition.error { throw Failure.failed("\(running.title): \(error)") }
        guard let path = running.path, !path.isEmpty else {
            throw Failure.failed("\(running.title): ResolvConfPath is empty.")
        }
        guard LocalFile.exists(path) else { throw Failure.failed("ResolvConfPath \"\(path)\" does not exist") }
        let lists = Rendering.Lists(answer.composition)
        guard !lists.isEmpty else {
            return try Standard.output(
                "\(running.title): the kubelet says nothing about its DNS: \(path) is left as it is\n"
            )
        }
        let kind: Runtime.Kind = running.runtime.kind == .docker ? .criDockerd : running.runtime.kind
        let bytes = Rendering(lists, by: Runtime(kind), on: .init(resolvConf: nil)).file ?? []
        let before: [UInt8]
        do throws(FileError) { before = try LocalFile.contents(of: path, limit: Limits.fileSize) } catch {
            throw Failure.failed("\(error)")
        }
        guard before != bytes else { return try Standard.output("\(running.title): \(path) is as it should be\n") }
        if !dryRun {
            do throws(FileError) { try LocalFile.overwrite(path, with: bytes) } catch {
                throw Failure.failed("\(error)")
            }
        }
        let lines = Comparison.difference(before, bytes)
        try Standard.output(
            "\(running.title): \(dryRun ? "would rewrite" : "rewrote") \(path)\n" + lines.map { "  \($0)\n" }.joined()
        )
    }
}
