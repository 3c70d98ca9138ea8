// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

import ArgumentParser
import Glibc
import Samples

/// `umwelt run`: the command line of it.
struct RunCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "run",
        abstract: "Run a command in a container that sees its own machine.",
        usage: "umwelt run [OPTION ...] -- COMMAND [ARGUMENT ...]",
        discussion: RunHelp.discussion
    )

    @Option(help: RunHelp.memory, transform: RunParsing.memory) var memory: ByteSize?
    @Option(help: RunHelp.cpus, transform: RunParsing.cpus) var cpus: CPUAmount?
    @Option(help: RunHelp.cpuset, transform: RunParsing.cpuset) var cpuset: CPUSet?
    @Option(help: RunHelp.swap, transform: RunParsing.size) var swap: ByteSize?
    @Option(help: RunHelp.pids, transform: RunParsing.pids) var pids: Int64?
    @Option(help: RunHelp.name, transform: RunParsing.name) var name: String?
    @Option(help: RunHelp.hostname, transform: RunParsing.hostname) var hostname: String?
    @Option(help: RunHelp.rootfs) var rootfs: String?
    @Option(name: [.customShort("e"), .long], help: RunHelp.env, transform: RunParsing.env)
    var env: [EnvironmentOption] = []
    @Option(name: [.customShort("v"), .long], help: RunHelp.volume, transform: RunParsing.volume)
    var volume: [Volume] = []
    @Option(help: RunHelp.workdir, transform: RunParsing.workdir) var workdir: String?
    @Option(help: RunHelp.user, transform: RunParsing.user) var user: UserID?
    @Flag(name: [.customShort("t"), .long], help: RunHelp.tty) var tty = false
    @Option(help: RunHelp.runtime) var runtime: String?
    @Option(help: RunHelp.stateDirectory, transform: RunParsing.stateDirectory) var stateDir: String?
    @Argument(parsing: .postTerminator, help: RunHelp.command) var command: [String] = []

    /// `umwelt run ... -- COMMAND ...`, of which only the options are parsed; nil where it is something else.
    ///
    /// The parser's time grows with the square of the number of words, and a command may have thousands.
    static func parsingCommandApart(_ arguments: [String]) throws -> (any ParsableCommand)? {
        guard arguments.dropFirst().first == configuration.commandName,
            let end = arguments.dropFirst().firstIndex(of: "--"), end + 1 < arguments.count
        else { return nil }
        // One word of it, so that the parser sees that there is one.
        let parsed = try Umwelt.parseAsRoot(Array(arguments[1...end + 1]))
        guard var run = parsed as? RunCommand else { return parsed }
        run.command = Array(arguments[(end + 1)...])
        return run
    }

    func run() throws {
        // What is made for the container has the modes it is made with, and not what the caller's files should have.
        umask(0o022)
        let status = try Runner.run(try options(), state: StateDirectory(stateDir))
        if status != 0 { throw Failure(code: status, nil) }
    }

    /// The options as values; throws where one makes no sense without another.
    func options() throws(Failure) -> RunOptions {
        guard let program = command.first else {
            throw .usage("no command to run; it stands after '--', as in: umwelt run --memory 256M -- free -m")
        }
        guard !program.isEmpty else { throw .usage("the command's name is empty") }
        if swap != nil, memory == nil { throw .usage("--swap needs --memory: it is what comes on top of it") }
        var options = RunOptions(name: name ?? ContainerName.random(), command: command)
        options.memory = memory
        options.swap = swap
        options.cpus = cpus
        options.cpuset = cpuset
        options.pids = pids
        if let hostname { options.hostname = hostname }
        // A kernel's host name has at most 64 bytes; a container's name may be longer.
        options.hostname = String(decoding: options.hostname.utf8.prefix(64), as: UTF8.self)
        options.rootfs = rootfs
        options.environment = env
        options.volumes = volume
        options.hasTerminal = tty
        options.runtime = runtime
        options.workingDirectory = workdir
        if let user { options.user = user }
        return options
    }
}
