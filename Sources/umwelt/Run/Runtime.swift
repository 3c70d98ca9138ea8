// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

import FoundationEssentials
import Kernel

/// An OCI runtime: runc, crun, or one that takes the same arguments.
struct Runtime: Equatable {
    var program: String
    /// Where it keeps its containers' states.
    var root: String

    var name: String { program.split(separator: "/").last.map(String.init) ?? program }
    var isCrun: Bool { name.hasPrefix("crun") }

    init(program: String, state: StateDirectory) {
        self.program = program
        root = ""
        root = state.runtimeRoot(name)
    }

    /// The one asked for, by name or path, or what is there.
    static func choose(_ wanted: String?, searchPath: String, state: StateDirectory) throws(Failure) -> Runtime {
        if let wanted, wanted.contains("/") {
            let path = (try? FileTree.resolved(Path(wanted)))?.description ?? wanted
            guard Programs.isProgram(path) else { throw .failed("--runtime \(wanted): no such program") }
            return Runtime(program: CleanPath.absolute(path), state: state)
        }
        for name in wanted.map({ [$0] }) ?? ["runc", "crun"] {
            if let program = Programs.find(name, in: searchPath) { return Runtime(program: program, state: state) }
        }
        guard let wanted else {
            throw .failed("neither runc nor crun is installed; install one: apt-get install runc")
        }
        throw .failed("--runtime \(wanted): no such program in PATH; install it, or give its path")
    }

    /// `run`: from the bundle to the end of the command, or, detached, to its beginning.
    ///
    /// A runtime that stays copies what the command writes through pipes of its own (runc): the order of the two streams is
    /// lost, and so are errors of writing. Detached, the command has the caller's streams themselves.
    func runCommand(_ bundle: Bundle, isDetached: Bool) -> Command {
        let options = (isDetached ? ["--detach"] : []) + ["--bundle", bundle.path]
        return command(["--log", bundle.log, "--log-format", logFormat, "run"] + options + [bundle.id])
    }

    /// `delete --force`: whatever is left of the container.
    func deleteCommand(_ id: String) -> Command {
        var command = command(["delete", "--force", id])
        command.files = [-1, -1, -1]
        command.group = .own
        return command
    }

    /// crun says what it has to say in its log's format, wherever it says it: as text, the caller can read it.
    private var logFormat: String { isCrun ? "text" : "json" }

    private func command(_ arguments: [String]) -> Command {
        Command(
            path: Path(program),
            arguments: ([name, "--root", root] + arguments).map { Array($0.utf8) },
            environment: ["PATH=" + SpecDefaults.path, "XDG_RUNTIME_DIR=/run", Self.goSettings].map { Array($0.utf8) }
        )
    }

    /// Go interrupts its own threads with SIGURG, and runc, which hands every signal on, gives some of them to the command.
    private static let goSettings = "GODEBUG=asyncpreemptoff=1"

    /// Whether it knows of the container.
    func hasState(of id: String) -> Bool { FileTree.isThere(Path(root + "/" + id)) }

    /// The last error of its log; nil where there is none: the exit status is the command's.
    func failure(log: [UInt8], isSaid: Bool) -> Failure? {
        struct Entry: Decodable {
            var level: String?
            var msg: String
        }
        let errors = log.split(separator: UInt8(ascii: "\n")).compactMap { line -> String? in
            // Text has errors alone.
            if isCrun { return String(decoding: line, as: UTF8.self) }
            guard let entry = try? JSONDecoder().decode(Entry.self, from: Data(line)) else { return nil }
            return ["error", "fatal", "panic", nil].contains(entry.level) ? entry.msg : nil
        }
        guard let last = errors.last else { return nil }
        return Self.failure(message: last, isSaid: isSaid)
    }

    /// A runtime's own words as ours, with the exit code that they mean; where the caller has read them already (`isSaid`),
    /// only what there is to add.
    static func failure(message: String, isSaid: Bool) -> Failure {
        var text = message[...]
        let prefixes = [
            "runc run failed: ", "unable to start container process: ", "error during container init: ",
            "container_linux.go:", "process_linux.go:", "rootfs_linux.go:", "standard_init_linux.go:",
            "starting container process caused: ",
        ]
        var isCleaning = true
        while isCleaning {
            isCleaning = false
            for prefix in prefixes where text.hasPrefix(prefix) {
                text = text.dropFirst(prefix.count)
                // `container_linux.go:380: ` of older versions.
                if prefix.hasSuffix(".go:") { text = text.drop { $0.isNumber || $0 == ":" || $0 == " " } }
                isCleaning = true
            }
        }
        let isExec =
            text.contains("exec: ") || text.hasPrefix("exec ") || text.contains("executable file")
            || text.contains("exec user process")
        let isMissing = text.contains("not found in $PATH") || text.contains("no such file or directory")
        let isDenied = text.contains("permission denied") || text.contains("exec format error")
        let code: Int32 = isExec && isMissing ? 127 : isExec && isDenied ? 126 : 1
        // fork(2) and clone(2) beyond pids.max, as runc (Go) and crun (C) say it.
        let isFull = text.contains("esource temporarily unavailable")
        let remedy = isFull ? "the runtime needs some processes of its own to start it: a --pids of 16 is enough" : nil
        if isSaid { return Failure(code: code, remedy) }
        return Failure(code: code, "the container does not start: \(text)" + (remedy.map { "; " + $0 } ?? ""))
    }
}
