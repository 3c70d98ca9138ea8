// SPDX-License-Identifier: Apache-2.0
// Copyright the Umwelt authors

import ArgumentParser
import Attachment
import Glibc
import Kernel
import NodeLink
import ProcFS

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
    @Option(
        help: ArgumentHelp(
            "Take away what a daemon that has ended left; with --unless-restart where systemd stops the unit.",
            visibility: .private
        )
    )
    var leftAt: String?
    @Option(help: ArgumentHelp("That unit.", visibility: .private)) var unit = "umweltd.service"

    private static let patienceMilliseconds = 28_000

    func run() throws {
        if let leftAt {
            guard !unlessRestart || Restart.isStopped(unit) else { return }
            return try Self.takeAway(leftAt: MountPoint.canonical(Path(leftAt)))
        }
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

    /// What a daemon that has ended could not do itself: nobody follows that would answer for its views.
    private static func takeAway(leftAt mountPoint: Path) throws(Failure) {
        do throws(Errno) {
            let minor = try? MountSurvey.minor(ofOursAt: mountPoint)
            // A container that starts from now on finds nothing to mount; in the others nothing is waited for.
            while (try? MountSurvey.minor(ofOursAt: mountPoint)) != nil { try FuseMount.remove(at: mountPoint) }
            if let minor { try? FuseMount.abort(minor: minor) }
            var mending = try Mending(mountPoint: mountPoint)
            for line in mending.takeAway(of: minor).lines("took away") { Standard.complain(line) }
        } catch {
            throw .failed("cannot take away what is left of \(mountPoint): \(error)")
        }
    }
}

/// Whether systemd ends a unit only to start it again.
enum Restart {
    /// Whether the unit's main process is there, for a command that systemd runs (MAINPID).
    static var hasMainProcess: Bool {
        // SAFETY: the pointer is only compared.
        unsafe getenv("MAINPID") != nil
    }

    static func isUnderWay(_ unit: String) -> Bool { hasRestart(jobs, unit) }

    /// Whether it is ended to stay so: a service that failed has no job while systemd waits before it starts it again.
    static func isStopped(_ unit: String) -> Bool { hasJob(jobs, unit) { $0 == "stop" } }

    /// `systemctl list-jobs`; empty where systemd does not answer.
    private static var jobs: String {
        guard let program = Programs.find("systemctl", in: "") else { return "" }
        var command = Command(
            path: Path(program),
            arguments: ["systemctl", "list-jobs", "--no-legend", "--plain", "--full"].map { Array($0.utf8) },
            environment: [Array("PATH=/usr/bin:/bin".utf8), Array("SYSTEMD_PAGER=".utf8)]
        )
        command.files = [-1, -1, -1]
        return String(decoding: (try? command.output(limit: 1 << 20))?.bytes ?? [], as: UTF8.self)
    }

    static func hasRestart(_ jobs: String, _ unit: String) -> Bool { hasJob(jobs, unit) { $0.hasSuffix("restart") } }

    /// `JOB UNIT TYPE STATE` on each line.
    static func hasJob(_ jobs: String, _ unit: String, _ isMeant: (Substring) -> Bool) -> Bool {
        jobs.split(separator: "\n").contains { line in
            let words = line.split(separator: " ")
            return words.count >= 3 && words[1] == unit && isMeant(words[2])
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
            try Self.refuseWhatDoesNotRun(before.pid)
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

    /// The file of a process's program, whether it is still the same.
    private static func place(_ pid: Int32) -> Path? {
        let mark = " (deleted)"
        guard let target = try? FileTree.linkTarget(Path("/proc/\(pid)/exe")).description else { return nil }
        return Path(target.hasSuffix(mark) ? String(target.dropLast(mark.count)) : target)
    }

    /// The daemon would go on as it is, and only its log say why; it tries the program itself where its files are not these.
    private static func refuseWhatDoesNotRun(_ pid: Int32) throws(Failure) {
        func namespace(_ pid: String) -> UInt64? { (try? FileStatus.of(Path("/proc/\(pid)/ns/mnt")))?.inode }
        guard let place = place(pid), let own = namespace("self"), own == namespace("\(pid)") else { return }
        var command = Command(path: place, arguments: ["umweltd", "--version"].map { Array($0.utf8) }, environment: [])
        command.files = [-1, -1, -1]
        var status: Kernel.ExitStatus?
        do throws(Errno) {
            let child = try command.spawn()
            for _ in 0..<500 where status == nil {
                usleep(10_000)
                status = try child.poll()
            }
            if status == nil { try? child.kill(SIGKILL) }
        } catch {
            throw .failed("\(place) does not run: \(error); umweltd goes on as it was")
        }
        guard status == .exited(0) else {
            throw .failed("\(place) does not run: it does not tell its version; umweltd goes on as it was")
        }
    }

    /// Whether a process runs the program that is at its file's place now, and not one that was there before.
    private static func runsItsFile(_ pid: Int32) -> Bool {
        guard let running = try? FileStatus.of(Path("/proc/\(pid)/exe")), let place = place(pid) else { return true }
        guard let now = try? FileStatus.of(place) else { return true }
        return (running.device, running.inode) == (now.device, now.inode)
    }
}
