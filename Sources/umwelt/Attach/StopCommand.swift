// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

import ArgumentParser
import Glibc
import Kernel
import NodeLink

/// `umwelt stop`: the command line of it.
struct StopCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "stop",
        abstract: "End the daemon, after taking the views away from running containers.",
        usage: "umwelt stop",
        discussion: """
            Running containers see the kernel's own files from then on, and no errors.

            EXIT STATUS
              0; 1 where no umweltd runs or it does not end, 2 for a wrong command line.
            """
    )

    @Option(help: RunHelp.stateDirectory, transform: RunParsing.stateDirectory) var stateDir: String?
    @Flag(help: ArgumentHelp("Do nothing where systemd restarts this unit.", visibility: .private)) var unlessRestart =
        false
    @Option(help: ArgumentHelp("That unit.", visibility: .private)) var unit = "umweltd.service"

    private static let patienceMilliseconds = 28_000

    func run() throws {
        // systemd calls this too when the main process has ended by itself; another one follows then.
        if unlessRestart, !Restart.hasMainProcess || Restart.isUnderWay(unit) { return }
        let state = StateDirectory(stateDir)
        do {
            let daemon = try DaemonClient(socket: state.socket, hold: false)
            _ = try daemon.request(.stop, [])
        } catch is DaemonClient.Absent {
            throw Failure.failed("no umweltd listens at \(state.socket)")
        }
        for _ in 0..<(Self.patienceMilliseconds / 20) {
            usleep(20_000)
            guard FileTree.isThere(Path(state.socket)) else { return }
        }
        throw Failure.failed("umweltd does not end; see its log")
    }
}

/// Whether systemd ends a unit only to start it again.
enum Restart {
    /// Whether the unit's main process is there, for a command that systemd runs (MAINPID).
    static var hasMainProcess: Bool {
        // SAFETY: the pointer is only compared.
        unsafe getenv("MAINPID") != nil
    }

    /// By the jobs it has: `systemctl list-jobs`.
    static func isUnderWay(_ unit: String) -> Bool {
        guard let program = Programs.find("systemctl", in: ""), let pipe = try? Fd.pipe() else { return false }
        return isUnderWay(unit, program, pipe)
    }

    private static func isUnderWay(_ unit: String, _ program: String, _ pipe: consuming Pipe) -> Bool {
        var pipe = pipe
        var command = Command(
            path: Path(program),
            arguments: ["systemctl", "list-jobs", "--no-legend", "--plain", "--full"].map { Array($0.utf8) },
            environment: [Array("PATH=/usr/bin:/bin".utf8), Array("SYSTEMD_PAGER=".utf8)]
        )
        command.files = [-1, pipe.writing.raw, -1]
        guard let child = try? command.spawn() else { return false }
        pipe.closeWriting()
        var text: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 65536)
        while text.count < 1 << 20, let count = try? pipe.reading.read(into: &buffer), count > 0 {
            text.append(contentsOf: buffer.prefix(count))
        }
        _ = try? child.wait()
        return hasRestart(String(decoding: text, as: UTF8.self), unit)
    }

    /// `JOB UNIT TYPE STATE` on each line.
    static func hasRestart(_ jobs: String, _ unit: String) -> Bool {
        jobs.split(separator: "\n").contains { line in
            let words = line.split(separator: " ")
            return words.count >= 3 && words[1] == unit && words[2].hasSuffix("restart")
        }
    }
}

/// `umwelt upgrade`: the command line of it.
struct UpgradeCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "upgrade",
        abstract: "Have the daemon go over to its program's file as it is now.",
        usage: "umwelt upgrade",
        discussion: """
            To be called when a newer umweltd is installed. Containers go on reading. A program that does not run, or does \
            not come to serve, is left for the one before.

            EXIT STATUS
              0; 1 where no umweltd runs or it did not go over, 2 for a wrong command line.
            """
    )

    @Option(help: RunHelp.stateDirectory, transform: RunParsing.stateDirectory) var stateDir: String?

    private static let patienceMilliseconds = 30_000

    func run() throws {
        let state = StateDirectory(stateDir)
        let before: DaemonClient.Greeting
        do {
            let daemon = try DaemonClient(socket: state.socket, hold: false)
            before = daemon.greeting
            _ = try daemon.request(.upgrade, [])
        } catch is DaemonClient.Absent {
            throw Failure.failed("no umweltd listens at \(state.socket)")
        }
        for _ in 0..<(Self.patienceMilliseconds / 20) {
            usleep(20_000)
            guard let after = try? DaemonClient(socket: state.socket, hold: false).greeting, after.pid != before.pid
            else {
                continue
            }
            guard Self.runsItsFile(after.pid) else {
                throw Failure.failed(
                    "the new program did not come to serve: umweltd went back to version \(after.version); see its log"
                )
            }
            return try Standard.output(Array("umweltd \(before.version) -> \(after.version)\n".utf8))
        }
        throw Failure.failed("umweltd goes on as it was; see its log")
    }

    /// Whether a process runs the program that is at its file's place now, and not one that was there before.
    private static func runsItsFile(_ pid: Int32) -> Bool {
        let link = Path("/proc/\(pid)/exe")
        let mark = " (deleted)"
        guard let running = try? FileStatus.of(link), let target = try? FileTree.linkTarget(link).description else {
            return true
        }
        let place = target.hasSuffix(mark) ? String(target.dropLast(mark.count)) : target
        guard let now = try? FileStatus.of(Path(place)) else { return true }
        return (running.device, running.inode) == (now.device, now.inode)
    }
}
