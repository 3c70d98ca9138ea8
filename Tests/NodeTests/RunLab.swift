// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

import Glibc
import Kernel
import Testing

/// `umwelt run` with a real runtime, its daemon its own.
///
/// Every test has a state directory of its own, and after every test nothing may be left.
@Suite(
    .serialized,
    .enabled(if: geteuid() == 0, "needs root: it makes containers"),
    .enabled(if: FileTree.isThere("/dev/fuse"), "needs /dev/fuse"),
    .enabled(if: FileTree.isExecutable(Programs.umwelt), "umwelt is not built (UMWELT_BIN_DIR)"),
    .enabled(if: FileTree.isExecutable(Programs.umweltd), "umweltd is not built (UMWELT_BIN_DIR)"),
    .enabled(if: RunLab.has("runc"), "needs runc")
)
enum RunSuite {}

extension Programs {
    static var umwelt: Path { directory.appending("umwelt") }
}

/// A state directory, and the commands that are run with it.
final class RunLab {
    /// How a command ended, and what it printed.
    struct Result {
        var code: Int32
        var output: String
        var errors: String

        var lines: [Substring] { output.split(separator: "\n") }
    }

    /// A command that runs.
    final class Running {
        let child: Child
        private let output: Fd
        private let errors: Fd

        init(_ child: Child, output: consuming Fd, errors: consuming Fd) {
            self.child = child
            self.output = output
            self.errors = errors
        }

        var soFar: String { RunLab.text(output) }

        /// Waits for its end; kills it after so long.
        func end(seconds: Int = 30) throws -> Result {
            for _ in 0..<(seconds * 100 * Programs.patience) {
                if let status = try child.poll() {
                    return Result(code: status.code, output: RunLab.text(output), errors: RunLab.text(errors))
                }
                usleep(10_000)
            }
            try child.kill(SIGKILL)
            _ = try child.wait()
            throw LabError("no end after \(seconds) s: \(RunLab.text(output)) \(RunLab.text(errors))")
        }
    }

    let directory: String
    /// Where the bundles and the daemon are.
    var state: String { directory + "/st" }
    /// What its containers' cgroups are in.
    var cgroup: String { "umwelt" + state.replacing("/", with: "%2f") }
    /// For volumes and root directories.
    var files: String { directory + "/f" }

    private static let template = "/tmp/uwr\(getpid())-"
    nonisolated(unsafe) private static var sequence = 0

    init() throws {
        // SAFETY: the suite is serialized.
        unsafe Self.sequence += 1
        directory = unsafe Self.template + "\(Self.sequence)"
        try Directories.make(Path(files))
    }

    /// What a test that failed has left is cleared away, so that it is not the next one's.
    deinit {
        if FileTree.isThere(Path(state + "/bundles")) { _ = try? run([], ["true"]) }
        _ = leftovers()
        try? FileTree.removeAll(Path(directory))
    }

    /// Whether a tool is where the tests' PATH finds it.
    static func has(_ program: String) -> Bool {
        ["/usr/local/sbin/", "/usr/local/bin/", "/usr/sbin/", "/usr/bin/", "/sbin/", "/bin/"].contains {
            FileTree.isExecutable(Path($0 + program))
        }
    }

    private static func text(_ fd: borrowing Fd) -> String {
        String(decoding: (try? fd.contents(limit: 1 << 20)) ?? [], as: UTF8.self)
    }

    /// Starts a program found in PATH.
    func start(_ arguments: [String], input: String = "", environment: [String] = []) throws -> Running {
        let output = try Fd.inMemory()
        let errors = try Fd.inMemory()
        let stdin = try Fd.inMemory()
        if !input.isEmpty { try stdin.write(Array(input.utf8)) }
        var command = Command(
            path: "/usr/bin/env",
            arguments: (["env"] + environment + arguments).map { Array($0.utf8) },
            environment: Programs.environment
        )
        // By its path the file is opened again, and read from its start.
        let reading = try Fd.open(Path("/proc/self/fd/\(stdin.raw)"))
        command.files = [reading.raw, output.raw, errors.raw]
        command.group = .own
        return Running(try command.spawn(), output: output, errors: errors)
    }

    /// `umwelt run OPTIONS -- COMMAND`.
    func begin(_ options: [String] = [], _ command: [String], input: String = "") throws -> Running {
        try start(["\(Programs.umwelt)", "run", "--state-dir", state] + options + ["--"] + command, input: input)
    }

    func run(_ options: [String] = [], _ command: [String], input: String = "") throws -> Result {
        try begin(options, command, input: input).end()
    }

    /// The same with a shell's script as the command.
    func run(_ options: [String] = [], script: String) throws -> Result { try run(options, ["sh", "-c", script]) }

    func view(_ arguments: [String]) throws -> Result {
        try start(["\(Programs.umwelt)", "view", "--state-dir", state] + arguments).end()
    }

    /// Waits until the container `name` has started, which it shows by printing something.
    func waitForOutput(_ running: Running) throws {
        for _ in 0..<(1000 * Programs.patience) {
            if !running.soFar.isEmpty { return }
            usleep(10_000)
        }
        _ = try? running.child.kill(SIGTERM)
        let result = try running.end(seconds: 10)
        throw LabError("the container does not start: \(result.errors)")
    }

    /// What is left of containers; the daemon has a moment to go.
    func leftovers() -> [String] {
        var left: [String] = []
        for _ in 0..<(60 * Programs.patience) {
            left = leftoversNow()
            if left.isEmpty { return [] }
            usleep(50_000)
        }
        return left
    }

    private func leftoversNow() -> [String] {
        var left: [String] = []
        func entries(_ path: String) -> [String] {
            let names = (try? Fd.open(Path(path), [.directory]).entries(limit: 1000)) ?? []
            return names.filter { $0.type == 4 }.map { path + "/" + String(decoding: $0.name, as: UTF8.self) }
        }
        for top in ["/sys/fs/cgroup"] + entries("/sys/fs/cgroup") {
            left += entries(top).filter { $0 == top + "/" + cgroup } + entries(top + "/" + cgroup)
        }
        left += entries(state + "/bundles") + entries(state + "/runtime/runc") + entries(state + "/runtime/crun")
        let mounts = String(
            decoding: (try? Fd.contents(of: "/proc/self/mountinfo", limit: 1 << 22)) ?? [],
            as: UTF8.self
        )
        left += mounts.split(separator: "\n").filter { $0.contains(directory) }.map(String.init)
        if (try? UnixSocket.connect(to: Path(state + "/umweltd.sock"))) != nil { left.append("a daemon") }
        return left
    }
}
