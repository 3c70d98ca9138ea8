// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

import ArgumentParser
import Documents
import NodeDNS
import PodDNS
import Terminal

/// `umwelt dns render`: the command line of it.
struct RenderCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "render",
        abstract: "Print the resolv.conf that a pod gets, byte for byte.",
        discussion: """
            Prints the file and no more. Where the pod gets none (it does not start, or its image's own file stays), it says \
            so on standard error and ends with 1.
            """
    )

    @OptionGroup var options: QuestionOptions
    @OptionGroup var form: OutputOptions

    func run() throws {
        let answer = try options.question().certainAnswer()
        switch form.output {
        case .json: return try Standard.output(answer.document.jsonText + "\n")
        case .yaml: return try Standard.output(answer.document.yamlText)
        case .text: break
        }
        if let error = answer.composition.error { throw Failure.failed("the pod does not start: \(error)") }
        if let error = answer.rendering?.error {
            throw Failure.failed("\(answer.node.runtime.kind.rawValue) does not make the sandbox: \(error)")
        }
        guard let file = answer.rendering?.file else {
            throw Failure.failed("\(answer.node.runtime) mounts no file: the container sees its image's own")
        }
        try Standard.output(file)
    }
}
