// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

import ArgumentParser
import Kernel

/// `umwelt attach`: the command line of it.
struct AttachCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "attach",
        abstract: "Give a running container its own files, without a restart.",
        usage: "umwelt attach TARGET\n       umwelt attach --all",
        discussion: """
            Mounts the files of 'umwelt help view' in a container that runs already, /proc/pressure included. What the \
            container covers itself is left alone, and named. Where a file cannot be mounted, nothing is changed.

            TARGET is a process's number, or the id, the beginning of the id, or the name of a container of docker, \
            podman, containerd, CRI-O, runc or crun. They are found in their state directories; no engine is asked. \
            In a pod's container the name is POD/CONTAINER, or one of the two where that is enough.

            EXAMPLES
              umwelt attach web
              umwelt attach web-0/nginx
              umwelt attach 4711
              umwelt attach --all
              umwelt detach web

            EXIT STATUS
              0; 1 where a container cannot be attached or has lost what it had mounted on a dead view, 2 for a wrong
            command line.
            """
    )

    @Argument(help: ArgumentHelp("A process's number, or a container's id or name.", valueName: "target"))
    var target: String?
    @Flag(help: "Every running container that is found, but for those of pods that hold namespaces only.") var all =
        false
    @Option(help: RunHelp.stateDirectory, transform: RunParsing.stateDirectory) var stateDir: String?

    func validate() throws {
        guard all != (target != nil) else {
            throw ValidationError(
                all ? "--all and a target exclude each other" : "which container? name one, or say --all"
            )
        }
    }

    func run() throws {
        let attacher = try Attacher(state: StateDirectory(stateDir), isLast: true)
        guard let target else { return try attachAll(attacher.state) }
        try attach(try attacher.container(target), attacher)
    }

    private func attach(_ container: EngineContainer, _ attacher: Attacher) throws(Failure) {
        let outcome = try attacher.attach(container)
        try Standard.output(Array(Self.words(container, outcome).utf8))
        guard outcome.lost.isEmpty else {
            let lost = outcome.lost.joined(separator: ", ")
            throw .failed("what \(container.label) had mounted on a dead file could not be put back: \(lost)")
        }
    }

    private func attachAll(_ state: StateDirectory) throws {
        var failures = 0
        let containers = EngineStates(stateDirectory: state.path).containers().filter { !$0.isSandbox }
        for container in containers where !attachApart(container, state) { failures += 1 }
        if containers.isEmpty { Standard.complain("no container runs") }
        guard failures == 0 else {
            throw Failure.failed("\(failures) of \(containers.count) containers could not be attached")
        }
    }

    /// In a process of its own: from some containers (those of rootless engines on fuse-overlayfs) none comes back.
    ///
    /// False where it cannot be attached; that is said.
    private func attachApart(_ container: EngineContainer, _ state: StateDirectory) -> Bool {
        do throws(Errno) {
            guard let child = try ProcessImage.fork() else {
                do {
                    try attach(container, try Attacher(state: state, isLast: true))
                    ProcessImage.end(code: 0)
                } catch {
                    Standard.complain((error as? Failure)?.message ?? "\(error)")
                    ProcessImage.end(code: 1)
                }
            }
            switch try child.wait() {
            case .exited(0): return true
            case .exited(1): break
            case let status: Standard.complain("cannot attach \(container.label): its process ended with \(status)")
            }
        } catch {
            Standard.complain("cannot attach \(container.label): \(error)")
        }
        return false
    }

    static func words(_ container: EngineContainer, _ outcome: Attacher.Outcome) -> String {
        var text = "\(container.label): "
        text +=
            !outcome.placed.isEmpty
            ? "\(outcome.placed.count) files attached"
            : outcome.present.isEmpty ? "nothing attached" : "has its views already"
        if !outcome.leftAlone.isEmpty { text += "; left alone: " + outcome.leftAlone.joined(separator: ", ") }
        return text + "\n"
    }
}

/// `umwelt detach`: the command line of it.
struct DetachCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "detach",
        abstract: "Take a running container's own files away: it sees the kernel's.",
        usage: "umwelt detach TARGET",
        discussion: """
            Takes off what 'umwelt attach' or any other route put there. The container goes on.

            EXIT STATUS
              0; 1 where the container has none or one cannot be taken off, 2 for a wrong
              command line.
            """
    )

    @Argument(help: ArgumentHelp("A process's number, or a container's id or name.", valueName: "target"))
    var target: String
    @Option(help: RunHelp.stateDirectory, transform: RunParsing.stateDirectory) var stateDir: String?

    func run() throws {
        let attacher = try Attacher(state: StateDirectory(stateDir), isLast: true)
        let container = try attacher.container(target)
        let removed = try attacher.detach(container)
        try Standard.output(Array("\(container.label): \(removed.count) files taken away\n".utf8))
    }
}
