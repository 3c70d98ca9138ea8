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

    @OptionGroup var options: QuestionOptions
    @Flag(help: "Say what would change, and change nothing.")
    var dryRun = false

    func run() throws {
        let question = try options.question()
        guard let running = question.running else {
            throw Failure.usage("apply is for a running pod or container; \(options.pod.subject) is a manifest")
        }
        let answer = try question.certainAnswer()
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
                // What was there is not longer than the file is.
                try? LocalFile.overwrite(path, with: before)
                throw Failure.failed("\(error)")
            }
        }
        let lines = Comparison.difference(before, bytes)
        let done = Standard.printable("\(running.title): \(dryRun ? "would rewrite" : "rewrote") \(path)\n")
        try Standard.output(done + lines.map { "  \($0)\n" }.joined())
    }
}
